"""Gold as JSON lines, one document a line, and as a ``datasets.Dataset``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets

from zhengling.errors import GoldError
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme

_SPAN = {"start": datasets.Value("int32"), "end": datasets.Value("int32"), "kind": datasets.Value("string")}
FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "text": datasets.Value("string"),
        "paragraphs": datasets.List(
            {
                "start": datasets.Value("int32"),
                "end": datasets.Value("int32"),
                "themes": datasets.List(datasets.Value("string")),
                "boilerplate": datasets.Value("bool"),
            }
        ),
        "directives": datasets.List({**_SPAN, "slots": datasets.List(_SPAN)}),
    }
)
"""The features of the JSON-lines form, for ``datasets.load_dataset("json", …, features=FEATURES)``."""
_KINDS = {str: "a string", int: "an integer", bool: "true or false", list: "a list"}


def to_json(document: Document) -> dict[str, Any]:
    """The JSON form of a document; the header is not part of it."""
    return {
        "id": document.id,
        "text": document.text,
        "paragraphs": [
            {"start": p.start, "end": p.end, "themes": list(p.themes), "boilerplate": p.boilerplate}
            for p in document.paragraphs
        ],
        "directives": [
            {
                "start": d.start,
                "end": d.end,
                "kind": d.kind,
                "slots": [{"start": s.start, "end": s.end, "kind": s.kind} for s in d.slots],
            }
            for d in document.directives
        ],
    }


def from_json(record: Any, where: str, scheme: LabelScheme = DEFAULT_SCHEME) -> Document:
    """The inverse of :func:`to_json`, checked; raises :class:`GoldError` or :class:`LabelError` that begin with ``where``."""
    document = Document(
        str(_value(record, "id", (str, int), where)),
        _value(record, "text", (str,), where),
        tuple(_paragraph(*item) for item in _items(record, "paragraphs", where)),
        tuple(_directive(*item) for item in _items(record, "directives", where)),
    )
    check(document, where, scheme)
    return document


def _paragraph(record: Any, where: str) -> Paragraph:
    themes = _value(record, "themes", (list,), where)
    if not all(isinstance(theme, str) for theme in themes):
        raise GoldError(f"{where}: themes is {themes!r:.60}. Expected a list of strings")
    return Paragraph(*_bounds(record, where), tuple(themes), _value(record, "boilerplate", (bool,), where))


def _directive(record: Any, where: str) -> Directive:
    slots = (Slot(*_bounds(*item), _value(item[0], "kind", (str,), item[1])) for item in _items(record, "slots", where))
    return Directive(*_bounds(record, where), _value(record, "kind", (str,), where), tuple(slots))


def _bounds(record: Any, where: str) -> tuple[int, int]:
    return _value(record, "start", (int,), where), _value(record, "end", (int,), where)


def _items(record: Any, key: str, where: str) -> Iterator[tuple[Any, str]]:
    """Each item of the list under ``key``, and where it is, counted from 1."""
    for number, item in enumerate(_value(record, key, (list,), where), 1):
        yield item, f"{where}, {key.removesuffix('s')} {number}"


def _value(record: Any, key: str, kinds: Sequence[type], where: str) -> Any:
    """What stands under ``key``, of just one of ``kinds``: true is no integer, 5.0 none either."""
    if not isinstance(record, dict) or key not in record:
        raise GoldError(f"{where}: got {record!r:.60}. Expected an object with the key {key!r}")
    if type(record[key]) not in kinds:
        raise GoldError(f"{where}: {key} is {record[key]!r:.60}. Expected {' or '.join(_KINDS[kind] for kind in kinds)}")
    return record[key]


def check(document: Document, where: str, scheme: LabelScheme = DEFAULT_SCHEME) -> None:
    """Raise :class:`GoldError` or :class:`LabelError`, beginning with ``where``, for spans or labels that no gold may hold."""
    _check_spans("paragraph", document.paragraphs, (0, len(document.text)), where)
    _check_spans("directive", document.directives, (0, len(document.text)), where)
    scheme.check("directives", (d.kind for d in document.directives), where)
    scheme.check("slots", (s.kind for s in document.slots), where)
    scheme.check("themes", (theme for p in document.paragraphs for theme in p.themes), where)
    for paragraph in document.paragraphs:
        if paragraph.boilerplate and paragraph.themes:
            raise GoldError(
                f"{where}: paragraph ({paragraph.start}, {paragraph.end}) is boilerplate and of the themes "
                f"{', '.join(paragraph.themes)}. Expected boilerplate without themes"
            )
    for directive in document.directives:
        _check_spans("slot", directive.slots, (directive.start, directive.end), where)
        if not any(p.start <= directive.start and directive.end <= p.end for p in document.paragraphs):
            raise GoldError(f"{where}: directive ({directive.start}, {directive.end}) is in no paragraph")


def _check_spans(name: str, spans: Iterable[Any], within: tuple[int, int], where: str) -> None:
    cursor = within[0]
    for span in spans:
        if not cursor <= span.start < span.end <= within[1]:
            raise GoldError(
                f"{where}: {name} ({span.start}, {span.end}) is empty, out of order, overlaps another "
                f"or leaves [{within[0]}, {within[1]})"
            )
        cursor = span.end


def read_records(path: Path) -> Iterator[tuple[str, Any]]:
    """Per line of a ``.jsonl`` file ``FILE, line N`` and what it holds; raises :class:`GoldError` for what is no JSON in UTF-8.

    A byte-order mark is passed over.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            where = f"{path}, line {number}"
            try:
                yield where, json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise GoldError(f"{where}: not UTF-8 at byte {error.start} of the line") from error
            except json.JSONDecodeError as error:
                raise GoldError(f"{where}: not JSON: {error}") from error


def read_jsonl(path: Path, scheme: LabelScheme = DEFAULT_SCHEME) -> Iterator[Document]:
    """The documents of a ``.jsonl`` file."""
    for where, record in read_records(path):
        yield from_json(record, where, scheme)


def write_jsonl(documents: Iterable[Document], path: Path) -> None:
    """Write documents in the JSON form, one a line."""
    with path.open("w", encoding="utf-8") as out:
        for document in documents:
            out.write(json.dumps(to_json(document), ensure_ascii=False) + "\n")


def to_dataset(documents: Iterable[Document]) -> datasets.Dataset:
    """The documents as a ``datasets.Dataset`` with :data:`FEATURES`."""
    return datasets.Dataset.from_list([to_json(document) for document in documents], features=FEATURES)
