"""The sampling plan of a corpus: one row a document, with what each column may hold."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from zhengling.errors import GoldError
from zhengling.scheme.labels import DEFAULT_SCHEME

Row = Mapping[str, str]
"""One document of the plan: column to value."""
SPLITS = ("train", "validation", "test")
"""The folders of a corpus."""
_GENRES = (
    "全会 常委会会议 专题部署会 安全生产电视电话会 三级干部大会 领导讲话 政府工作报告 "
    "会议纪要 通知 意见 办法 新闻通稿 调研报道 访谈表态"
)
_PROVINCES = (
    "中央 北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 "
    "河南 湖北 湖南 广东 海南 四川 贵州 云南 陕西 甘肃 青海 内蒙古 广西 西藏 宁夏 新疆"
)
VALUES: dict[str, tuple[str, ...]] = {
    "genre": tuple(_GENRES.split()),
    "level": ("部委", "省", "市", "县区", "街道/乡镇", "开发区", "高校", "国企"),
    "province": tuple(_PROVINCES.split()),
    "year": tuple(map(str, range(2012, 2027))),
    "form": ("clean", "traditional", "lost line breaks", "glossed", "slipped", "boilerplate"),
    "split": SPLITS,
}
"""The columns that take one of a few values."""
_PATTERNS = {
    "id": re.compile(r"z\d{3,}"),
    "topic": re.compile(rf"({'|'.join(DEFAULT_SCHEME.themes)}|mixed)/\S+"),
    "length": re.compile(r"\d+-\d+"),
    "style": re.compile(r"\S+"),
}
COLUMNS = (*_PATTERNS, *VALUES)


def read_plan(path: Path) -> tuple[dict[str, Row], list[str]]:
    """The rows by id, and what is wrong with them; raises :class:`GoldError` if it is no table with these columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GoldError(f"{path}: cannot be read as a table: {error}") from error
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise GoldError(f"{path}: lacks the columns {', '.join(missing)}. Expected {', '.join(COLUMNS)}")
    plan: dict[str, Row] = {}
    problems: list[str] = []
    for number, row in rows:
        where = f"{path.name}, line {number}"
        problems += [f"{where}: {problem}" for problem in _problems(row)]
        if row["id"] in plan:
            problems.append(f"{where}: a second row for {row['id']}")
        plan[row["id"]] = row
    return plan, problems


def _problems(row: Row) -> Iterator[str]:
    for column in COLUMNS:
        value = row[column] or ""
        if column in VALUES and value not in VALUES[column]:
            yield f"{column} {value!r} is not one of: {', '.join(VALUES[column])}"
        if column in _PATTERNS and not _PATTERNS[column].fullmatch(value):
            yield f"{column} {value!r} is not of the form {_PATTERNS[column].pattern}"
