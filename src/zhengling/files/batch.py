"""Batch inference: documents in, records out in the same order; one that fails is a record with its error."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from tqdm import tqdm

from zhengling.extraction.records import Record
from zhengling.extraction.valuing import completed
from zhengling.files.sources import SourceDocument

log = logging.getLogger(__name__)


class Taker(Protocol):
    """What records go to."""

    def write(self, record: Record, text: str) -> None:
        """Take a record; ``text`` is the source as decoded."""


class RecordMaker(Protocol):
    """What makes records of documents; :class:`zhengling.extraction.engine.Engine` is one."""

    def records(self, documents: Iterable[SourceDocument]) -> Iterator[tuple[SourceDocument, Record, str]]:
        """Per document, in order, itself, its record and its text as decoded."""


def run_batch(
    engine: RecordMaker,
    documents: Iterable[SourceDocument],
    takers: Sequence[Taker],
    *,
    size: int | None = None,
    progress: bool | None = None,
) -> None:
    """Give the record of each document to all takers; raises nothing for a bad document.

    ``size`` are the bytes of all inputs, for the time left; ``progress`` shows a bar, None if standard error is a screen.
    """
    with _bar(size, progress) as bar:
        began, characters, number = time.monotonic(), 0, 0
        for document, bare, text in engine.records(documents):
            record = completed(bare, document.id, document.date, document.columns)
            if record.error:
                log.warning("%s: %s", record.source, record.error)
            for taker in takers:
                taker.write(record, text)
            number, characters = number + 1, characters + record.characters
            speed = characters / max(time.monotonic() - began, 1e-9)
            bar.set_postfix_str(f"{number:,} documents, {speed:,.0f} characters/s", refresh=False)
            bar.update(max(0, document.position - bar.n))


def _bar(size: int | None, progress: bool | None) -> tqdm:
    shape = "{percentage:3.0f}%|{bar}| {postfix} [{elapsed}<{remaining}]" if size else "{postfix} [{elapsed}]"
    return tqdm(total=size, bar_format=shape, disable=None if progress is None else not progress, mininterval=0.5)
