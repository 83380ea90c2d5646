"""Where records go: JSON lines, CSV, Parquet, an HTML page; chosen by the suffix.

A sink writes beside its place. ``commit`` brings all that was written to the disk and returns a number; a sink that is opened
with that number goes on from there. ``finish`` puts the output in its place.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from zhengling.errors import OutputError
from zhengling.extraction.records import Record
from zhengling.files.columns import Columns, free_names, json_text, plain
from zhengling.files.durable import AppendFile, put, replacing, sweep, sync_folder, writing
from zhengling.files.parquet_rows import ParquetRows
from zhengling.page.page import Page
from zhengling.scheme.labels import LabelScheme

CSV_COLUMNS = (
    "source", "id", "paragraph", "themes", "boilerplate", "start", "end", "kind", "score", "text", "clean",
)  # fmt: skip
"""The columns before those of the slot kinds, ``error`` and those of the table that was read."""
DIRECTIVES_AT_ONCE = 1000
"""How many directives are JSON at a time."""
SUFFIXES = (".jsonl", ".csv", ".parquet", ".html")
STDOUT = "-"


class Sink(Protocol):
    """Takes records in order."""

    def write(self, record: Record, text: str) -> None:
        """Write a record; ``text`` is the source as decoded."""

    def commit(self) -> int:
        """Bring all that was written to the disk; the number to go on from."""

    def finish(self) -> None:
        """Put the output in its place, after a last commit."""

    def close(self) -> None:
        """Let go of all files."""


class JsonLines:
    """One record a line, as the contract says."""

    def __init__(self, path: Path, committed: int | None) -> None:
        self.path = path
        self.file = AppendFile(work_path(path), committed)

    def write(self, record: Record, text: str) -> None:
        """Write a record."""
        for part in json_parts(record):
            self.file.write(part)

    def commit(self) -> int:
        """The bytes written."""
        return self.file.commit()

    def finish(self) -> None:
        """Put the file in its place."""
        put(self.file.path, self.path)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


class Csv(JsonLines):
    """One row a directive; a document without directives, or with an error, has one row too.

    Slots of one kind are joined by ``；``.
    """

    def __init__(self, path: Path, committed: int | None, slots: Sequence[str], columns: Columns) -> None:
        super().__init__(path, committed)
        self.slots, self.columns = slots, columns
        own = (*CSV_COLUMNS, *slots, "error")
        self.carried = free_names(columns, own)
        self.line = io.StringIO()
        names = [*own, *self.carried.values()]
        self.rows = csv.DictWriter(self.line, names, lineterminator="\r\n", restval="")
        if not self.file.size:
            self.file.write(self._line(dict(zip(names, names, strict=True))))

    def write(self, record: Record, text: str) -> None:
        """Write a record as rows."""
        about = {"source": record.source, "id": record.id or "", "error": record.error or ""}
        about |= {self.carried[name]: plain(value, "string") for name, value in (record.columns or {}).items()}
        rows = []
        for directive in record.directives:
            paragraph = record.paragraphs[directive.paragraph]
            slots = {kind: "；".join(slot.clean for slot in directive.slots if slot.kind == kind) for kind in self.slots}
            own = {name: getattr(directive, name) for name in ("paragraph", "start", "end", "kind", "score", "text", "clean")}
            themes = {"themes": " ".join(paragraph.themes), "boilerplate": paragraph.boilerplate}
            rows.append({**about, **own, **themes, **slots})
        self.file.write("".join(map(self._line, rows or [about])))

    def _line(self, cells: dict[str, Any]) -> str:
        """A row that ends in a line feed; csv quotes a cell for a bare carriage return only where that is in the line's end."""
        self.line.seek(0)
        self.line.truncate()
        self.rows.writerow(cells)
        return self.line.getvalue().removesuffix("\r\n") + "\n"


