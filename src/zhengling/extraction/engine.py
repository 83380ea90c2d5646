"""Documents in, records out, in order: reading, cleaning, the model and decoding, a bounded number of characters at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from zhengling.errors import ReadError
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import Record
from zhengling.text import CleanText, read
from zhengling.version import VERSION

log = logging.getLogger(__name__)
CHARACTERS_AT_ONCE = 50_000
"""How many characters of documents are read before the model runs over them, if nothing else is said."""


class Readable(Protocol):
    """A document: its name, its text or bytes that are still to be decoded, or why it could not be read."""

    @property
    def name(self) -> str:
        """What the record's ``source`` says."""

    @property
    def content(self) -> bytes | str:
        """The text, or the bytes that hold it."""

    @property
    def error(self) -> str | None:
        """Why there is no content."""


D = TypeVar("D", bound=Readable)


@dataclass(slots=True)
class EngineStats:
    """What was done, and where the time went, in seconds."""

    documents: int = 0
    characters: int = 0
    paragraphs: int = 0
    windows: int = 0
    """Pieces of text that went through the model, or would have."""
    cached: int = 0
    """Windows whose answer was known."""
    errors: int = 0
    reading: float = 0.0
    cleaning: float = 0.0
    model: float = 0.0
    decoding: float = 0.0


class Engine:
    """Runs an extractor over documents."""

    def __init__(
        self, extractor: Extractor, *, encoding: str | None = None, off: Collection[str] = (), buffer: int | None = None
    ) -> None:
        """``encoding`` and ``off`` as for :func:`zhengling.text.read`; ``buffer``: characters at a time."""
        self.extractor, self.encoding, self.off = extractor, encoding, off
        self.buffer = buffer or CHARACTERS_AT_ONCE
        self.stats = EngineStats()

    def records(self, documents: Iterable[D]) -> Iterator[tuple[D, Record, str]]:
        """Per document itself, its record and its text as decoded; one that fails is a record with ``error``."""
        group: list[tuple[D, CleanText | None, str | None]] = []
        characters = 0
        began = time.monotonic()
        for document in documents:
            self.stats.reading += time.monotonic() - began
            clean, error = self._clean(document)
            group.append((document, clean, error))
            characters += len(clean.text) if clean else 0
            if characters >= self.buffer:
                yield from self._extract(group)
                group, characters = [], 0
            began = time.monotonic()
        yield from self._extract(group)

    def _clean(self, document: D) -> tuple[CleanText | None, str | None]:
        if document.error is not None:
            return None, document.error
        began = time.monotonic()
        try:
            clean = read(document.content, encoding=self.encoding, off=self.off)
        except ReadError as error:
            return None, str(error)
        finally:
            self.stats.cleaning += time.monotonic() - began
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s: %s", document.name, clean.account())
        return (clean, None) if clean.paragraphs else (None, "the document holds no text")

    def _extract(self, group: list[tuple[D, CleanText | None, str | None]]) -> Iterator[tuple[D, Record, str]]:
        good = [(document.name, clean) for document, clean, _ in group if clean]
        began = time.monotonic()
        records = iter(self.extractor.extract([clean for _, clean in good], [name for name, _ in good]))
        self.stats.model += time.monotonic() - began
        for document, clean, error in group:
            record = next(records) if clean else failed(self.extractor.name, document.name, str(error))
            self.stats.documents += 1
            self.stats.characters += record.characters
            self.stats.paragraphs += len(record.paragraphs)
            self.stats.errors += record.error is not None
            yield document, record, clean.source if clean else ""


def failed(model: str, source: str, error: str) -> Record:
    """The record of a document that could not be read."""
    return Record(source=source, model=model, version=VERSION, error=error)
