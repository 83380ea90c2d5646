"""Documents to records in bounded memory: while one buffer is written, the next is in the model and one more is read.

With a GPU, which the decoding would keep waiting, one more is decoded.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from zhengling.extraction.ahead import one_ahead
from zhengling.extraction.cleaning import Cleaned, clean, clean_ahead
from zhengling.extraction.extractor import Extractor, Found
from zhengling.extraction.logits import DocumentLogits
from zhengling.extraction.records import Record
from zhengling.modeling.windows import TokenizedDocument
from zhengling.text import CleanText, read
from zhengling.version import VERSION

log = logging.getLogger(__name__)
CPU_BUFFER, GPU_BUFFER = 50_000, 300_000
"""Characters that are read, sorted into batches and decoded together. Three buffers are in memory at a time, four with a GPU; a
document that is longer is a buffer of its own."""
CLEANED_AHEAD = 4
"""How many documents each cleaning process has before it."""


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
    """What was done, and where the time went, in seconds; the stages overlap."""

    documents: int = 0
    characters: int = 0
    paragraphs: int = 0
    windows: int = 0
    """Pieces of text that went through the model, or would have."""
    cached: int = 0
    """Windows answered by an equal one that had gone through it before."""
    errors: int = 0
    reading: float = 0.0
    """Waiting for documents."""
    cleaning: float = 0.0
    """Decoding bytes, repairing, tokenizing; with cleaning processes, waiting for them."""
    model: float = 0.0
    """Planning windows and running them."""
    decoding: float = 0.0
    """From logits to records."""

    def count(self, record: Record) -> None:
        """Count one record."""
        self.documents += 1
        self.characters += record.characters
        self.paragraphs += len(record.paragraphs)
        self.errors += record.error is not None

    def add(self, other: EngineStats) -> None:
        """Count what another engine did as well."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a ``with`` block to a stage."""
        began = perf_counter()
        try:
            yield
        finally:
            setattr(self, stage, getattr(self, stage) + perf_counter() - began)


@dataclass(slots=True)
class _Item(Generic[D]):
    """A document that was read, or the reason why it was not."""

    document: D
    text: CleanText | None = None
    tokens: TokenizedDocument | None = None
    error: str | None = None


_Predicted = tuple[list[_Item[D]], list[DocumentLogits]]
Answered = tuple[D, Record, str]


