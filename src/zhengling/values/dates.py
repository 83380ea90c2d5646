"""The date that a document gives itself, in a line of its own or behind a label."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from zhengling.values.numerals import NUMERAL, whole_number

_DATE = (
    r"(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    rf"|(?P<year2>\d{{4}}|[一二][〇○零一二三四五六七八九]{{3}})\s*年\s*(?P<month2>{NUMERAL})\s*月\s*(?P<day2>{NUMERAL})\s*日)"
)
_LABEL = r"(?:发布|印发|成文|发文|发表)?(?:时间|日期)\s*[:：]\s*"
_ALONE = re.compile(rf"[（(〔\[]?(?:{_LABEL})?{_DATE}(?:\s*\d{{1,2}}[:：]\d{{2}}(?:[:：]\d{{2}})?)?[）)〕\]]?(?:印发)?")
_LABELLED = re.compile(rf"(?:发布|印发|成文|发文)(?:时间|日期)\s*[:：]\s*{_DATE}")
_HEAD, _TAIL = 10, 15
"""How many lines with text, from the top and from the bottom, may hold the date."""
_LONGEST = 80


def document_date(text: str) -> datetime.date | None:
    """The first date that stands alone in a line, or behind a label such as ``发布时间：``, near the top or the bottom.

    ``text`` is clean text. None if there is none, or if there are several that differ in year or month.
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    near = lines if len(lines) <= _HEAD + _TAIL else lines[:_HEAD] + lines[-_TAIL:]
    found = [date for line in near if len(line) <= _LONGEST for date in _dates(line)]
    months = {(date.year, date.month) for date in found}
    return found[0] if len(months) == 1 else None


def _dates(line: str) -> Iterator[datetime.date]:
    match = _ALONE.fullmatch(line) or _LABELLED.search(line)
    if match is None:
        return
    parts = [whole_number(match[name] or match[f"{name}2"]) for name in ("year", "month", "day")]
    date = as_date(*parts)
    if date is not None:
        yield date


def as_date(year: int | None, month: int | None, day: int | None) -> datetime.date | None:
    """The date, None if there is no such day or a part of it is not known."""
    if year is None or month is None or day is None:
        return None
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
