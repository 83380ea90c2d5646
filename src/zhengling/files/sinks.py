"""Where records go: JSON lines, CSV, an HTML page; chosen by the suffix."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from zhengling.errors import ZhenglingError
from zhengling.extraction.records import Record
from zhengling.page.page import Page
from zhengling.scheme.labels import LabelScheme

CSV_COLUMNS = (
    "source", "id", "paragraph", "themes", "boilerplate", "start", "end", "kind", "score", "text", "clean",
)  # fmt: skip
"""The columns before those of the slot kinds and ``error``."""


class Writer(Protocol):
    """Writes records in order; ``close`` writes what comes last."""

    def write(self, record: Record, text: str) -> None:
        """Write a record; ``text`` is the source as decoded."""

    def close(self) -> None:
        """Write what comes after the last record."""


class JsonLines:
    """One record a line, as the contract says."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, record: Record, text: str) -> None:
        """Write a record."""
        self.out.write(json.dumps(record.as_dict(), ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Nothing comes last."""


class Csv:
    """One row a directive; a document without directives, or with an error, has one row too.

    Slots of one kind are joined by ``；``.
    """

    def __init__(self, out: TextIO, slots: Sequence[str]) -> None:
        self.slots = slots
        self.rows = csv.DictWriter(out, [*CSV_COLUMNS, *slots, "error"], lineterminator="\n", restval="")
        self.rows.writeheader()

    def write(self, record: Record, text: str) -> None:
        """Write a record as rows."""
        about = {"source": record.source, "id": record.id or "", "error": record.error or ""}
        if not record.directives:
            self.rows.writerow(about)
        for directive in record.directives:
            paragraph = record.paragraphs[directive.paragraph]
            slots = {kind: "；".join(slot.clean for slot in directive.slots if slot.kind == kind) for kind in self.slots}
            own = {name: getattr(directive, name) for name in ("paragraph", "start", "end", "kind", "score", "text", "clean")}
            themes = {"themes": " ".join(paragraph.themes), "boilerplate": paragraph.boilerplate}
            self.rows.writerow({**about, **own, **themes, **slots})

    def close(self) -> None:
        """Nothing comes last."""


class Html:
    """A self-contained page."""

    def __init__(self, out: TextIO, scheme: LabelScheme) -> None:
        self.page = Page(out, directives=scheme.directives, slots=scheme.slots, themes=scheme.themes)
        self.page.start()

    def write(self, record: Record, text: str) -> None:
        """Write a record."""
        self.page.document(record, text)

    def close(self) -> None:
        """Write the end of the page."""
        self.page.end()


SUFFIXES = (".jsonl", ".csv", ".html")


class Sink:
    """An output file, written beside its place and put there when it is whole; ``-`` is JSON lines on stdout.

    Leaving the ``with`` block by an error keeps what was written as ``NAME.part``.
    """

    def __init__(self, name: str, scheme: LabelScheme) -> None:
        self.path = None if name == "-" else Path(name)
        suffix = ".jsonl" if self.path is None else self.path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ZhenglingError(
                f"output {name!r}: unknown suffix {suffix!r}. Expected one of: {' '.join(SUFFIXES)}, or - for stdout"
            )
        self.out = self._open()
        self.writer = self._writer(suffix, scheme)

    def _writer(self, suffix: str, scheme: LabelScheme) -> Writer:
        if suffix == ".csv":
            return Csv(self.out, scheme.slots)
        return Html(self.out, scheme) if suffix == ".html" else JsonLines(self.out)

    def _open(self) -> TextIO:
        if self.path is None:
            return sys.stdout
        self.part = self.path.with_name(self.path.name + ".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self.part.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ZhenglingError(f"output {str(self.path)!r}: cannot write: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def write(self, record: Record, text: str) -> None:
        """Write a record; ``text`` is the source as decoded."""
        self.writer.write(record, text)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.writer.close()
        if self.path is None:
            with suppress(BrokenPipeError):
                self.out.flush()
            return
        self.out.close()
        if kind is None:
            self.part.replace(self.path)
