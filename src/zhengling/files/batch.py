"""Batch inference: documents in, records out in the same order; one that fails is a record with its error."""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from tqdm import tqdm

from zhengling.errors import ReadError
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import Record
from zhengling.files.sources import SourceFile
from zhengling.text import CleanText, read
from zhengling.version import VERSION

log = logging.getLogger(__name__)
CHARACTERS_AT_ONCE = 200_000
"""How many characters of documents are read before the model runs over them."""
TABLE_ROWS = 100
"""How many documents the table on the screen shows."""


Reader = Callable[[bytes], CleanText]


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
class _Item:
    """A document that was read, or the reason why it was not."""

    source: SourceFile
    clean: CleanText | None
    error: str | None = None


def run_batch(
    extractor: Extractor,
    sources: Sequence[SourceFile],
    sinks: Sequence[Taker],
    *,
    encoding: str | None = None,
    off: Collection[str] = (),
    verbose: bool = False,
) -> Summary:
    """Read, extract and write; raises nothing for a bad document.

    ``encoding`` and ``off`` as for :func:`zhengling.text.read`; ``verbose`` logs what was repaired in each document.
    """
    summary = Summary()
    clean = partial(read, encoding=encoding, off=off)
    with tqdm(total=len(sources), unit="doc", disable=None) as bar:
        for items in _groups(sources, clean):
            for item, record in zip(items, _extract(extractor, items), strict=True):
                for sink in sinks:
                    sink.write(record, item.clean.source if item.clean else "")
                summary.add(record)
                if record.error:
                    log.warning("%s: %s", record.source, record.error)
                if verbose and item.clean:
                    log.info("%s: %s", record.source, item.clean.account())
            bar.update(len(items))
            bar.set_postfix(characters=summary.characters)
    return summary


def _read(source: SourceFile, reader: Reader) -> _Item:
    try:
        clean = reader(source.read())
    except ReadError as error:
        return _Item(source, None, str(error))
    if not clean.paragraphs:
        return _Item(source, None, "the document holds no text")
    return _Item(source, clean)


def _groups(sources: Sequence[SourceFile], reader: Reader) -> Iterator[list[_Item]]:
    group: list[_Item] = []
    characters = 0
    for source in sources:
        group.append(_read(source, reader))
        characters += len(group[-1].clean.text) if group[-1].clean else 0
        if characters >= CHARACTERS_AT_ONCE:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _extract(extractor: Extractor, items: Sequence[_Item]) -> list[Record]:
    good = [(item.source.name, item.clean) for item in items if item.clean]
    records = iter(extractor.extract([clean for _, clean in good], [name for name, _ in good]))
    return [next(records) if item.clean else failed(extractor.name, item.source.name, str(item.error)) for item in items]


def failed(model: str, source: str, error: str) -> Record:
    """The record of a document that could not be read."""
    return Record(source=source, model=model, version=VERSION, error=error)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
