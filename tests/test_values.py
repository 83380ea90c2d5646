"""The values of times and targets, case by case, and the date of a document."""

from __future__ import annotations

import datetime

import pytest

from zhengling.values.dates import document_date
from zhengling.values.numerals import parse_number
from zhengling.values.targets import target_value
from zhengling.values.times import time_value

MARCH = datetime.date(2023, 3, 10)
DECEMBER = datetime.date(2022, 12, 20)

TIMES = [  # text, type, start, end, in a document of 10 March 2023
    ("6月底前", "deadline", None, "2023-06-30"),
    ("八月底前", "deadline", None, "2023-08-31"),
    ("11月15日前", "deadline", None, "2023-11-15"),
    ("2月底前", "deadline", None, None),  # over: which year is meant?
    ("9月前", "deadline", None, None),  # is September in it?
    ("2025年前", "deadline", None, None),
    ("年底前", "deadline", None, "2023-12-31"),
    ("今年年底前", "deadline", None, "2023-12-31"),
    ("年内", "deadline", None, "2023-12-31"),
    ("明年6月底前", "deadline", None, "2024-06-30"),
    ("月底前", "deadline", None, "2023-03-31"),
    ("下月底前", "deadline", None, "2023-04-30"),
    ("本周内", "deadline", None, "2023-03-12"),
    ("三季度末", "deadline", None, "2023-09-30"),
    ("到2025年", "deadline", None, "2025-12-31"),
    ("到2026年底", "deadline", None, "2026-12-31"),
    ("二〇二五年底前", "deadline", None, "2025-12-31"),
    ("“十四五”末", "deadline", None, "2025-12-31"),
    ("三年内", "deadline", None, "2026-03-10"),
    ("半年內", "deadline", None, "2023-09-10"),
    ("两周内", "deadline", None, "2023-03-24"),
    ("10日内", "deadline", None, None),  # counted from an event
    ("自受理之日起十个工作日内", "deadline", None, None),
    ("春节前", "deadline", None, None),
    ("主汛期前", "deadline", None, None),
    ("全年", "period", "2023-01-01", "2023-12-31"),
    ("今年下半年", "period", "2023-07-01", "2023-12-31"),
    ("上半年", "period", "2023-01-01", "2023-06-30"),
    ("第四季度", "period", "2023-10-01", "2023-12-31"),
    ("2024年", "period", "2024-01-01", "2024-12-31"),
    ("8月上旬", "period", "2023-08-01", "2023-08-10"),
    ("十五五时期", "period", "2026-01-01", "2030-12-31"),
    ("3月15日至6月15日", "period", "2023-03-15", "2023-06-15"),
    ("自四月起至十月止", "period", "2023-04-01", "2023-10-31"),
    ("11月至次年3月", "period", "2023-11-01", "2024-03-31"),
    ("2021—2023年", "period", "2021-01-01", "2023-12-31"),
    ("1至2月", "period", None, None),
    ("从明年起", "period", "2024-01-01", None),
    ("即日起", "period", "2023-03-10", None),
    ("7月1日起", "period", "2023-07-01", None),
    ("下一步", "period", None, None),
    ("汛期", "period", None, None),
    ("三年", "period", None, None),
    ("当天", "period", None, None),
    ("每季度", "frequency", None, None),
    ("汛期每天", "frequency", None, None),
    ("按月", "frequency", None, None),
    ("月月", "frequency", None, None),
    ("每年3月底前", "frequency", None, None),
    ("31月底前", "deadline", None, None),
    ("2023年2月30日", "period", None, None),
]


@pytest.mark.parametrize(("text", "kind", "start", "end"), TIMES)
def test_time(text: str, kind: str, start: str | None, end: str | None) -> None:
    assert time_value(text, MARCH) == {"type": kind, "start": start, "end": end}


@pytest.mark.parametrize("text", ["会后", "尽快", "去年", "事故发生后", ""])
def test_what_is_no_deadline_period_or_frequency_for_certain_has_no_value(text: str) -> None:
    assert time_value(text, MARCH) is None


@pytest.mark.parametrize("text", ["6月底前", "年内", "三年内", "月底前", "明年6月底前", "本周内"])
def test_a_relative_deadline_without_a_date_is_open(text: str) -> None:
    assert time_value(text) == {"type": "deadline", "start": None, "end": None}


