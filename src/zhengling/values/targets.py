"""The value of a target: comparator, number and unit."""

from __future__ import annotations

import re

from zhengling.values.numerals import DIGITS, NUMBER, THOUSAND, fold, parse_number

TargetValue = dict[str, str | float | None]
"""``comparator`` (one of ``>= > <= < = ~``), ``number``, and ``unit``, None where the text names none."""

_BEFORE = {
    ">=": "不得低于 不得少于 不低于 不少于 不小于 不下于 至少有 至少 最少",
    "<=": "不得超过 不得高于 不超过 不高于 不大于 不多于 不超 最多 至多 控制在",
    ">": "超过 突破 高于 大于 多于 超出 超",
    "<": "低于 少于 小于",
    "~": "大约 约 接近 近",
}
_AFTER = {">=": "及以上 以上 之上", "<=": "以内 之内 以下 及以下", "~": "左右 上下"}
_NEUTRAL = "力争 确保 达到 达 实现 完成 冲刺 保持在 稳定在 新增 增长 提高"
_CURRENCIES = {
    "元": "CNY", "块钱": "CNY", "元人民币": "CNY", "人民币": "CNY", "美元": "USD", "欧元": "EUR", "港元": "HKD", "港币": "HKD",
    "日元": "JPY", "英镑": "GBP",
}  # fmt: skip


def _choice(words: str) -> str:
    return "|".join(sorted(words.split(), key=len, reverse=True))


_COMPARATOR = {word: sign for table in (_BEFORE, _AFTER) for sign, words in table.items() for word in words.split()}
_FRAME = re.compile(
    rf"(?:{_choice(_NEUTRAL)})*(?P<before>{_choice(' '.join(_BEFORE.values()))})?(?P<core>.+?)"
    rf"(?P<after>{_choice(' '.join(_AFTER.values()))})?"
)
_SHARE = re.compile(rf"(?P<whole>[百千万])分之(?P<number>{NUMBER}|百)|(?P<tenths>{NUMBER})成(?P<half>半|[{DIGITS}])?")
_RANK = re.compile(rf"(?P<sign>第|前)(?P<number>{NUMBER})[名位强]?")
_AMOUNT = re.compile(
    rf"(?P<number>{NUMBER})(?P<more>[多余])?(?P<size>(?:个亿|[十百万亿]|{THOUSAND})*)(?P<more2>[多余])?(?P<unit>[^\d,.~\-—、，,]*)"
)
_SHARE_UNITS = {"百": "%", "千": "‰", "万": "‱"}
_NO_UNIT = re.compile(rf"^(?:几|数|来|至|到|分之|[{DIGITS}十百万亿多余]|{THOUSAND})|[（）()《》“”]")
_LONGEST_UNIT = 8


def target_value(text: str) -> TargetValue | None:
    """The value of a target slot, such as ``不低于3.5亿美元``; None where it is not certain.

    Without a comparator it is ``=``; money has its ISO 4217 code as unit, shares ``%`` or ``‰``, ranks (``前10``) ``位``.
    """
    frame = _FRAME.fullmatch(fold(text))
    if frame is None:
        return None
    signs = {_COMPARATOR[word] for word in (frame["before"], frame["after"]) if word}
    if frame["before"] == "控制在":
        signs = {_COMPARATOR[frame["after"]]} if frame["after"] else {"<="}
    if len(signs) > 1:
        return None
    found = _share(frame["core"]) or _rank(frame["core"]) or _amount(frame["core"])
    if found is None:
        return None
    own, number, unit = found
    if own is not None and signs and signs != {own}:
        return None
    return {"comparator": next(iter(signs), own or "="), "number": number, "unit": unit}


_Found = tuple[str | None, float, str | None]
"""A comparator that lies in the number itself, the number, the unit."""


def _share(core: str) -> _Found | None:
    match = _SHARE.fullmatch(core)
    if match is None:
        return None
    if match["whole"]:
        number = 100.0 if match["number"] == "百" else parse_number(match["number"])
        return None if number is None else (None, number, _SHARE_UNITS[match["whole"]])
    tenths = parse_number(match["tenths"])
    half = 5.0 if match["half"] == "半" else parse_number(match["half"] or "零")
    return None if tenths is None or half is None or tenths > 10 else (None, 10 * tenths + half, "%")


def _rank(core: str) -> _Found | None:
    match = _RANK.fullmatch(core)
    number = match and parse_number(match["number"])
    return None if not match or not number else ("<=" if match["sign"] == "前" else "=", number, "位")


def _amount(core: str) -> _Found | None:
    match = _AMOUNT.fullmatch(core)
    if match is None:
        return None
    number = parse_number(match["number"] + match["size"].replace("个", ""))
    unit = match["unit"]
    if number is None or len(unit) > _LONGEST_UNIT or _NO_UNIT.search(unit):
        return None
    more = match["more"] or match["more2"]
    return (">" if more else None), number, _CURRENCIES.get(unit, unit or None)
