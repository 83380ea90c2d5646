"""Rows of JSON lines, CSV and Parquet, one at a time; a broken row is a row with an error."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow
import pyarrow.parquet as pq

from zhengling.errors import ReadError
from zhengling.files.inputs import suffix_of
from zhengling.text.decode import decode

_DELIMITERS = ",;\t"
_CHUNK = 1 << 20
_ROWS_AT_ONCE = 64
_LINES = 1000
"""How many lines with other characters than ASCII the encoding is guessed by."""
_LONGEST_FIELD = 2**31 - 1
_ESCAPED = re.compile("[\udc80-\udcff]")

_BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError, LookupError, csv.Error, pyarrow.ArrowException)
"""What reading a table that is none may raise."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number, from 1 (of JSON lines, the number of the line), its cells or what is wrong with it."""

    number: int
    cells: Mapping[str, Any]
    position: int
    """About how many bytes of the file were read up to here."""
    error: str | None = None


def rows(path: str, encoding: str | None = None) -> Iterator[Row]:
    """The rows of a table; raises :class:`ReadError` where the file as a whole cannot be read.

    ``encoding`` is that of CSV and JSON lines; without one CSV is UTF-8, or what :func:`zhengling.text.read` would find,
    and JSON lines UTF-8.
    """
    suffix = suffix_of(path)
    reader = _parquet_rows(path) if suffix == ".parquet" else None
    if reader is None:
        reader = _csv_rows(path, encoding) if suffix.startswith(".csv") else _json_rows(path, encoding or "utf-8")
    try:
        yield from reader
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def header(path: str, encoding: str | None = None) -> list[str] | None:
    """The names of the columns; None for JSON lines, of which each line has its own. Raises :class:`ReadError`."""
    suffix = suffix_of(path)
    try:
        return _header(path, suffix, encoding)
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _header(path: str, suffix: str, encoding: str | None) -> list[str] | None:
    if suffix.startswith(".jsonl"):
        return None
    if suffix == ".parquet":
        with _raw(path) as raw, pq.ParquetFile(raw) as file:
            return list(file.schema_arrow.names)
    with _raw(path) as raw:
        names = next(_csv_lines(_csv_text(raw, path, encoding)), [])
    if any(map(_ESCAPED.search, names)):
        raise ReadError(f"{path}: the header is not {encoding}. Expected the encoding that --encoding names")
    names = [name for name in names if name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise ReadError(f"{path} has {'two columns called ' + twice[0] if twice else 'no header'}. Expected names of columns")
    return names


def _unreadable(path: str, error: BaseException) -> ReadError:
    return ReadError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")


def _raw(path: str) -> BinaryIO:
    return cast(BinaryIO, Path(path).open("rb"))


def _unpacked(raw: BinaryIO, path: str) -> BinaryIO:
    if path.lower().endswith(".gz"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    return cast(BinaryIO, lzma.LZMAFile(raw)) if path.lower().endswith(".xz") else raw


def _json_rows(path: str, encoding: str) -> Iterator[Row]:
    with _raw(path) as raw:
        for number, line in enumerate(_unpacked(raw, path), 1):
            if not line.strip():
                continue
            cells, error = _parsed(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line, encoding)
            yield Row(number, cells, raw.tell(), error)


def _parsed(line: bytes, encoding: str) -> tuple[dict[str, Any], str | None]:
    try:
        cells = json.loads(line.decode(encoding))
    except UnicodeDecodeError as error:
        return {}, f"the line is not {encoding}: {error.reason} at byte {error.start}"
    except (ValueError, RecursionError) as error:
        return {}, f"the line is not JSON: {error}"
    if not isinstance(cells, dict):
        return {}, f"the line is {cells!r:.60}. Expected an object"
    if b"\\ud" in line.lower():
        try:
            json.dumps(cells, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return {}, "the line holds half a surrogate pair. Expected whole characters"
    return cells, None


def _csv_rows(path: str, encoding: str | None) -> Iterator[Row]:
    with _raw(path) as raw:
        text = _csv_text(raw, path, encoding)  # named here, since it closes the file when it is let go
        lines = _csv_lines(text)
        names = next(lines, [])
        number = 0
        while True:
            wrong: str | None = None
            try:
                fields = next(lines)
            except StopIteration:
                return
            except csv.Error as error:
                fields, wrong = [], f"the row is not CSV: {error}"
            else:
                if not fields:
                    continue
                if len(fields) != len(names):
                    wrong = f"the row has {len(fields)} fields, the header {len(names)}"
                elif any(map(_ESCAPED.search, fields)):
                    wrong = f"the row is not {encoding}"
            number += 1
            cells = {} if wrong else {name: field for name, field in zip(names, fields, strict=True) if name.strip()}
            yield Row(number, cells, raw.tell(), wrong)


def _csv_text(raw: BinaryIO, path: str, encoding: str | None) -> io.TextIOWrapper:
    """The file as text; what is not in an encoding that the caller gave is escaped, so that the rows with it can be told."""
    errors = "surrogateescape" if encoding else "replace"
    return io.TextIOWrapper(_unpacked(raw, path), encoding or _csv_encoding(path), errors=errors, newline="")


def _csv_lines(text: io.TextIOWrapper) -> Iterator[list[str]]:
    """The header and the rows as lists; the delimiter is that of ``,``, ``;`` and tab that the header has most of."""
    csv.field_size_limit(_LONGEST_FIELD)
    first = text.readline().removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=first.count)
    return csv.reader(chain([first], text), delimiter=delimiter, strict=True)


def _csv_encoding(path: str) -> str:
    """``utf-8-sig`` or ``utf-16`` if the whole file is that, else what the text around the first other byte looks like."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _raw(path) as raw:
        stream = _unpacked(raw, path)
        start = stream.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        chunk = start
        while chunk:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                break
            chunk = stream.read(_CHUNK)
        else:
            return "utf-8-sig"
        around = chunk + stream.read(_CHUNK)
    whole = around[around.find(b"\n") + 1 : around.rfind(b"\n") + 1] or around
    _, found = decode(b"\n".join([line for line in whole.split(b"\n") if not line.isascii()][:_LINES]) or whole)
    return "utf-8-sig" if found == "utf-8" else found


def _parquet_rows(path: str) -> Iterator[Row]:
    size = Path(path).stat().st_size
    with _raw(path) as raw, pq.ParquetFile(raw) as file:
        total = max(file.metadata.num_rows, 1)
        number = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
            for cells in batch.to_pylist():
                number += 1
                yield Row(number, cells, size * number // total)
