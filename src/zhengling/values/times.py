"""The value of a time: deadline, period or frequency, with its first and last day as far as they are certain."""

from __future__ import annotations

import datetime
import re

from zhengling.values.calendar import months_later, parse_stretch
from zhengling.values.numerals import DIGITS, NUMERAL, fold, parse_number

TimeValue = dict[str, str | None]
"""``type`` (``deadline``, ``period`` or ``frequency``), ``start`` and ``end`` (ISO dates, both within the time) or None."""

_FREQUENCY = re.compile(r"每|^按[年季月周旬日]度?|^逐[年季月周旬日]|^(?:月月|天天|年年|周周|季季|日日)|^定期")
_LEAD = re.compile(r"^(?:(?P<until>直?到|至|截至|截止到?|不晚于|不迟于)|于|在|从|自|力争|争取|确保|最迟)+")
_BEFORE = re.compile(r"(?:之|以)?前$")
_WITHIN = re.compile(r"(?:之|以)?内$")
_SINCE = re.compile(r"(?:起|开始|以来|之日起)$")
_DURING = re.compile(r"(?:期间|间|中|的时间|时间)$")
_TO = r"(?:至|到|-|–|—+|~)"
_RANGE = re.compile(rf"(?P<first>.+?){_TO}(?P<last>.+)")
_NAMES_YEAR = re.compile(rf"(?:\d{{4}}|[一二][{DIGITS}]{{3}})年")
_LENGTH = re.compile(rf"(?:未来|今后)?(?P<number>{NUMERAL}|半)个?(?P<unit>年|月|周|星期|季度|学期|工作日|日|天|小时|分钟)半?")
_MONTHS = {"年": 12, "月": 1}
_NAMED_PERIOD = re.compile(
    r"下一步|今明两年|下一?阶段|今后|近期|现阶段|当前|.*(?:汛|春|夏|秋|冬|期|季|节|节日|夜间|白天|假日|时段|阶段|时期|[全当次]天|当日|期内)"
)


def time_value(text: str, date: datetime.date | None = None) -> TimeValue | None:
    """The value of a time slot, such as ``明年6月底前``, in a document of ``date``; None if its type is not certain.

    A deadline has no start. Days that the text leaves open are None: ``6月前`` (may June be used?), ``春节前``, ``10日内``
    (from when on?), a month without a year that was over on ``date``, and whatever needs a ``date`` where there is none.
    """
    folded = re.sub("年年(?=[底末终内])", "年", fold(text))
    if _FREQUENCY.search(folded):
        return _value("frequency")
    lead = _LEAD.match(folded)
    core = folded[lead.end() :] if lead else folded
    if _SINCE.search(core):
        return _since(_SINCE.sub("", core), date)
    if _BEFORE.search(core):
        return _before(_BEFORE.sub("", core), date)
    if _WITHIN.search(core):
        return _within(_WITHIN.sub("", core), date)
    if lead and lead["until"]:
        stretch = parse_stretch(core, date)
        return _value("deadline", end=stretch.last) if stretch else None
    return _range(core, date) or _plain(core, date)


def _value(kind: str, start: datetime.date | None = None, end: datetime.date | None = None) -> TimeValue:
    return {"type": kind, "start": start.isoformat() if start else None, "end": end.isoformat() if end else None}


def _since(core: str, date: datetime.date | None) -> TimeValue | None:
    if core in ("即日", "今日"):
        return _value("period", start=date)
    stretch = parse_stretch(core, date)
    return _value("period", start=stretch.first if stretch else None)


def _before(core: str, date: datetime.date | None) -> TimeValue:
    stretch = parse_stretch(core, date)
    sure = stretch is not None and (stretch.end or stretch.day)
    return _value("deadline", end=stretch.last if stretch and sure else None)


def _within(core: str, date: datetime.date | None) -> TimeValue:
    length = _LENGTH.fullmatch(core)
    if length:
        return _value("deadline", end=_later(length, date))
    stretch = parse_stretch(core, date)
    return _value("deadline", end=stretch.last if stretch else None)


def _later(length: re.Match[str], date: datetime.date | None) -> datetime.date | None:
    """The end of so many years, months or weeks; days and hours are mostly counted from an event, not from the document."""
    half = length["number"] == "半"
    number = 0.5 if half else parse_number(length["number"])
    if date is None or number is None or length[0].endswith("半") or number > 100:
        return None
    if length["unit"] in _MONTHS and not (half and length["unit"] == "月"):
        return months_later(date, int(number * _MONTHS[length["unit"]]))
    if length["unit"] in ("周", "星期") and not half:
        return date + datetime.timedelta(weeks=number)
    return None


def _range(core: str, date: datetime.date | None) -> TimeValue | None:
    match = _RANGE.fullmatch(_spelled_out(core))
    first = parse_stretch(match["first"], date, after=date) if match else None
    if match is None or first is None:
        return None
    last = parse_stretch(match["last"], date, after=first.first)
    if last is None:
        return None
    if first.first is None or last.last is None or last.last < first.first:
        return _value("period")
    if date is not None and last.last < date and not _NAMES_YEAR.search(core):
        return _value("period")  # over by then: next year's may be meant
    return _value("period", start=first.first, end=last.last)


def _spelled_out(core: str) -> str:
    """``2021-2023年``, ``1至6月`` and ``3月1日至5日`` with the year and month named on both sides."""
    core = re.sub(r"(?<=日)止$|(?<=月)止$|(?<=年)止$", "", re.sub(r"(?<=[年月日])起(?=[至到])", "", core))
    core = re.sub(rf"^((?:.*年)?)({NUMERAL})({_TO})({NUMERAL})(年|月份?)", r"\1\2\5\3\4\5", core)
    return re.sub(rf"^((?:.*年)?({NUMERAL}月)\d+[日号]?)({_TO})(\d+[日号])$", r"\1\3\2\4", core)


def _plain(core: str, date: datetime.date | None) -> TimeValue | None:
    during = _DURING.sub("", core)
    stretch = parse_stretch(during, date)
    if stretch is not None:
        if stretch.end:
            return _value("deadline", end=stretch.last)
        return _value("period", start=stretch.first, end=stretch.last)
    named = during != core or _LENGTH.fullmatch(core) or _NAMED_PERIOD.fullmatch(core)
    return _value("period") if named else None
