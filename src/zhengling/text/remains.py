"""Remains of a web page or a program: entities, tags, characters that show nothing, digits set apart by spaces."""

from __future__ import annotations

import html
import re

from zhengling.text.aligned import Edit
from zhengling.text.characters import SPACES
from zhengling.text.glosses import LOST_BEFORE_GLOSS

_INLINE = "a|abbr|b|big|center|em|font|i|img|ins|label|mark|s|small|span|strike|strong|sub|sup|u|o:p|st1:[a-z]+"
_BLOCK = "br|p|div|li|ul|ol|tr|table|tbody|thead|td|th|h[1-6]|hr|section|article|blockquote|body|html|head|pre"
_TAG = re.compile(rf"</?(?:(?P<block>{_BLOCK})|{_INLINE})(?:\s[^<>\n]{{0,400}})?/?>|<!--[^<>]{{0,400}}-->", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:amp;)?(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8}\d{0,2});")
_UNFINISHED_ENTITY = re.compile(r"&(?:nbsp|ldquo|rdquo|mdash|hellip|middot|emsp|ensp)(?![a-zA-Z;])")
_INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\u180e\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]"
)
INVISIBLE = frozenset(chr(code) for code in range(0x10000) if _INVISIBLE.match(chr(code)))
PRIVATE = frozenset(map(chr, (*range(0xE000, 0xF900), ord(LOST_BEFORE_GLOSS))))
"""The characters that these repairs delete."""
_PRIVATE = re.compile(f"[\ue000-\uf8ff{LOST_BEFORE_GLOSS}]")
_DIGIT = "[0-9０-９]"
_SPACED_DIGITS = re.compile(
    rf"(?<![0-9０-９A-Za-z.,])(?:{_DIGIT}[{SPACES}]){{1,15}}{_DIGIT}[{SPACES}]?(?=[年月日号時时分万萬亿億元％%余个個户戶人项項次届屆家])"
)
_SPACED_HAN = re.compile(rf"(?<![\u3400-\u9fff])(?:[\u3400-\u9fff][{SPACES}]){{3,40}}[\u3400-\u9fff](?![\u3400-\u9fff])")
_APART = re.compile(rf"[{SPACES}][^\n][年月日号時时分万萬亿億元％%余個个户戶人项項次届屆家{SPACES}]")
_SPACE = re.compile(rf"[{SPACES}]")


def find_markup(text: str) -> list[Edit]:
    """Tags out (those of a block leave a line end), entities to the characters that they name."""
    edits: list[Edit] = []
    if "<" in text:
        edits += [(m.start(), m.end(), "\n" if m["block"] else "") for m in _TAG.finditer(text)]
    if "&" in text:
        for match in (*_ENTITY.finditer(text), *_UNFINISHED_ENTITY.finditer(text)):
            name = match[0].replace("&amp;", "&", 1) if match[0] != "&amp;" else "&amp;"
            character = html.unescape(name if name.endswith(";") else name + ";")
            if len(character) == 1:
                edits.append((match.start(), match.end(), character))
    return sorted(edits)


def find_invisible(text: str) -> list[Edit]:
    """Zero-width characters, direction marks and control characters, to be deleted."""
    return [(match.start(), match.end(), "") for match in _INVISIBLE.finditer(text)]


def find_private(text: str) -> list[Edit]:
    """Private-use characters, to be deleted: no font but the author's shows them; a lost byte becomes ``?`` again."""
    return [(m.start(), m.end(), "?" if m[0] == LOST_BEFORE_GLOSS else "") for m in _PRIVATE.finditer(text)]


def find_spaced(text: str) -> list[Edit]:
    """The spaces within ``1 9 9 8 年`` and within a heading set wide (``工 作 报 告``), to be deleted."""
    edits: list[Edit] = []
    end = 0
    while match := _APART.search(text, end):
        start, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.end())
        end = len(text) if end < 0 else end
        for pattern in (_SPACED_DIGITS, _SPACED_HAN):
            for found in pattern.finditer(text, start, end):
                edits += [(space.start(), space.end(), "") for space in _SPACE.finditer(text, *found.span())]
    return sorted(edits)
