"""doccano's JSON lines, for sequence labelling with overlapping spans allowed.

Two forms are read and written: ``{"text", "label": [[start, end, name], …]}`` (also under ``labels``, and the text under
``data``), and that of projects with relations, ``{"text", "entities": [{"id", "label", "start_offset", "end_offset"}], …}``.
A name is ``directive:require``. The document's id and header stand under ``document`` and ``header``, which doccano keeps as
metadata and gives back; the ``id`` of its exports is its own number.

doccano stores the offsets that the browser counts: UTF-16 code units (github.com/doccano/doccano/issues/2290), or grapheme
clusters in a project that counts them as one character (pull 1511; ``toGraphemeOffset`` in doccano/v-annotator); its own server
changes neither. So ``utf-16`` is what is expected here, ``graphemes`` and ``code-points`` can be asked for; without astral
characters, combining marks and CR LF the three are the same.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from zhengling.errors import GoldError
from zhengling.exchange.offsets import Ruler
from zhengling.exchange.reading import a_header, a_list, a_text, an_object, read_json_lines, write_json_lines
from zhengling.exchange.spans import Span, assemble, flatten, named
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import LabelScheme

log = logging.getLogger(__name__)
OFFSETS = "utf-16"
_NO_PLACE = ("relations", "cats", "Comments")


def write(documents: Sequence[Document], path: Path, scheme: LabelScheme, unit: str = OFFSETS) -> None:
    """One document a line, its spans under ``label``."""
    write_json_lines(path, ({**_about(d), "label": [list(span) for span in _told(d, unit)]} for d in documents))


def write_entities(documents: Sequence[Document], path: Path, scheme: LabelScheme, unit: str = OFFSETS) -> None:
    """One document a line, its spans under ``entities``; ids are unique within the file."""
    records, used = [], 0
    for document in documents:
        entities = [
            {"id": used + number, "label": name, "start_offset": start, "end_offset": end}
            for number, (start, end, name) in enumerate(_told(document, unit))
        ]
        used += len(entities)
        records.append({**_about(document), "entities": entities, "relations": []})
    write_json_lines(path, records)


def _about(document: Document) -> dict[str, Any]:
    return {"document": document.id, "header": dict(document.header), "text": document.text}


def _told(document: Document, unit: str) -> Iterator[tuple[int, int, str]]:
    ruler = Ruler(document.text, unit)
    for span in flatten(document):
        yield *ruler.write(span.start, span.end, f"{document.id}: {span.name()}"), span.name()


def read(path: Path, scheme: LabelScheme, unit: str = OFFSETS) -> Iterator[Document]:
    """The documents of a file in either form; relations, categories and comments are counted and told."""
    passed: Counter[str] = Counter()
    for number, where, record in read_json_lines(path):
        text = a_text(record, where, "text", "data")
        ruler = Ruler(text, unit)
        spans = [_span(*triple, ruler, scheme, where) for triple in _triples(record, where)]
        passed.update({key: len(record[key]) for key in _NO_PLACE if isinstance(record.get(key), list)})
        own = record.get("document") is not None
        name = record["document"] if own else record.get("id", f"{path.stem}-{number}")
        yield assemble(str(name), text, spans, where=where, header=a_header(record, where), own=own)
    for key, count in (+passed).items():
        log.warning("%s: %d %s passed over: our scheme has no place for them", path, count, key)


def _triples(record: dict[str, Any], where: str) -> Iterator[tuple[object, object, object]]:
    """Start, end and name of each span."""
    key = next((key for key in ("label", "labels", "entities") if record.get(key) is not None), None)
    if key is None:
        raise GoldError(f"{where}: expected the spans under label, labels or entities, got the keys {sorted(record)}")
    for item in a_list(record[key], where, key):
        if isinstance(item, list) and len(item) == 3:
            yield item[0], item[1], item[2]
        else:
            entity = an_object(item, where, f"an entry of {key}, if not [start, end, label],")
            yield entity.get("start_offset"), entity.get("end_offset"), entity.get("label")


def _span(start: object, end: object, name: object, ruler: Ruler, scheme: LabelScheme, where: str) -> Span:
    if not isinstance(name, str):
        raise GoldError(f"{where}: the label of the span ({start!r}, {end!r}) is {name!r}. Expected a string")
    return Span(*ruler.read(start, end, f"{where}: {name}"), *named(name, scheme, where))
