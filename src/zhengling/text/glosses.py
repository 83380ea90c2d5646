"""Pinyin glosses after a character: ``會(huì)``, ``創(chuàng )``. Not ``(a)``, ``GDP(现价)``, ``A(H1N1)``."""

from __future__ import annotations

import re

from zhengling.text.aligned import Edit

HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"
_TONED = "āáǎăàēéěĕèīíǐĭìōóǒŏòūúǔŭùǖǘǚǜńňǹḿ"
_PLAIN = "a-zɑɡüêɛ"
_ACCENTS = "\u0300\u0301\u0304\u0306\u030c\u0308"
_SPACE_KINDS = " \t\u00a0\u2002\u2003\u2009\u200b\u202f\u3000"
_SPACE = " \t\u00a0\u2000-\u200b\u202f\u3000"
_GLOSS = re.compile(rf"[(（][{_SPACE}]*(?P<pinyin>[{_PLAIN}{_TONED}{_ACCENTS}]{{1,10}})[{_SPACE}]*[)）]", re.IGNORECASE)
_TONE = re.compile(f"[{_TONED}\u0300\u0301\u0304\u0306\u030c]", re.IGNORECASE)
_BEFORE = re.compile(f"[{HAN}?？\ufffd]")
LOST_BEFORE_GLOSS = "\ufdd0"
"""Put for a lost byte (``?``) after which a gloss was removed: ASCII followed the byte, the search for slips is told."""


def find_glosses(text: str) -> list[Edit]:
    """Deletions of the glosses of a text, with the space before them; the annotated character stays."""
    edits: list[Edit] = []
    for match in _GLOSS.finditer(text):
        start = match.start()
        while start and text[start - 1] in _SPACE_KINDS:
            start -= 1
        if not start or not _BEFORE.match(text, start - 1) or not _TONE.search(match["pinyin"]):
            continue
        if text[start - 1] in "?？\ufffd":
            edits.append((start - 1, start, LOST_BEFORE_GLOSS))
        edits.append((start, match.end(), ""))
    return edits
