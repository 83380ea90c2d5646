"""Stretches of the calendar as official texts name them: ``2025年三季度``, ``明年6月底``, ``“十四五”末``."""

from __future__ import annotations

import calendar
import datetime
import re
from dataclasses import dataclass

from zhengling.values.dates import as_date
from zhengling.values.numerals import NUMERAL, whole_number

_YEAR = rf"(?P<year>{NUMERAL})年度?|(?P<word>今年|本年度?|明年|后年|全年|次年|当年|年)"
_PART = (
    r"(?P<half>[上下])半年|第?(?P<quarter>[1-4一二三四])季度|(?P<this>本月|月|下个?月|本季度|本周|下周)"
    rf"|(?P<month>{NUMERAL})月份?(?:(?P<day>{NUMERAL})[日号]|(?P<third>[上中下])旬)?"
)
_STRETCH = re.compile(rf"(?:{_YEAR})?(?:{_PART})?(?P<end>[底末终])?")
_PLAN = re.compile(r"[“\"「]?(?P<number>十?[一二三四五六七八九十])五[”\"」]?(?:规划)?(?:时期|期间|期)?(?P<end>末)?")
_YEARS_ON = {"今年": 0, "本年": 0, "本年度": 0, "明年": 1, "后年": 2}
_Days = tuple[datetime.date, datetime.date]
_FIRST_PLAN = 1981 - 6 * 5
"""The sixth five-year plan began in 1981; the plans from it on follow one another without a gap."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """First and last day; both None where the text and the document's date leave them open."""

    first: datetime.date | None
    last: datetime.date | None
    end: bool
    """It names its end (``6月底``)."""
    day: bool
    """It is one day."""


def parse_stretch(text: str, date: datetime.date | None, after: datetime.date | None = None) -> Stretch | None:
    """The stretch that a folded text names; None if it names none.

    Without a year it lies in that of ``date``, and is left open if it was over by then: next year may be meant. With ``after``,
    the first day of the range that the stretch ends, the year is that of ``after``, or the next.
    """
    plan = _PLAN.fullmatch(text)
    if plan:
        number = whole_number(plan["number"])
        first = _FIRST_PLAN + 5 * (number or 0)
        sure = number is not None and number >= 6
        days = (datetime.date(first, 1, 1), datetime.date(first + 4, 12, 31)) if sure else None
        return _stretch(days, end=plan["end"] is not None, day=False)
    match = _STRETCH.fullmatch(text) if text else None
    if match is None or (match["word"] == "年" and not (match["end"] or match["half"]) and text != "年"):
        return None
    days = _days(match, after or date, as_range_end=after is not None)
    if days is not None and not match["year"] and after is None and date is not None and _unsure(match, days[1], date):
        days = None
    return _stretch(days, end=match["end"] is not None, day=match["day"] is not None)


def _stretch(days: _Days | None, *, end: bool, day: bool) -> Stretch:
    first, last = days or (None, None)
    return Stretch(first, last, end, day)


def _unsure(match: re.Match[str], last: datetime.date, date: datetime.date) -> bool:
    """Whether a stretch without a year may be next year's: it is over, or it is December and half or whole years are meant."""
    if match["word"] in _YEARS_ON or match["this"]:
        return False
    return last < date or (date.month == 12 and (match["word"] in ("年", "全年") or match["half"] is not None))


def _days(match: re.Match[str], date: datetime.date | None, as_range_end: bool) -> _Days | None:
    if match["this"]:
        return None if date is None else _this(match["this"], date)
    year = _year(match, date, as_range_end)
    if year is None:
        return None
    if match["month"]:
        return _month(match, year)
    if match["half"]:
        return _months(year, 1, 6) if match["half"] == "上" else _months(year, 7, 12)
    if match["quarter"]:
        quarter = whole_number(match["quarter"]) or 0
        return _months(year, 3 * quarter - 2, 3 * quarter)
    return _months(year, 1, 12)


def _year(match: re.Match[str], date: datetime.date | None, as_range_end: bool) -> int | None:
    if match["year"]:
        year = whole_number(match["year"])
        return year if year is not None and 1900 <= year < 2100 else None
    if date is None or match["word"] == "当年" or (match["word"] == "次年" and not as_range_end):
        return None
    return date.year + (1 if match["word"] == "次年" else _YEARS_ON.get(match["word"] or "", 0))


def _month(match: re.Match[str], year: int) -> _Days | None:
    month = whole_number(match["month"]) or 0
    if not 1 <= month <= 12:
        return None
    if match["day"]:
        day = as_date(year, month, whole_number(match["day"]))
        return None if day is None else (day, day)
    first, last = _months(year, month, month)
    if match["third"]:
        begins, ends = {"上": (1, 10), "中": (11, 20), "下": (21, last.day)}[match["third"]]
        return first.replace(day=begins), first.replace(day=ends)
    return first, last


def _this(word: str, date: datetime.date) -> _Days:
    if word.endswith("周"):
        monday = date - datetime.timedelta(days=date.weekday()) + datetime.timedelta(weeks=int(word == "下周"))
        return monday, monday + datetime.timedelta(days=6)
    if word == "本季度":
        quarter = (date.month + 2) // 3
        return _months(date.year, 3 * quarter - 2, 3 * quarter)
    there = months_later(date.replace(day=1), int(word.startswith("下")))
    return _months(there.year, there.month, there.month)


def _months(year: int, first: int, last: int) -> _Days:
    return datetime.date(year, first, 1), datetime.date(year, last, calendar.monthrange(year, last)[1])


def months_later(date: datetime.date, months: int) -> datetime.date:
    """The same day so many months later, or the last day of that month."""
    years, month = divmod(date.month - 1 + months, 12)
    last = calendar.monthrange(date.year + years, month + 1)[1]
    return datetime.date(date.year + years, month + 1, min(date.day, last))
