"""Batch inference: documents in, records out in the same order; one that fails is a record with its error."""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tqdm import tqdm

from zhengling.errors import ReadError
from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import Record
from zhengling.files.sources import SourceFile

log = logging.getLogger(__name__)
TABLE_ROWS = 100
"""How many documents the table on the screen shows."""


class Taker(Protocol):
    """What records go to."""

    def write(self, record: Record, text: str) -> None:
        """Take a record; ``text`` is the source as decoded."""


@dataclass(slots=True)
class Summary:
    """What a run did."""

    documents: int = 0
    characters: int = 0
    directives: int = 0
    errors: int = 0
    rows: list[tuple[str, Counter[str]]] = field(default_factory=list)
    """Per document its name and its directives by kind, with ``characters`` among them (of the first 100 documents)."""

    def add(self, record: Record) -> None:
        """Count one record."""
        self.documents += 1
        self.characters += record.characters
        self.directives += len(record.directives)
        self.errors += record.error is not None
        if self.documents <= TABLE_ROWS:
            self.rows.append(
                (record.source, Counter(characters=record.characters) + Counter(d.kind for d in record.directives))
            )

    def table(self, kinds: Sequence[str]) -> str:
        """Per document its name, characters and directives by kind, for a screen on which CJK takes two columns."""
        rows = [
            ("document", "characters", *kinds),
            *((name, *(str(by[k]) for k in ("characters", *kinds))) for name, by in self.rows),
        ]
        widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell + " " * (w - _columns(cell)) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def sentence(self) -> str:
        """For the screen."""
        return f"{self.documents} documents, {self.characters} characters, {self.directives} directives, {self.errors} errors"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The bytes of a file, or why they could not be had."""

    name: str
    content: bytes
    error: str | None = None


def run_batch(
    extractor: Extractor,
    sources: Sequence[SourceFile],
    sinks: Sequence[Taker],
    *,
    encoding: str | None = None,
    off: Collection[str] = (),
) -> Summary:
    """Read, extract and write; raises nothing for a bad document.

    ``encoding`` and ``off`` as for :func:`zhengling.text.read`.
    """
    summary = Summary()
    engine = Engine(extractor, encoding=encoding, off=off)
    with tqdm(total=len(sources), unit="doc", disable=None) as bar:
        for _, record, text in engine.records(map(_loaded, sources)):
            for sink in sinks:
                sink.write(record, text)
            summary.add(record)
            if record.error:
                log.warning("%s: %s", record.source, record.error)
            bar.update()
            bar.set_postfix(characters=summary.characters, refresh=False)
    return summary


def _loaded(source: SourceFile) -> _Loaded:
    try:
        return _Loaded(source.name, source.read())
    except ReadError as error:
        return _Loaded(source.name, b"", str(error))


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
