"""Pinyin glosses after a character: ``會(huì)``, ``創(chuàng )``. Not ``(a)``, ``GDP(现价)``, ``A(H1N1)``.

A gloss without a tone mark (``們(men)``) is one only where others of the text bear theirs. Where a lost byte took the
opening bracket with it (``叭?wù)``), the rest of the gloss goes too.
"""

from __future__ import annotations

import re

from zhengling.text.aligned import Edit

HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"
_TONED = "āáǎăàēéěĕèīíǐĭìōóǒŏòūúǔŭùǖǘǚǜńňǹḿ"
_PLAIN = "a-zɑɡüêɛ"
_ACCENTS = "\u0300\u0301\u0304\u0306\u030c\u0308"
_SPACE_KINDS = " \t\u00a0\u2002\u2003\u2009\u200b\u202f\u3000"
_SPACE = " \t\u00a0\u2000-\u200b\u202f\u3000"
_LOST = "?？\ufffd"
_PINYIN = rf"([{_PLAIN}{_TONED}{_ACCENTS}]{{1,10}})[{_SPACE}]*[)）]"
_GLOSS = re.compile(rf"[(（][{_SPACE}]*{_PINYIN}", re.IGNORECASE)
_ORPHAN = re.compile(rf"(?<=[{_LOST}]){_PINYIN}", re.IGNORECASE)
_SYLLABLE = re.compile(
    "(?:[bpmfdtnlgkhjqxrzcsyw]|[zcs]h)(?:[aeiouüv]|ai|ei|ao|ou|an|en|ang|eng|ong|ia|ie|iao|iu|ian|in|iang|ing|iong|ua|uo|uai|ui|uan|un|uang|ue|üe)|er"
)
_TONE = re.compile(f"[{_TONED}\u0300\u0301\u0304\u0306\u030c]", re.IGNORECASE)
_BEFORE = re.compile(f"[{HAN}{_LOST}]")
LOST_BEFORE_GLOSS = "\ufdd0"
"""Put for a lost byte (``?``) after which a gloss was removed: ASCII followed the byte, the search for slips is told."""


def find_glosses(text: str) -> list[Edit]:
    """Deletions of the glosses of a text, with the space before them; the annotated character stays."""
    edits: list[Edit] = []
    toneless: list[Edit] = []
    for match in _GLOSS.finditer(text):
        start, pinyin = match.start(), match[1]
        while start and text[start - 1] in _SPACE_KINDS:
            start -= 1
        if not start or not _BEFORE.match(text, start - 1):
            continue
        toned = not pinyin.isascii() and _TONE.search(pinyin)
        if toned or _SYLLABLE.fullmatch(pinyin):
            found = edits if toned else toneless
            if text[start - 1] in _LOST:
                found.append((start - 1, start, LOST_BEFORE_GLOSS))
            found.append((start, match.end(), ""))
    edits += toneless if edits else ()
    for match in _ORPHAN.finditer(text):
        if _TONE.search(match[1]):
            edits += [(match.start() - 1, match.start(), LOST_BEFORE_GLOSS), (*match.span(), "")]
    return sorted(edits)