@pytest.mark.parametrize("text", ["全年", "上半年", "下半年"])
def test_in_december_a_year_that_is_not_named_may_be_the_next(text: str) -> None:
    assert time_value(text, DECEMBER) == {"type": "period", "start": None, "end": None}
    assert time_value("今年", DECEMBER) == {"type": "period", "start": "2022-01-01", "end": "2022-12-31"}


TARGETS = [  # text, comparator, number, unit
    ("不低于3.5亿美元", ">=", 350_000_000.0, "USD"),
    ("5亿元", "=", 500_000_000.0, "CNY"),
    ("突破1.6万亿元", ">", 1_600_000_000_000.0, "CNY"),
    ("三千二百万元以上", ">=", 32_000_000.0, "CNY"),
    ("不超过十块钱", "<=", 10.0, "CNY"),
    ("20多万元", ">", 200_000.0, "CNY"),
    ("两个亿", "=", 200_000_000.0, None),
    ("1.2万户", "=", 12_000.0, "户"),
    ("１．２萬戶", "=", 12_000.0, "户"),
    ("2万名以上", ">=", 20_000.0, "名"),
    ("1,200名", "=", 1200.0, "名"),
    ("四百一十二台", "=", 412.0, "台"),
    ("突破20亿千瓦时", ">", 2_000_000_000.0, "千瓦时"),
    ("不高于1.5毫克/升", "<=", 1.5, "毫克/升"),
    ("不少于一次", ">=", 1.0, "次"),
    ("至少有一个", ">=", 1.0, "个"),
    ("20余个", ">", 20.0, "个"),
    ("3人以内", "<=", 3.0, "人"),
    ("控制在3%以内", "<=", 3.0, "%"),
    ("超過10%", ">", 10.0, "%"),
    ("力争达到8%左右", "~", 8.0, "%"),
    ("5个百分点", "=", 5.0, "个百分点"),
    ("百分之六十以上", ">=", 60.0, "%"),
    ("百分之百", "=", 100.0, "%"),
    ("千分之三", "=", 3.0, "‰"),
    ("两成", "=", 20.0, "%"),
    ("四成五", "=", 45.0, "%"),
    ("不低于七成", ">=", 70.0, "%"),
    ("1倍以上", ">=", 1.0, "倍"),
    ("前10", "<=", 10.0, "位"),
    ("第1", "=", 1.0, "位"),
]


@pytest.mark.parametrize(("text", "comparator", "number", "unit"), TARGETS)
def test_target(text: str, comparator: str, number: float, unit: str | None) -> None:
    assert target_value(text) == {"comparator": comparator, "number": number, "unit": unit}


@pytest.mark.parametrize(
    "text",
    [
        "翻一番",
        "三分之一",
        "几十个",
        "百家",
        "3至5个",
        "5%-8%",
        "一两个",
        "一万二",
        "超10%以上",
        "下降3%",
        "全覆盖",
        "在册党员的10%",
        "",
    ],
)
def test_a_target_that_is_not_certain_has_no_value(text: str) -> None:
    assert target_value(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("十二", 12.0),
        ("二十", 20.0),
        ("四百零五", 405.0),
        ("一亿两千万", 120_000_000.0),
        ("二〇二五", 2025.0),
        ("三点五万", 35_000.0),
    ],
)
def test_numeral(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("全县工作例会\n（2023年8月14日）\n会议要求，抓好整改。\n", (2023, 8, 14)),
        ("通知\n各村：\n抓好整改。\n柳湾镇人民政府\n二〇二三年十一月二日\n", (2023, 11, 2)),
        ("要闻\n来源：柳湾发布 发布时间：2023-08-14 10:22 编辑：文月\n会议要求。", (2023, 8, 14)),
        ("讲话\n（2023年8月14日）\n同志们：\n发布时间：2023-08-16", (2023, 8, 14)),
        ("讲话\n（2023年8月14日）\n同志们：\n发布时间：2023-09-01", None),
        ("会议于2023年8月14日召开，要求抓好整改。", None),
        ("会议要求\n2023年2月30日\n", None),
    ],
)
def test_the_date_that_a_document_gives_itself(text: str, date: tuple[int, int, int] | None) -> None:
    assert document_date(text) == (date and datetime.date(*date))
