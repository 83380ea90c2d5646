"""Characters that are written in one of several ways: full-width Latin, kinds of space, hyphens, quotes, radicals."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from zhengling.text.aligned import Edit

SPACES = " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_CHINESE_MARKS = "！（），：；？"
_VARIANTS = {
    "-": "‐‑‒–−﹣\u00ad",
    "—": "―─━",
    "·": "‧・•∙⋅",
    "“": "「﹁〝",
    "”": "」﹂〞",
    "‘": "『﹃",
    "’": "』﹄",
    "，": "﹐︐",
    "、": "﹑､",
    "。": "｡︒",
    "；": "﹔",
    "：": "﹕︰",
    "？": "﹖",
    "！": "﹗",
    "（": "﹙︵",
    "）": "﹚︶",
    "》": "︾",
    "《": "︽",
    ".": "﹒",
    "%": "﹪",
}
_RADICALS = (*range(0x2E80, 0x2FE0), *range(0xF900, 0xFB00))
_LINE_END = re.compile("\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_HALF_MARK = re.compile("[,;:!](?<=[\u3400-\u9fff”’》）】].)(?![0-9A-Za-z/])")
_CHINESE_FORM = {",": "，", ";": "；", ":": "：", "!": "！"}


@cache
def _folds() -> NDArray[np.uint32]:
    """The form that each code point below 65536 is folded to, shape ``[65536]``."""
    table = np.arange(0x10000, dtype=np.uint32)
    for code in range(0xFF01, 0xFF5F):
        if chr(code) not in _CHINESE_MARKS:
            table[code] = code - 0xFEE0
    for code in _RADICALS:
        form = unicodedata.normalize("NFKC", chr(code))
        if len(form) == 1 and ord(form) < 0x10000:
            table[code] = ord(form)
    for form, variants in _VARIANTS.items():
        table[list(map(ord, variants))] = ord(form)
    table[list(map(ord, SPACES))] = ord(" ")
    table[0xD800:0xE000] = 0xFFFD
    return table


def fold(text: str) -> str:
    """Fold each character to its usual form; the length stays.

    Full-width Latin letters, digits and signs become ASCII, every kind of space a plain one; Chinese punctuation
    (，。：；！？（）) stays Chinese, corner brackets become quotes. A lone surrogate becomes U+FFFD.
    """
    if text.isascii() and "\t" not in text:
        return text
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    folded = _folds()[np.minimum(codes, 0xFFFF)]
    folded = np.where(codes < 0x10000, folded, codes).astype("<u4")
    return text if np.array_equal(folded, codes) else folded.tobytes().decode("utf-32-le")


def chinese_marks(text: str) -> str:
    """Half-width ``, ; : !`` after a Chinese character become Chinese ones; the length stays."""
    if not any(mark in text for mark in _CHINESE_FORM):
        return text
    return _HALF_MARK.sub(lambda match: _CHINESE_FORM[match[0]], text)


def find_line_ends(text: str) -> list[Edit]:
    """Line ends of other systems, to be single line feeds."""
    return [(match.start(), match.end(), "\n") for match in _LINE_END.finditer(text)]