class Engine:
    """Runs an extractor over any number of documents."""

    def __init__(
        self,
        extractor: Extractor,
        *,
        encoding: str | None = None,
        off: Collection[str] = (),
        buffer: int | None = None,
        cleaners: int = 0,
    ) -> None:
        """``encoding`` and ``off`` as for :func:`zhengling.text.read`; ``buffer``: characters at a time, None: by the device.

        ``cleaners``: processes that clean beside this one. They pay where a GPU waits for texts (one cleans some 250,000
        characters a second); a program that asks for them needs ``if __name__ == "__main__":``, since they are spawned.
        """
        read("", off=off)  # an unknown repair is told here
        self.extractor, self.encoding, self.off = extractor, encoding, tuple(off)
        extractor.forward.keep_memory()
        self.buffer = buffer or (CPU_BUFFER if extractor.device.type == "cpu" else GPU_BUFFER)
        self.cleaners = cleaners
        self.decodes_apart = extractor.device.type != "cpu"
        """Whether a buffer is decoded while the next one is in the model, which on a CPU would only cost memory."""
        self.precision, self.runtime = extractor.precision, extractor.runtime
        self.stats = EngineStats()

    def records(self, documents: Iterable[D]) -> Iterator[Answered[D]]:
        """Per document, in order, itself, its record and its text as decoded; one that fails is a record with ``error``.

        What the iterable raises is raised here, after the records of what it gave before.
        """
        with ExitStack() as stack:
            spawn = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(self.cleaners, spawn)) if self.cleaners else None
            reading = stack.enter_context(ThreadPoolExecutor(1, "reading"))
            modelling = stack.enter_context(ThreadPoolExecutor(1, "model"))
            decoding = stack.enter_context(ThreadPoolExecutor(1, "decoding")) if self.decodes_apart else None
            buffers = one_ahead(reading, self._buffers(self._cleaned(documents, pool)))
            predicted: Iterator[_Predicted[D]] = map(self._predicted, buffers)
            if decoding:
                predicted = one_ahead(modelling, predicted)
            for answers in one_ahead(decoding or modelling, map(self._answers, predicted)):
                for answer in answers:
                    self._count(answer[1])
                    yield answer

    def _cleaned(self, documents: Iterable[D], pool: Executor | None) -> Iterator[tuple[D, Cleaned]]:
        timed = self._timed_reading(documents)
        if pool:
            contents = ((document, b"" if document.error else document.content) for document in timed)
            yield from clean_ahead(pool, CLEANED_AHEAD * self.cleaners, contents, self.encoding, self.off)
            return
        for document in timed:
            with self.stats.timed("cleaning"):
                cleaned = (None, None) if document.error else clean(document.content, self.encoding, self.off)
            yield document, cleaned

    def _timed_reading(self, documents: Iterable[D]) -> Iterator[D]:
        source = iter(documents)
        while True:
            with self.stats.timed("reading"):
                document = next(source, None)
            if document is None:
                return
            yield document

    def _buffers(self, cleaned: Iterator[tuple[D, Cleaned]]) -> Iterator[list[_Item[D]]]:
        buffer: list[_Item[D]] = []
        room = self.buffer
        try:
            for document, (text, error) in cleaned:
                if buffer and len(text.text if text else document.content) > room:
                    yield buffer
                    buffer, room = [], self.buffer
                buffer.append(self._tokenized(document, text, document.error or error))
                room -= 1 + len(text.text if text else document.content)
        except Exception:
            yield buffer
            raise
        if buffer:
            yield buffer

    def _tokenized(self, document: D, text: CleanText | None, error: str | None) -> _Item[D]:
        if text is None:
            return _Item(document, error=error)
        log.debug("%s: %s", document.name, text.account())
        with self.stats.timed("cleaning"):
            return _Item(document, text, self.extractor.tokenize(text))

    def _predicted(self, buffer: list[_Item[D]]) -> _Predicted[D]:
        """A buffer, and what the model says of its documents that have tokens."""
        with self.stats.timed("model"):
            return buffer, self.extractor.predict([item.tokens for item in buffer if item.tokens])

    def _answers(self, predicted: _Predicted[D]) -> list[Answered[D]]:
        """The records of a buffer; the clean texts and tokens are let go."""
        buffer, logits = predicted
        tokens = [item.tokens for item in buffer if item.tokens]
        with self.stats.timed("decoding"):
            spans = self.extractor.decode(tokens, logits)
            for each in logits:
                each.drop_tags()
            found = iter(zip(logits, spans, strict=True))
            return [self._record(item, next(found) if item.tokens else None) for item in buffer]

    def _record(self, item: _Item[D], found: tuple[DocumentLogits, list[Found]] | None) -> Answered[D]:
        name, error = item.document.name, str(item.error)
        if item.text and item.tokens and found:
            logits, spans = found
            try:
                return item.document, self.extractor.record(item.text, name, item.tokens, logits, spans), item.text.source
            except Exception as failure:  # one document must not end the run
                log.debug("%s", name, exc_info=failure)
                error = f"{type(failure).__name__}: {failure}"
        return item.document, failed(self.extractor.name, name, error), item.text.source if item.text else ""

    def _count(self, record: Record) -> None:
        stats, forward = self.stats, self.extractor.forward
        stats.count(record)
        stats.windows, stats.cached = forward.windows, forward.cached


def failed(model: str, source: str, error: str) -> Record:
    """The record of a document that could not be read."""
    return Record(source=source, model=model, version=VERSION, error=error)
