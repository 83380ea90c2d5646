"""Do records point where they say? Every span is looked up in its source again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhengling.errors import ReadError
from zhengling.text.decode import decode


@dataclass(slots=True)
class Verification:
    """What was looked up, and what was not where its record says."""

    documents: int = 0
    errors: int = 0
    """Documents whose record is an error."""
    spans: int = 0
    wrong: int = 0


def verify_records(path: Path, tell: Callable[[str], None]) -> Verification:
    """Look up the records of a ``.jsonl`` file; ``tell`` gets a sentence on each span that is wrong.

    Looked up are directives and slots (``text == source[start:end]``, slots inside their directive, directives inside their
    paragraph) and that paragraphs are in order. Raises :class:`ReadError` for a file or source that cannot be read.
    """
    seen = Verification()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ReadError(f"cannot read {path}: {error.strerror}") from error
    for line in lines:
        record = json.loads(line)
        seen.documents += 1
        if record["error"]:
            seen.errors += 1
            continue
        spans = [*record["directives"], *(slot for directive in record["directives"] for slot in directive["slots"])]
        wrong = list(_wrong(record, decode(_bytes(record["source"]), record["encoding"])[0]))
        seen.spans += len(spans)
        seen.wrong += len(wrong)
        for sentence in wrong:
            tell(sentence)
    return seen


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ReadError(f"cannot read the source {name}: {error.strerror}") from error


def _wrong(record: dict[str, Any], source: str) -> Iterator[str]:
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


def _misplaced(where: str, source: str, span: dict[str, Any], within: dict[str, Any]) -> Iterator[str]:
    start, end = span["start"], span["end"]
    if not within["start"] <= start < end <= within["end"]:
        yield f"{where}: {span['kind']} ({start}, {end}) is not inside ({within['start']}, {within['end']})"
    if source[start:end] != span["text"]:
        yield f"{where}: {span['kind']} ({start}, {end}) says {span['text']!r}, the source {source[start:end]!r}"
