"""Every file of a corpus against the plan, its header and the rules of the format; all problems at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zhengling.corpus.plan import SPLITS, Row, read_plan
from zhengling.errors import GoldError, LabelError
from zhengling.gold.inline import read_inline
from zhengling.gold.jsonlines import check
from zhengling.scheme.annotation import Document

HEADER = ("id", "genre", "level", "province", "year", "issuer", "style")
"""What ``<doc …/>`` must say of a document."""
SENTENCE_ENDS = "。！？；;"
"""The marks that are not part of a directive."""
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
Found = Iterator[tuple[int | None, str]]
"""Problems of one document: the place in its text, if there is one, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents that could be read, by split and in the order of their names, and all that is wrong."""

    documents: Mapping[str, tuple[Document, ...]]
    plan: Mapping[str, Row]
    problems: tuple[str, ...]

    @property
    def all(self) -> tuple[Document, ...]:
        """The documents of all splits."""
        return tuple(document for documents in self.documents.values() for document in documents)


def check_corpus(folder: Path) -> Corpus:
    """Read ``plan.csv`` and the documents of every split, and collect all problems."""
    if not folder.is_dir():
        raise GoldError(f"no corpus at {folder}: there is no such folder. Expected plan.csv and {', '.join(SPLITS)}")
    plan, problems = read_plan(folder / "plan.csv")
    documents: dict[str, tuple[Document, ...]] = {}
    there: set[str] = set()
    for split in SPLITS:
        read = []
        for path in sorted((folder / split).glob("*")):
            if path.suffix != ".xml":
                problems.append(f"{split}/{path.name}: not an .xml file")
                continue
            there.add(path.stem)
            document, found = _check_file(path, split, plan.get(path.stem))
            problems += found
            read += [document] if document else []
        documents[split] = tuple(read)
    problems += [f"plan.csv: {name} has no file; expected {plan[name]['split']}/{name}.xml" for name in plan.keys() - there]
    return Corpus(documents, plan, tuple(sorted(problems)))


def _check_file(path: Path, split: str, row: Row | None) -> tuple[Document | None, list[str]]:
    where = f"{split}/{path.name}"
    try:
        document = read_inline(path)
        check(document, path.stem)
    except (GoldError, LabelError) as error:
        return None, [f"{where}: {error}"]
    problems = []
    for found in (_header(document, path.stem, split, row), _lines(document), _bounds(document), _marks(document)):
        for position, message in found:
            problems.append(f"{where}{_line(document.text, position)}: {message}")
    return document, problems


def _header(document: Document, name: str, split: str, row: Row | None) -> Found:
    """The header says everything, and what the plan, the folder and the file name say."""
    missing = [key for key in HEADER if not document.header.get(key, "").strip()]
    if missing:
        yield None, f"the header lacks {', '.join(missing)}. Expected {', '.join(HEADER)}"
    if "id" not in missing and document.id != name:
        yield None, f"the header's id is {document.id!r}. Expected {name!r}, as the file is called"
    if row is None:
        yield None, f"{name} has no row in plan.csv"
        return
    if row["split"] != split:
        yield None, f"lies in {split}. Expected {row['split']}, as plan.csv says"
    for key in HEADER:
        if key in row and key != "id" and key not in missing and document.header[key] != row[key]:
            yield None, f"{key} is {document.header[key]!r} in the header and {row[key]!r} in plan.csv"


def _lines(document: Document) -> Found:
    """Every line that is not blank is one paragraph."""
    cursor = 0
    for paragraph in document.paragraphs:
        text = document.text[paragraph.start : paragraph.end]
        between = document.text[cursor : paragraph.start]
        if between.strip():
            yield cursor + len(between) - len(between.lstrip()), f"text outside every paragraph: {_short(between.strip())}"
        elif cursor and "\n" not in between:
            yield paragraph.start, f"a second paragraph on the line: {_short(text)}"
        if len(text.strip().splitlines()) > 1:
            yield paragraph.start, f"a paragraph of {len(text.strip().splitlines())} lines: {_short(text)}"
        cursor = paragraph.end
    rest = document.text[cursor:]
    if rest.strip():
        yield cursor + len(rest) - len(rest.lstrip()), f"text outside every paragraph: {_short(rest.strip())}"


def _bounds(document: Document) -> Found:
    """No span begins or ends with white space, no directive ends with a mark that ends a sentence."""
    for layer in (document.paragraphs, document.directives, document.slots):
        for span in layer:
            text = document.text[span.start : span.end]
            if text != text.strip():
                yield span.start, f"white space at an end of a {type(span).__name__.lower()}: {_short(text)}"
    for directive in document.directives:
        text = document.text[directive.start : directive.end]
        if text.rstrip()[-1:] in tuple(SENTENCE_ENDS):
            yield directive.start, f"a directive that ends with a mark of {SENTENCE_ENDS}: {_short(text)}"


def _marks(document: Document) -> Found:
    """No entity is left when the tags are read: ``&amp;ldquo;`` was escaped twice."""
    for match in _ENTITY.finditer(document.text):
        around = document.text[max(0, match.start() - 8) : match.end() + 8]
        yield match.start(), f"an entity escaped twice: {match[0]}. Write the character itself; near {around!r}"


def _line(text: str, position: int | None) -> str:
    return "" if position is None else ", line " + str(text.count("\n", 0, position) + 1)


def _short(text: str) -> str:
    return repr(text if len(text) <= 30 else f"{text[:14]}…{text[-14:]}")
