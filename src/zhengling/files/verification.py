"""Do records point where they say? Every span is looked up in its source again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhengling.errors import ReadError
from zhengling.files.inputs import shown
from zhengling.files.source_texts import SourceTexts
from zhengling.files.sources import ReadSettings
from zhengling.files.tables import Row, rows


@dataclass(slots=True)
class Verification:
    """What was looked up, and what was not where its record says."""

    documents: int = 0
    errors: int = 0
    """Documents whose record is an error."""
    spans: int = 0
    wrong: int = 0
    unreadable: int = 0
    """Documents whose source cannot be read any more."""


def verify_records(path: Path, tell: Callable[[str], None], settings: ReadSettings) -> Verification:
    """Look up the records of a ``.jsonl`` file; ``tell`` gets a sentence on each span that is wrong or source that is gone.

    Texts of pages, Word files and PDFs are taken out of them again, rows are read from their table again.

    Looked up are directives and slots (``text == source[start:end]``, slots inside their directive, directives inside their
    paragraph) and that paragraphs are in order. Raises :class:`ReadError` for a file that cannot be read.
    """
    seen = Verification()
    texts = SourceTexts(settings)
    for row in rows(str(path)):
        record = _record(path, row)
        seen.documents += 1
        if record["error"]:
            seen.errors += 1
            continue
        try:
            text = texts.text(record["source"], record["encoding"])
        except ReadError as error:
            seen.unreadable += 1
            tell(shown(str(error)))
            continue
        spans = [*record["directives"], *(slot for directive in record["directives"] for slot in directive["slots"])]
        wrong = list(_wrong(record, text))
        seen.spans += len(spans)
        seen.wrong += len(wrong)
        for sentence in wrong:
            tell(sentence)
    return seen


def _record(path: Path, row: Row) -> Mapping[str, Any]:
    if row.error is not None or "directives" not in row.cells:
        raise ReadError(f"{path}, line {row.number}: {row.error or 'no record'}. Expected what infer.py wrote")
    return row.cells


def _wrong(record: Mapping[str, Any], source: str) -> Iterator[str]:
    where = record["source"]
    cursor = 0
    for paragraph in record["paragraphs"]:
        if not cursor <= paragraph["start"] < paragraph["end"] <= len(source):
            yield f"{where}: paragraph ({paragraph['start']}, {paragraph['end']}) is empty, out of order or outside the source"
        cursor = paragraph["end"]
    for directive in record["directives"]:
        yield from _misplaced(where, source, directive, record["paragraphs"][directive["paragraph"]])
        for slot in directive["slots"]:
            yield from _misplaced(where, source, slot, directive)


def _misplaced(where: str, source: str, span: Mapping[str, Any], within: Mapping[str, Any]) -> Iterator[str]:
    start, end = span["start"], span["end"]
    if not within["start"] <= start < end <= within["end"]:
        yield f"{where}: {span['kind']} ({start}, {end}) is not inside ({within['start']}, {within['end']})"
    if source[start:end] != span["text"]:
        yield f"{where}: {span['kind']} ({start}, {end}) says {span['text']!r}, the source {source[start:end]!r}"
