"""Lines that were broken in mid-sentence (PDF), to be joined again."""

from __future__ import annotations

import re

from zhengling.text.aligned import Edit

WIDEST = 60
"""Characters of the longest line that a page is taken to hold."""
_HAN = "\u3400-\u9fff"
_OPEN = "，、“‘（《"
_BROKEN = re.compile(rf"\n[ \t\u00a0]?(?=[{_HAN}“”‘’（）《》0-9０-９A-Za-z])")
_MARKER = re.compile(
    r"(?:第?[一二三四五六七八九十百]{1,4}[、章节节條条是]|[（(][一二三四五六七八九十\d]{1,3}[)）]|\d{1,2}[.．、](?!\d)|[-—●■◆▲★①-⑳])"
)
_SENTENCE_END = "。！？!?；;：:…"
_CLOSING = "”’」』）)》"


def find_broken_lines(text: str) -> list[Edit]:
    """Line ends within a sentence, to be deleted with the space around them.

    After a comma or an opening mark anywhere; after any other character only in a text whose lines are mostly of one
    width, at the end of a line of that width.
    """
    edits: list[Edit] = []
    at = text.find("\n")
    while at >= 0:
        match = _BROKEN.match(text, at)
        start = at
        while start and text[start - 1] in " \t\u00a0":
            start -= 1
        if match and start and text[start - 1] in _OPEN and (not edits or start >= edits[-1][1]):
            edits.append((start, match.end(), ""))
        at = text.find("\n", at + 1)
    width = _page_width(text)
    if width:
        taken = {end for _, end, _ in edits}
        edits += [edit for edit in _at_full_width(text, width) if edit[1] not in taken]
        edits.sort()
    return edits


def _page_width(text: str) -> float:
    """The width that most lines of a page-set text fill, 0 if the text is not set so."""
    if len(text) > (text.count("\n") + 1) * WIDEST:
        return 0
    widths = sorted(_width(line) for line in text.split("\n") if line.strip())
    if len(widths) < 4:
        return 0
    widest = widths[-1 - len(widths) // 50]
    full = sum(width >= widest - 2 for width in widths)
    return widest if 12 <= widest <= WIDEST and widths[-1] <= widest + 6 and full >= max(4, len(widths) * 0.35) else 0


def _width(line: str) -> float:
    """The width of a line in Chinese characters: an ASCII one takes half."""
    line = line.strip()
    return len(line) - sum(map(str.isascii, line)) / 2


def _at_full_width(text: str, width: float) -> list[Edit]:
    """Line ends after full lines; a full line that ends a sentence must fill the page to the last character."""
    edits: list[Edit] = []
    start = 0
    while (end := text.find("\n", start)) >= 0:
        line = text[start:end].rstrip()
        following = end + 1
        goes_on = following < len(text) and not text[following].isspace() and not _MARKER.match(text, following)
        if goes_on and _width(line) >= width - (1 if _is_complete(line) else 2):
            edits.append((start + len(line), following, ""))
        start = following
    return edits


def _is_complete(line: str) -> bool:
    bare = line.rstrip(_CLOSING)
    return bare[-1:] in _SENTENCE_END
