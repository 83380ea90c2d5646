"""Numbers as official texts write them: ``1.2万``, ``三千二百万``, ``二〇二五``; full-width and traditional forms too."""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0, "两": 2}
_PLACES = {"十": 10, "百": 100, "千": 1000}
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_TRADITIONAL = str.maketrans(
    "萬億兩個過於達爭進來後內間規劃時開發會節現實從許歐鎊學歲點幾週號鐘項處戶畝噸餘",
    "万亿两个过于达争进来后内间规划时开发会节现实从许欧镑学岁点几周号钟项处户亩吨余",
)
DIGITS = "〇○零一二两三四五六七八九"
NUMERAL = rf"(?:\d+|[{DIGITS}十]+)"
"""A whole number as years, months and days are written, for :func:`whole_number`."""
THOUSAND = "千(?![瓦米克伏卡帕赫])"
"""``千`` as a number, not as the first half of a unit such as ``千瓦时``."""
NUMBER = rf"(?:\d[\d,]*(?:\.\d+)?(?:[十百万亿]|{THOUSAND})*|(?:[{DIGITS}十百万亿]|{THOUSAND})+(?:点[{DIGITS}]+)?[万亿]*)"
"""What :func:`parse_number` may be able to read."""


def fold(text: str) -> str:
    """Full-width signs as ASCII, the traditional characters of times and numbers as simplified ones, no white space."""
    return re.sub(r"\s+", "", text.translate(_FULL_WIDTH).translate(_TRADITIONAL))


def whole_number(text: str) -> int | None:
    """``12``, ``十二`` or ``二〇二五`` as a number; None for what is none."""
    number = parse_number(text)
    return int(number) if number is not None and number == int(number) else None


def parse_number(text: str) -> float | None:
    """The number that a folded text is; None if it is none, or none that is certain (``几十``, ``三五``, a bare ``百``)."""
    number = _decimal(text.replace(",", ""))
    return None if number is None else float(number)


def _decimal(text: str) -> Decimal | None:
    for sign, size in (("亿", 10**8), ("万", 10**4)):
        if sign in text:
            head, _, tail = text.rpartition(sign)
            many, rest = _decimal(head), _rest(tail, size)
            return None if many is None or rest is None else many * size + rest
    return _below_ten_thousand(text)


def _rest(text: str, size: int) -> Decimal | None:
    """What follows ``万`` or ``亿``: nothing, or a smaller number; a bare digit (``一万二``) is not certain."""
    if not text:
        return Decimal(0)
    number = _decimal(text)
    bare = len(text) == 1 and text in _DIGITS
    return None if number is None or number >= size or bare else number


def _below_ten_thousand(text: str) -> Decimal | None:
    arabic = re.fullmatch(r"(\d+(?:\.\d+)?)([十百千]?)", text)
    if arabic:
        return Decimal(arabic[1]) * _PLACES.get(arabic[2], 1)
    whole, point, fraction = text.partition("点")
    if point:
        number = _places(whole)
        digits = "".join(str(_DIGITS[character]) for character in fraction if character in _DIGITS)
        return None if number is None or not digits or len(digits) < len(fraction) else Decimal(f"{number}.{digits}")
    number = _places(text)
    return None if number is None else Decimal(number)


def _places(text: str) -> int | None:
    """``四百一十二``, ``十二``, a single digit, or four digits in a row, as years are written."""
    if text and all(character in _DIGITS for character in text):
        values = [_DIGITS[character] for character in text]
        return int("".join(map(str, values))) if len(values) in (1, 4) else None
    match = re.fullmatch(rf"(?:([{DIGITS}])千零?)?(?:([{DIGITS}])百零?)?(?:([{DIGITS}]?)十)?([{DIGITS}]?)", text)
    if not text or not match:
        return None
    thousands, hundreds, tens, ones = match.groups()
    if text[-1] not in "十百千" and not ones:
        return None
    total = sum(_DIGITS[digit] * size for digit, size in ((thousands, 1000), (hundreds, 100), (ones, 1)) if digit)
    if tens is None and ones and "零" not in text:
        return None  # 一千二, 三百五: colloquial, and a unit may be left out
    return total + (_DIGITS.get(tens, 1) * 10 if tens is not None else 0)
