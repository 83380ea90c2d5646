"""Documents, one after another: text files, what is taken out of pages, Word files and PDFs, rows of tables."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhengling.errors import ReadError
from zhengling.files.docx_text import docx_text
from zhengling.files.html_text import html_text
from zhengling.files.inputs import EXTRACTED, STDIN, TABLES, shown, suffix_of
from zhengling.files.pdf_text import pdf_text
from zhengling.files.tables import Row, header, rows
from zhengling.values.dates import as_date

DATE_COLUMN = "date"
_OPTIONS = "names of columns in --text-column and --id-column"
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?:日|\D.*)?")


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document to read; ``name`` is what its record's ``source`` says.

    ``content`` is the text, or bytes that are still to be decoded. ``columns`` are the other columns of a table row, None for
    what is none. ``error`` says why it could not be read.
    """

    name: str
    content: bytes | str
    id: str | None = None
    columns: Mapping[str, Any] | None = None
    date: datetime.date | None = None
    error: str | None = None
    position: int = 0
    """About how many bytes of all inputs were read up to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSettings:
    """How documents are read."""

    text_column: str = "text"
    """The column of a table that holds the text."""
    id_column: str | None = None
    """The column that holds the id; ``id`` where there is one if None."""
    encoding: str | None = None
    """Of text files, pages, CSV and JSON lines; found for each if None."""
    date: datetime.date | None = None
    """Of all documents whose row has no date."""


def iter_documents(files: Iterable[str], settings: ReadSettings, after: str | None = None) -> Iterator[SourceDocument]:
    """The documents of ``files``, or those behind the one named ``after``; one file is in memory at a time, or a few rows.

    Going on is by the name and not by a number, which is another when a table can be read that could not be before. Raises
    :class:`ReadError` where there is no such document.
    """
    position = 0
    for path in files:
        if after is None and suffix_of(path) in TABLES:
            yield from _table(path, settings, position)
        elif after is None:
            yield _file(path, settings, position)
        elif shown(path) == after:  # of a table too: what could be read of it was read
            after = None
        elif shown(path) == after.rpartition(":")[0]:
            yield from _behind(after, _table(path, settings, position))
            after = None
        position += _size(path)
    if after is not None:
        raise ReadError(f"no document is named {after}. Expected the one behind which to go on")


def parse_date(value: Any) -> datetime.date | None:
    """The date that a cell holds, None if it holds none."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    return as_date(*map(int, match.groups())) if match else None


def extracted_text(path: str, data: bytes, encoding: str | None = None) -> str:
    """The text of a file with one of the suffixes :data:`EXTRACTED`; raises :class:`ReadError`, whatever is damaged in it."""
    suffix = suffix_of(path)
    try:
        if suffix == ".docx":
            return docx_text(data)
        return pdf_text(data) if suffix == ".pdf" else html_text(data, encoding)
    except ReadError:
        raise
    except Exception as error:  # one file must not end the run
        raise ReadError(f"cannot take the text out of the {suffix}: {type(error).__name__}: {error}") from error


def _file(path: str, settings: ReadSettings, position: int) -> SourceDocument:
    content: bytes | str = b""
    error = None
    try:
        content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
        position += len(content)
        if suffix_of(path) in EXTRACTED:
            content = extracted_text(path, content, settings.encoding)
    except OSError as failure:
        error = f"cannot read {shown(path)}: {failure.strerror}"
    except ReadError as failure:
        content, error = "", str(failure)
    return SourceDocument(shown(path), content, date=settings.date, error=error, position=position)


def _size(path: str) -> int:
    try:
        return 0 if path == STDIN else Path(path).stat().st_size
    except OSError:
        return 0


def _table(path: str, settings: ReadSettings, position: int) -> Iterator[SourceDocument]:
    """A document a row, named ``FILE:ROW``; one with an error and the name of the file where the rest cannot be read."""
    try:
        names = header(path, settings.encoding)
        for wanted in (settings.text_column, settings.id_column) if names is not None else ():
            if wanted is not None and wanted not in (names or ()):
                raise ReadError(f"{path} has no column {wanted!r}, only: {', '.join(names or ())}. Expected {_OPTIONS}")
        for row in rows(path, settings.encoding):
            yield _document(path, row, settings, position)
    except ReadError as error:
        yield SourceDocument(shown(path), "", error=shown(str(error)), position=position)


def _behind(row: str, documents: Iterator[SourceDocument]) -> Iterator[SourceDocument]:
    document = None
    for document in documents:
        if document.name == row:
            yield from documents
            return
    reason = document.error if document is not None and document.error else "it has fewer rows now"
    raise ReadError(f"{row} is not there to go on behind: {reason}. Expected the table that was read before")


def _document(path: str, row: Row, settings: ReadSettings, position: int) -> SourceDocument:
    name, end = f"{shown(path)}:{row.number}", position + row.position
    if row.error is not None:
        return SourceDocument(name, "", columns={}, error=row.error, position=end)
    id_column = settings.id_column or "id"
    text, identity = row.cells.get(settings.text_column), row.cells.get(id_column)
    columns = {key: value for key, value in row.cells.items() if key not in (settings.text_column, id_column)}
    error = None
    if not isinstance(text, str):
        found = f"is {text!r:.60}" if settings.text_column in row.cells else f"is missing, it has: {', '.join(row.cells)}"
        error = f"the column {settings.text_column!r} {found}. Expected a text; see --text-column"
    return SourceDocument(
        name,
        text if isinstance(text, str) else "",
        id=None if identity in (None, "") else str(identity),
        columns=columns,
        date=parse_date(row.cells.get(DATE_COLUMN)) or settings.date,
        error=error,
        position=end,
    )
