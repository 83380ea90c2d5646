"""Paragraphs: lines, and the parts of a huge line whose line breaks were lost."""

from __future__ import annotations

import re

from zhengling.text.aligned import Edit

LONG, HUGE, HUGE_WITHOUT_SPACES = 120, 300, 2000
"""Characters from which on a line is taken for several: parted by wide gaps, by single spaces, by enumerators alone."""
_SPACE = " \t\u00a0\u2002\u2003\u3000"
_CLOSING = "”’」』）)》"
_ENDED = f"(?:(?<=[。！？!?；;…])|(?<=[。！？!?；;…][{_CLOSING}])|(?<=[调出求下们表员位构门为]：))"
_WIDE_GAP = re.compile("[\u3000\u2003]{2,}")
_GAP = re.compile(rf"{_ENDED}[{_SPACE}]+|[\u3000\u2003]{{2,}}")
_MARKER = re.compile(
    rf"(?<=[。！？!?；;])[{_CLOSING}]{{0,2}}(?=(?:[一二三四五六七八九十]{{1,3}}、|[（(][一二三四五六七八九十]{{1,3}}[)）]|\d{{1,2}}[.．、](?!\d)))"
)


def find_lost_breaks(text: str) -> list[Edit]:
    """Line breaks to put back into huge lines; a space that stands for one is replaced by it."""
    edits: list[Edit] = []
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start >= LONG:
            edits += _breaks_in_line(text, start, end)
        start = end + 1
    return edits


def _breaks_in_line(text: str, start: int, end: int) -> list[Edit]:
    first = start
    while first < end and text[first].isspace():
        first += 1
    last = end
    while last > first and text[last - 1].isspace():
        last -= 1
    gap = _GAP if end - start >= HUGE else _WIDE_GAP
    edits: list[Edit] = [(m.start(), m.end(), "\n") for m in gap.finditer(text, first, last)]
    if end - start >= HUGE_WITHOUT_SPACES:
        taken = {position for edit in edits for position in edit[:2]}
        edits += [(m.end(), m.end(), "\n") for m in _MARKER.finditer(text, first, last) if m.end() not in taken]
        edits.sort()
    return edits


def find_paragraphs(text: str) -> tuple[tuple[int, int], ...]:
    """The lines that are not blank, without the white space around them, as spans of the text."""
    spans = []
    start = 0
    for line in text.split("\n"):
        bare = line.strip()
        if bare:
            begin = start + len(line) - len(line.lstrip())
            spans.append((begin, begin + len(bare)))
        start += len(line) + 1
    return tuple(spans)