class Html(JsonLines):
    """A self-contained page, rendered at the end from the records and texts that were kept as JSON lines."""

    def __init__(self, path: Path, committed: int | None, scheme: LabelScheme) -> None:
        super().__init__(path, committed)
        self.scheme = scheme

    def write(self, record: Record, text: str) -> None:
        """Keep a record."""
        kept = {"record": record.as_dict(), "text": text}
        self.file.write(json.dumps(kept, ensure_ascii=False, default=str) + "\n")

    def finish(self) -> None:
        """Render the page and put it in its place."""
        with (
            replacing(self.path) as new,
            self.file.path.open(encoding="utf-8", newline="\n") as kept,
            new.open("w", encoding="utf-8", newline="") as out,
        ):
            page = Page(out, directives=self.scheme.directives, slots=self.scheme.slots, themes=self.scheme.themes)
            page.start()
            for line in kept:
                both = json.loads(line)
                page.document(Record.from_dict(both["record"]), both["text"])
            page.end()
        with writing(self.file.path):
            self.file.path.unlink()
            sync_folder(self.path.parent)


class Stdout:
    """JSON lines in UTF-8 on standard output; they cannot be taken back, so that a run with it is not gone on with."""

    def write(self, record: Record, text: str) -> None:
        """Print a record; raises :class:`OutputError`."""
        with _printing():
            for part in json_parts(record):
                sys.stdout.buffer.write(part.encode())

    def commit(self) -> int:
        """Nothing to go on from."""
        with _printing():
            sys.stdout.buffer.flush()
        return 0

    def finish(self) -> None:
        """Nothing to put in place."""

    def close(self) -> None:
        """Standard output stays open."""


@contextmanager
def _printing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        with suppress(OSError), Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())  # what is left is written once more when Python ends
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


def json_line(record: Record) -> str:
    """The record as the contract says, with a line end."""
    return "".join(json_parts(record))


def json_parts(record: Record) -> Iterator[str]:
    """:func:`json_line` in parts of :data:`DIRECTIVES_AT_ONCE` directives, since a document may have a hundred thousand."""
    if len(record.directives) <= DIRECTIVES_AT_ONCE:
        yield json_text(record.as_dict()) + "\n"
        return
    fields = [f"{json_text(name)}: {json_text(value)}" for name, value in replace(record, directives=[]).as_dict().items()]
    place = fields.index('"directives": []')
    yield "{" + ", ".join([*fields[:place], '"directives": ['])
    for first in range(0, len(record.directives), DIRECTIVES_AT_ONCE):
        some = ", ".join(json_text(each.as_dict()) for each in record.directives[first : first + DIRECTIVES_AT_ONCE])
        yield f", {some}" if first else some
    yield ", ".join(["]", *fields[place + 1 :]]) + "}\n"


def work_path(path: Path) -> Path:
    """What a sink writes until the output is put in its place."""
    return path.with_name(path.name + ".part")


def in_place(name: str) -> bool:
    """Whether the output of a run of which all records are committed is in its place already."""
    sweep(work_path(Path(name)))
    return not work_path(Path(name)).exists()


def check_output(name: str) -> None:
    """Raise :class:`OutputError` for a suffix that is not one of :data:`SUFFIXES`."""
    if name != STDOUT and Path(name).suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"output {name!r}: unknown suffix {Path(name).suffix.lower()!r}. "
            f"Expected one of: {' '.join(SUFFIXES)}, or - for stdout"
        )


def open_sink(name: str, scheme: LabelScheme, columns: Columns, committed: int | None = None) -> Sink:
    """The sink for an output; with what its last commit returned, it goes on from there."""
    check_output(name)
    path = Path(name)
    match STDOUT if name == STDOUT else path.suffix.lower():
        case ".csv":
            return Csv(path, committed, scheme.slots, columns)
        case ".html":
            return Html(path, committed, scheme)
        case ".parquet":
            return ParquetRows(path, work_path(path), committed, scheme, columns)
        case ".jsonl":
            return JsonLines(path, committed)
    return Stdout()
