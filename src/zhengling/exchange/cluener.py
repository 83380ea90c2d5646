"""CLUENER's JSON lines: ``{"text": …, "label": {name: {surface: [[start, end], …]}}}``, one document a line.

Both ends are *inclusive*: of "会议" at the start of a text it says ``[[0, 1]]`` (github.com/CLUEbenchmark/CLUENER2020). Offsets
are those of Python, code points. A name is ``directive.require``. The document's id and header stand under ``id`` and
``header``; CLUENER's training files have neither, its test file has an ``id``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from zhengling.errors import GoldError
from zhengling.exchange.offsets import Ruler
from zhengling.exchange.reading import a_header, a_list, a_text, an_object, read_json_lines, write_json_lines
from zhengling.exchange.spans import Span, assemble, check_surface, flatten, named
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import LabelScheme

OFFSETS = "code-points"


def write(documents: Sequence[Document], path: Path, scheme: LabelScheme, unit: str = OFFSETS) -> None:
    """One document a line."""
    write_json_lines(path, (_record(document, unit) for document in documents))


def _record(document: Document, unit: str) -> dict[str, Any]:
    ruler = Ruler(document.text, unit)
    label: dict[str, dict[str, list[list[int]]]] = {}
    for span in flatten(document):
        start, end = ruler.write(span.start, span.end, f"{document.id}: {span.name()}")
        surface = document.text[span.start : span.end]
        label.setdefault(span.name("."), {}).setdefault(surface, []).append([start, end - 1])
    return {"id": document.id, "header": dict(document.header), "text": document.text, "label": label}


def read(path: Path, scheme: LabelScheme, unit: str = OFFSETS) -> Iterator[Document]:
    """The documents of a file; the surfaces are held against the offsets."""
    for number, where, record in read_json_lines(path):
        text = a_text(record, where, "text")
        spans = list(_spans(record, text, Ruler(text, unit), scheme, where))
        name = str(record["id"]) if record.get("id") is not None else f"{path.stem}-{number}"
        yield assemble(name, text, spans, where=where, header=a_header(record, where), own="header" in record)


def _spans(record: dict[str, Any], text: str, ruler: Ruler, scheme: LabelScheme, where: str) -> Iterator[Span]:
    if "label" not in record:
        raise GoldError(f"{where}: expected the spans under label, got the keys {sorted(record)}")
    for name, surfaces in an_object(record["label"], where, "label").items():
        layer, label = named(name, scheme, where)
        for surface, places in an_object(surfaces, where, f"label {name}").items():
            for place in a_list(places, where, f"{name} {surface!r}"):
                start, end = _exclusive(place, f"{where}: {name} {surface!r}")
                span = ruler.read(start, end, f"{where}: {name} {surface!r} (end inclusive)")
                check_surface(text, span, surface, f"{where}: {name}")
                yield Span(*span, layer, label)


def _exclusive(place: object, where: str) -> tuple[int, int]:
    """Start and end of an inclusive span, with the end behind it."""
    if not isinstance(place, list) or [type(offset) for offset in place] != [int, int]:
        raise GoldError(f"{where}: got {place!r}. Expected [start, end], the end inclusive")
    return place[0], place[1] + 1
