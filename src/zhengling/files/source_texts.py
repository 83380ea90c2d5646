"""The text that a record's spans point into, found again by the record's ``source``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zhengling.errors import ReadError
from zhengling.files.inputs import EXTRACTED, TABLES, path_of, suffix_of
from zhengling.files.sources import ReadSettings, extracted_text
from zhengling.files.tables import Row, rows
from zhengling.text.decode import decode


class SourceTexts:
    """Finds texts; those of one table in the order of its rows, so that it is read once."""

    def __init__(self, settings: ReadSettings) -> None:
        self.settings = settings
        self._table = ""
        self._rows: Iterator[Row] = iter(())

    def text(self, source: str, encoding: str | None) -> str:
        """The text as decoded; raises :class:`ReadError` where it cannot be read any more."""
        source = source if Path(source).exists() else path_of(source)
        path, _, number = source.rpartition(":")
        if number.isdigit() and suffix_of(path) in TABLES and not Path(source).exists():
            return self._cell(path, int(number))
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise ReadError(f"cannot read the source {source}: {error.strerror}") from error
        if suffix_of(source) in EXTRACTED:
            return extracted_text(source, data, self.settings.encoding)
        return _decoded(data, encoding)

    def _cell(self, path: str, number: int) -> str:
        if path != self._table:
            self._table, self._rows = path, rows(path, self.settings.encoding)
        row = next((row for row in self._rows if row.number == number), None)
        text = row.cells.get(self.settings.text_column) if row else None
        if not isinstance(text, str):
            raise ReadError(
                f"{path} has no text in row {number}, column {self.settings.text_column!r}, or its records are not in order. "
                "Expected the table that infer.py read; see --text-column"
            )
        return text


def _decoded(data: bytes, encoding: str | None) -> str:
    """The text in the encoding that its record gives, with U+FFFD for broken bytes where the encoding was found with such."""
    try:
        return decode(data, encoding)[0]
    except ReadError:
        text, found = decode(data)
        if found != encoding:
            raise
        return text
