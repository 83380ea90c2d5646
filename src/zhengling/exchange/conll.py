r"""BIO columns, one character a line.

What we write has four columns between tabs: the character, and the BIO tags of directive, slot and paragraph
(``B-party+safety``, ``B-none``, ``B-boilerplate``). ``# columns = …`` begins the file, ``# id = …`` a document,
``# header = {…}`` holds its header, a blank line ends it. Characters that cannot be seen, and the backslash, are written
``\s`` (space) ``\n`` ``\r`` ``\t`` ``\\`` and ``\u{3000}`` (any other): the line ends of the file are not those of the text.

What is read besides has no ``# columns``: two or more columns between tabs or single spaces, of which the first is the token
(taken as it stands) and the last its tag (BIO, BIOES, BMES, IOE2 or BILOU). A blank line there ends a line of the text, and
``-DOCSTART-`` or ``# id = …`` begins a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zhengling.errors import GoldError
from zhengling.exchange.reading import a_header, read_file, read_json, write_file
from zhengling.exchange.spans import LAYERS, Span, assemble, flatten, named
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import LabelScheme

COLUMNS = "# columns = character directive slot paragraph"
_COMMENT = re.compile(r"# (id|header) = (.*)", re.DOTALL)
_FOREIGN = re.compile(r"(.[^\t ]*)[\t ](?:.*[\t ])?(\S+)", re.DOTALL)
_TAG = re.compile(r"O|([BIMESLU])-(.+)", re.DOTALL)
_ESCAPES = {" ": r"\s", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}
_ESCAPED = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
_PARTS = re.compile(r"\\u\{[^}]*\}|\\.|[^\\]")
_UNESCAPES = {escape: char for char, escape in _ESCAPES.items()}


def write(documents: Sequence[Document], path: Path, scheme: LabelScheme, unit: str) -> None:
    """All documents, each after its ``# id``."""
    write_file(path, "\n".join([COLUMNS, *(line for document in documents for line in _lines(document)), ""]))


def _lines(document: Document) -> Iterator[str]:
    yield f"# id = {''.join(_escape(char) if char != ' ' else char for char in document.id)}"
    if document.header:
        yield f"# header = {json.dumps(dict(document.header), ensure_ascii=False)}"
    tags = {layer: ["O"] * len(document.text) for layer in LAYERS}
    for span in flatten(document):
        tags[span.layer][span.start : span.end] = [f"I-{span.label}"] * (span.end - span.start)
        tags[span.layer][span.start] = f"B-{span.label}"
    for row in zip(document.text, *(tags[layer] for layer in LAYERS), strict=True):
        yield "\t".join((_escape(row[0]), *row[1:]))
    yield ""


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def _unescape(written: str, where: str) -> str:
    match = _ESCAPED.fullmatch(written)
    if match and (code := int(match[1], 16)) <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
        return chr(code)
    char = _UNESCAPES.get(written, written)
    if len(char) != 1:
        raise GoldError(rf"{where}: got {written!r}. Expected one character, or \s \n \r \t \\ \u{{…}}")
    return char


@dataclass(slots=True)
class _Rows:
    """The rows of one document: its tokens, and per column their tags, with the lines on which they stand."""

    line: int
    id: str | None = None
    header: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    tags: list[tuple[str, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, line: int, token: str, tags: tuple[str, ...]) -> None:
        """Take a row."""
        self.tokens.append(token)
        self.tags.append(tags)
        self.lines.append(line)


def read(path: Path, scheme: LabelScheme, unit: str) -> Iterator[Document]:
    """The documents of a file, ours or another's."""
    lines = [line.removesuffix("\r") for line in read_file(path).split("\n")]
    own = COLUMNS in lines
    found = [rows for rows in _split(lines, path, own) if own or rows.tokens]
    for number, rows in enumerate(found, 1):
        text = "".join(rows.tokens)
        name = rows.id if rows.id is not None else path.stem if len(found) == 1 else f"{path.stem}-{number}"
        columns = list(zip(*rows.tags, strict=True))
        spans = [
            span
            for column, tags in enumerate(columns)
            for span in _spans(rows, tags, scheme, path, LAYERS[column] if own else None)
        ]
        yield assemble(name, text, spans, where=f"{path}, line {rows.line}", header=rows.header, own=own)


def _split(lines: Sequence[str], path: Path, own: bool) -> Iterator[_Rows]:
    """The rows of each document."""
    rows = _Rows(1)
    ended = False
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        comment = _COMMENT.fullmatch(line)
        if line == COLUMNS:
            continue
        if line.startswith("-DOCSTART-") or (comment and comment[1] == "id"):
            if rows.tokens or rows.id is not None:
                yield rows
            rows, ended = _Rows(number), False
        if comment and comment[1] == "id":
            rows.id = "".join(_unescape(part, where) for part in _PARTS.findall(comment[2])) if own else comment[2]
        elif comment:
            rows.header = a_header({"header": read_json(comment[2], where)}, where)
        elif not line:
            ended = True
        elif not line.startswith("-DOCSTART-"):
            if ended and rows.tokens and not own:
                rows.add(number, "\n", ("O",))
            rows.add(number, *_row(line, where, own))
            ended = False
    if rows.tokens or rows.id is not None:
        yield rows


def _row(line: str, where: str, own: bool) -> tuple[str, tuple[str, ...]]:
    """Token and tags of a line."""
    if own:
        character, *tags = line.split("\t")
        if len(tags) != len(LAYERS):
            raise GoldError(f"{where}: got {line!r:.60}. Expected {1 + len(LAYERS)} columns between tabs")
        return _unescape(character, where), tuple(tags)
    match = _FOREIGN.fullmatch(line)
    if not match:
        raise GoldError(f"{where}: got {line!r:.60}. Expected a character and its tag, a tab or a space between them")
    return match[1], (match[2],)


def _spans(rows: _Rows, tags: Sequence[str], scheme: LabelScheme, path: Path, layer: str | None) -> Iterator[Span]:
    """The spans of one column. A stray inside tag (nothing open before it, or another label) begins a span."""
    opened: tuple[int, str, int] | None = None  # start, label, line
    position = 0

    def close() -> Iterator[Span]:
        if opened:
            name = f"{layer}:{opened[1]}" if layer else opened[1]
            yield Span(opened[0], position, *named(name, scheme, f"{path}, line {opened[2]}"))

    for token, tag, line in zip(rows.tokens, tags, rows.lines, strict=True):
        match = _TAG.fullmatch(tag)
        if not match:
            raise GoldError(f"{path}, line {line}: unknown tag {tag!r}. Expected O, or B- I- M- E- S- L- U- and a label")
        if opened and (match[1] is None or match[1] in "BSU" or match[2] != opened[1]):
            yield from close()
            opened = None
        if match[1] and not opened:
            opened = (position, match[2], line)
        position += len(token)
        if match[1] and match[1] in "ESLU":
            yield from close()
            opened = None
    yield from close()
