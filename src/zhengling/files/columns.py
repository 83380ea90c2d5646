"""The other columns of the tables that are read, as CSV and Parquet carry them."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as pq

from zhengling.errors import ReadError
from zhengling.files.inputs import TABLES, suffix_of
from zhengling.files.sources import ReadSettings
from zhengling.files.tables import header, rows

Columns = dict[str, str]
"""By the name of a column its type: ``string``, ``int64``, ``double`` or ``bool``."""
TYPES = {"string": pyarrow.string(), "int64": pyarrow.int64(), "double": pyarrow.float64(), "bool": pyarrow.bool_()}
_INT64, _EXACT = range(-(2**63), 2**63), range(-(2**53), 2**53 + 1)
_LONG = "int64 that a double may not hold"
_BOTH = {frozenset(("int64", "double")): "double", frozenset(("int64", _LONG)): _LONG}


def find_columns(files: Iterable[str], settings: ReadSettings) -> Columns:
    """The columns of all tables besides text and id, in the order in which they come up; JSON lines are read for it.

    A column that holds several types, or others than numbers and booleans, is ``string``. Tables that cannot be read have none.
    """
    found: dict[str, str | None] = {}
    own = (settings.text_column, settings.id_column or "id")
    for path in files:
        for name, kind in _kinds(path, settings) if suffix_of(path) in TABLES else ():
            if name not in own:
                found[name] = _both(found.get(name), kind)
    return {name: "int64" if kind == _LONG else kind or "string" for name, kind in found.items()}


def plain(value: Any, kind: str) -> Any:
    """A cell as a column of the type ``kind`` takes it: what is no text becomes JSON in a ``string`` column."""
    if value is None or isinstance(value, str) or kind not in ("string", "double"):
        return value
    if kind == "double":
        return float(value)
    return json_text(value) if isinstance(value, (Mapping, list, bool)) else str(value)


def json_text(value: Any) -> str:
    """JSON, in which what is no finite number (a cell may be NaN) is null."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def free_names(names: Collection[str], taken: Collection[str]) -> dict[str, str]:
    """By column its name in an output that has columns of its own: ``kind`` becomes ``column_kind``, if none is called so."""
    free: dict[str, str] = {}
    used = {*names, *taken}
    for name in names:
        new = name
        while new in taken or (new != name and new in used):
            new = f"column_{new}"
        free[name] = new
        used.add(new)
    return free


def _kinds(path: str, settings: ReadSettings) -> Iterator[tuple[str, str | None]]:
    try:
        if suffix_of(path) == ".parquet":
            with Path(path).open("rb") as raw, pq.ParquetFile(raw) as file:
                yield from [(field.name, _arrow_kind(field.type)) for field in file.schema_arrow]
            return
        names = header(path, settings.encoding)
        if names is not None:
            yield from ((name, "string") for name in names)
            return
        for row in rows(path, settings.encoding):
            yield from ((name, _kind(value)) for name, value in row.cells.items())
    except (ReadError, OSError, pyarrow.ArrowException):
        return  # the run itself tells of it


def _arrow_kind(kind: pyarrow.DataType) -> str:
    if pyarrow.types.is_boolean(kind):
        return "bool"
    if pyarrow.types.is_integer(kind) and kind != pyarrow.uint64():
        return "int64"
    return "double" if pyarrow.types.is_floating(kind) else "string"


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64" if value in _EXACT else _LONG if value in _INT64 else "string"
    return "double" if isinstance(value, float) else "string"


def _both(first: str | None, second: str | None) -> str | None:
    if first is None or second is None or first == second:
        return first or second
    return _BOTH.get(frozenset((first, second)), "string")
