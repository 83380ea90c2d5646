"""The formats by name, and where imported documents go."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhengling.errors import GoldError
from zhengling.exchange import cluener, conll, doccano, label_studio
from zhengling.exchange.offsets import UNITS
from zhengling.exchange.reading import write_file, write_json_lines
from zhengling.exchange.spans import check_names
from zhengling.gold.inline import write_inline
from zhengling.gold.jsonlines import to_json
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme

log = logging.getLogger(__name__)
LONGEST_STEM = 200
"""A file system takes some 255 bytes for a name, suffixes included."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a tool's files are read and written, and in which unit it counts offsets, None if it has none."""

    read: Callable[[Path, LabelScheme, str], Iterator[Document]]
    write: Callable[[Sequence[Document], Path, LabelScheme, str], None]
    offsets: str | None


FORMATS = {
    "label-studio": Format(label_studio.read, label_studio.write, label_studio.OFFSETS),
    "doccano": Format(doccano.read, doccano.write, doccano.OFFSETS),
    "doccano-entities": Format(doccano.read, doccano.write_entities, doccano.OFFSETS),
    "cluener": Format(cluener.read, cluener.write, cluener.OFFSETS),
    "conll": Format(conll.read, conll.write, None),
}


def export_documents(
    documents: Sequence[Document], path: Path, name: str, scheme: LabelScheme = DEFAULT_SCHEME, offsets: str | None = None
) -> None:
    """Write documents as a file of the format ``name``; ``offsets`` other than the tool's own are among :data:`UNITS`."""
    check_names(scheme)
    chosen = _format(name)
    chosen.write(documents, path, scheme, _offsets(name, chosen, offsets))


def import_documents(path: Path, name: str, scheme: LabelScheme = DEFAULT_SCHEME, offsets: str | None = None) -> list[Document]:
    """The documents of a file of the format ``name``; raises :class:`GoldError` where two have one id."""
    check_names(scheme)
    chosen = _format(name)
    documents = list(chosen.read(path, scheme, _offsets(name, chosen, offsets)))
    ids = [document.id for document in documents]
    twice = next((other for other in ids if ids.count(other) > 1), None) if len(set(ids)) < len(ids) else None
    if twice is not None:
        raise GoldError(f"{path}: two documents have the id {twice!r}")
    return documents


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise GoldError(f"unknown format {name!r}. Expected one of: {', '.join(FORMATS)}")
    return FORMATS[name]


def _offsets(name: str, chosen: Format, offsets: str | None) -> str:
    if offsets is not None and chosen.offsets is None:
        raise GoldError(f"the format {name} has no offsets, got {offsets!r}. Expected none")
    if offsets is not None and offsets not in UNITS:
        raise GoldError(f"unknown unit of offsets {offsets!r}. Expected one of: {', '.join(UNITS)}")
    return offsets or chosen.offsets or ""


def save_gold(documents: Sequence[Document], output: Path) -> None:
    """Write documents as gold: one ``.jsonl`` file, or a folder of one ``.xml`` file each, named by its id.

    The ``.jsonl`` form has no header; what it leaves out is told. Raises :class:`GoldError` for what ``.xml`` cannot say.
    """
    if output.suffix == ".jsonl":
        write_json_lines(output, map(to_json, documents))
        headers = sum(bool(document.header.keys() - {"id"}) for document in documents)
        if headers:
            log.warning("%s has no place for the headers of %d documents. A folder of .xml files has", output, headers)
        return
    for path, document in by_file(documents, output, ".xml").items():
        write_file(path, write_inline(_with_id(document, path)))


def by_file(documents: Sequence[Document], folder: Path, suffix: str) -> dict[Path, Document]:
    """The documents by a file of their own in ``folder``, named by their ids; raises :class:`GoldError` if two had one."""
    files: dict[Path, Document] = {}
    for document in documents:
        path = folder / (file_stem(document.id) + suffix)
        if path in files:
            raise GoldError(f"the documents {files[path].id!r} and {document.id!r} would both be {path}")
        files[path] = document
    return files


def file_stem(name: str) -> str:
    """The name of a document as that of a file, without a suffix; of a long one the last :data:`LONGEST_STEM` bytes."""
    stem = re.sub(r"[^\w.-]+", "_", name).encode()[-LONGEST_STEM:].decode(errors="ignore")
    return stem.lstrip(".") or "_"


def _with_id(document: Document, path: Path) -> Document:
    """The document with its id in its header, unless the name of the file says it."""
    header = dict(document.header)
    if header.get("id", path.stem) != document.id:
        header = {"id": document.id} | header | {"id": document.id}
    for key, value in header.items():
        if not re.fullmatch(r"[\w-]+", key) or re.search(r'["<>]', value):
            raise GoldError(
                f'{document.id}: <doc {key}="{value}"/> cannot be read again. Expected a word, and no " < > in its value'
            )
    return Document(document.id, document.text, document.paragraphs, document.directives, header)
