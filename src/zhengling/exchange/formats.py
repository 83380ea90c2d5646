"""The formats by name, and where imported documents go."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zhengling.errors import GoldError
from zhengling.exchange import cluener, conll, doccano, label_studio
from zhengling.exchange.offsets import UNITS
from zhengling.exchange.reading import write_file
from zhengling.exchange.spans import check_names
from zhengling.extraction.annotation import to_document
from zhengling.extraction.records import Record
from zhengling.gold.inline import write_inline
from zhengling.gold.jsonlines import write_jsonl
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme

log = logging.getLogger(__name__)


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
        output.parent.mkdir(parents=True, exist_ok=True)
        write_jsonl(documents, output)
        headers = sum(bool(document.header.keys() - {"id"}) for document in documents)
        if headers:
            log.warning("%s has no place for the headers of %d documents. A folder of .xml files has", output, headers)
        return
    files: dict[Path, Document] = {}
    for document in documents:
        path = output / (_file_stem(document.id) + ".xml")
        if path in files:
            raise GoldError(f"the documents {files[path].id!r} and {document.id!r} would both be {path}")
        files[path] = document
    for path, document in files.items():
        write_file(path, write_inline(_with_id(document, path)))


class Drafts:
    """Takes records as they come, and writes them as gold at the end; records of documents that failed are left out.

    For a person to correct in a text editor, or for a further model to learn from as it is (self-training, Scudder 1965).
    """

    def __init__(self, output: Path) -> None:
        """``output`` as for :func:`save_gold`."""
        self.output = output
        self.documents: list[Document] = []
        self._stems: set[str] = set()

    def write(self, record: Record, text: str) -> None:
        """Take a record and the source that it is of. A name whose file is taken gets a number, ``" < >`` become ``_``."""
        if record.error is not None:
            return
        document = to_document(record, text)
        name = re.sub(r'["<>]', "_", document.id)
        names = itertools.chain([name], (f"{name}~{number}" for number in itertools.count(2)))
        free = next(each for each in names if _file_stem(each) not in self._stems)
        self._stems.add(_file_stem(free))
        self.documents.append(replace(document, id=free))

    def close(self) -> None:
        """Write what was taken; raises as :func:`save_gold`."""
        save_gold(self.documents, self.output)


def _file_stem(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "_"


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
