"""Gold as JSON lines, one document a line, and as a ``datasets.Dataset``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
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


def from_json(record: dict[str, Any], where: str, scheme: LabelScheme = DEFAULT_SCHEME) -> Document:
    """The inverse of :func:`to_json`, checked; raises :class:`GoldError` or :class:`LabelError` that begin with ``where``."""
    try:
        text = record["text"]
        if not isinstance(text, str):
            raise TypeError(f"text, which is {text!r}")
        paragraphs = tuple(Paragraph(p["start"], p["end"], tuple(p["themes"]), p["boilerplate"]) for p in record["paragraphs"])
        directives = tuple(
            Directive(d["start"], d["end"], d["kind"], tuple(Slot(s["start"], s["end"], s["kind"]) for s in d["slots"]))
            for d in record["directives"]
        )
        document = Document(str(record["id"]), text, paragraphs, directives)
    except (KeyError, TypeError) as error:
        raise GoldError(
            f"{where}: expected the keys id, text, paragraphs and directives as in the contract; at {error}"
        ) from error
    check(document, where, scheme)
    return document


def check(document: Document, where: str, scheme: LabelScheme = DEFAULT_SCHEME) -> None:
    """Raise :class:`GoldError` or :class:`LabelError`, beginning with ``where``, for spans or labels that no gold may hold."""
    _check_spans("paragraph", document.paragraphs, (0, len(document.text)), where)
    _check_spans("directive", document.directives, (0, len(document.text)), where)
    scheme.check("directives", (d.kind for d in document.directives), where)
    scheme.check("slots", (s.kind for s in document.slots), where)
    scheme.check("themes", (theme for p in document.paragraphs for theme in p.themes), where)
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
