"""Dynamic batching: what requests bring is gathered and run by one thread, which alone uses the model."""

from __future__ import annotations

import datetime
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from zhengling.extraction.engine import Engine, failed
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import Record
from zhengling.extraction.valuing import completed
from zhengling.serving.metrics import Metrics
from zhengling.serving.settings import ServeSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PostedText:
    """A text of a request, as :class:`~zhengling.extraction.engine.Engine` reads it.

    ``name`` is its place there, such as ``texts[0]``.
    """

    name: str
    content: str
    id: str | None = None
    date: datetime.date | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A request: its texts, and the records of the first of them."""

    texts: Sequence[PostedText]
    future: Future[list[Record]] = field(default_factory=Future)
    records: list[Record] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """The record of the next text; with that of the last one the request can be answered, if it is still wanted."""
        self.records.append(record)
        if len(self.records) == len(self.texts) and self.future.set_running_or_notify_cancel():
            self.future.set_result(self.records)


class Batcher:
    """Runs the texts of many requests together, first come, first served."""

    def __init__(self, extractor: Extractor, settings: ServeSettings) -> None:
        self._engine, self._settings = Engine(extractor), settings
        self._waiting: queue.Queue[_Job | None] = queue.Queue(maxsize=settings.queue)
        self._thread = threading.Thread(target=self._work, name="zhengling-batches", daemon=True)
        self.metrics = Metrics(self._waiting.qsize)
        self.batch_seconds = 0.0
        """How long the last run took."""

    def start(self) -> None:
        """Begin to work; once."""
        self._thread.start()

    def stop(self) -> None:
        """Work off what waits, and end; nothing may be submitted any more."""
        self._waiting.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether what is submitted will be worked off."""
        return self._thread.is_alive()

    def submit(self, texts: Sequence[PostedText]) -> Future[list[Record]]:
        """Line up a request of one text or more. Cancelling the future drops what of it has not been started.

        Raises :class:`queue.Full`.
        """
        job = _Job(texts)
        self._waiting.put_nowait(job)
        return job.future

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            for batch in self._batches(self._gather(first)):
                wanted = [(job, text) for job, text in batch if not job.future.cancelled()]
                records = self._run([text for _, text in wanted]) if wanted else []
                for (job, _), record in zip(wanted, records, strict=True):
                    job.take(record)

    def _gather(self, first: _Job) -> list[_Job]:
        """``first`` and those behind it, until the batch is full or the queue has been empty for a moment."""
        jobs, characters = [first], _length(first.texts)
        deadline = time.monotonic() + self._settings.gather
        while characters < self._settings.batch_characters:
            try:
                job = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(None)
                break
            jobs.append(job)
            characters += _length(job.texts)
        return jobs

    def _batches(self, jobs: Sequence[_Job]) -> Iterator[list[tuple[_Job, PostedText]]]:
        """The texts of requests in order, in groups; a request of many texts makes more than one."""
        batch: list[tuple[_Job, PostedText]] = []
        characters = 0
        for job in jobs:
            for text in job.texts:
                batch.append((job, text))
                characters += len(text.content)
                if characters >= self._settings.batch_characters:
                    yield batch
                    batch, characters = [], 0
        if batch:
            yield batch

    def _run(self, texts: Sequence[PostedText]) -> list[Record]:
        started = time.perf_counter()
        records = self._records(texts)
        self.batch_seconds = time.perf_counter() - started
        self.metrics.batch(len(texts), _length(texts), self.batch_seconds)
        return records

    def _records(self, texts: Sequence[PostedText]) -> list[Record]:
        """One record per text; if a text makes the batch fail, each is run alone and that one's record has the error."""
        try:
            return [completed(record, text.id, text.date) for text, record, _ in self._engine.records(texts)]
        except Exception as error:
            if len(texts) > 1:
                return [record for text in texts for record in self._records([text])]
            log.exception("%s: a text of %d characters could not be processed", texts[0].name, len(texts[0].content))
            reason = f"the text could not be processed: {type(error).__name__}"
            return [completed(failed(self._engine.extractor.name, texts[0].name, reason), texts[0].id, texts[0].date)]


def _length(texts: Sequence[PostedText]) -> int:
    return sum(len(text.content) for text in texts)
