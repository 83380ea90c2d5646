"""The inline-tag format: annotation written as tags into the raw text.

Deleting every tag, and reading ``&lt; &gt; &amp;`` as ``< > &``, gives back the source text,
character for character. The tags are ``<p t="…">``, ``<d k="…">``, one per slot kind, and an
optional ``<doc key="value" …/>`` at the very start that describes the document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from zhengling.errors import GoldError
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme

_PIECE = re.compile(
    r"<(?P<close>/?)(?P<name>[A-Za-z][\w-]*)(?P<attributes>[^<>]*?)(?P<empty>/?)>|&(?P<entity>lt|gt|amp);|[<>&]"
)
_ATTRIBUTE = re.compile(r'\s+([\w-]+)="([^"<>]*)"')
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&"}
_ESCAPES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


@dataclass(slots=True)
class _Open:
    """A tag that is not closed yet."""

    name: str
    label: str
    start: int
    line: int
    slots: list[Slot] = field(default_factory=list)


class _Parser:
    """Reads one document from left to right; the stack holds at most paragraph, directive, slot."""

    def __init__(self, raw: str, name: str, scheme: LabelScheme) -> None:
        self.raw, self.name, self.scheme = raw, name, scheme
        self.text: list[str] = []
        self.length = 0
        self.stack: list[_Open] = []
        self.paragraphs: list[Paragraph] = []
        self.directives: list[Directive] = []
        self.header: dict[str, str] = {}

    def parse(self) -> Document:
        cursor = 0
        for match in _PIECE.finditer(self.raw):
            self._add(self.raw[cursor : match.start()])
            cursor = match.end()
            if match["entity"]:
                self._add(_ENTITIES[match["entity"]])
            elif not match["name"]:
                raise self._error(match.start(), f"a bare {match[0]!r}; write it as {_ESCAPES[match[0]]!r}")
            elif match["close"]:
                self._close(match)
            else:
                self._open(match)
        self._add(self.raw[cursor:])
        if self.stack:
            last = self.stack[-1]
            raise GoldError(f"{self.name}, line {last.line}: <{last.name}> is never closed")
        return Document(
            self.header.get("id", self.name),
            "".join(self.text),
            tuple(self.paragraphs),
            tuple(self.directives),
            self.header,
        )

    def _add(self, text: str) -> None:
        self.text.append(text)
        self.length += len(text)

    def _error(self, position: int, message: str) -> GoldError:
        line = self.raw.count("\n", 0, position) + 1
        around = self.raw[max(0, position - 15) : position + 25]
        return GoldError(f"{self.name}, line {line}: {message}; near {around!r}")

    def _attributes(self, match: re.Match[str], expected: str | None) -> dict[str, str]:
        found = dict(_ATTRIBUTE.findall(match["attributes"]))
        rest = _ATTRIBUTE.sub("", match["attributes"]).strip()
        wanted = {expected} if expected else set()
        if rest or (match["name"] != "doc" and set(found) != wanted):
            need = f'one attribute {expected}="…"' if expected else "no attribute"
            raise self._error(match.start(), f"<{match['name']}> takes {need}, got {match['attributes'].strip()!r}")
        return found

    def _open(self, match: re.Match[str]) -> None:
        name, position = match["name"], match.start()
        if name == "doc":
            if position or not match["empty"]:
                raise self._error(position, "<doc …/> must stand at the very start and close itself")
            self.header = self._attributes(match, None)
            return
        parents = {"p": None, "d": "p", **dict.fromkeys(self.scheme.slots, "d")}
        if name not in parents or match["empty"]:
            raise self._error(position, f"unknown tag {match[0]}. Expected one of: p d {' '.join(self.scheme.slots)}")
        parent = self.stack[-1].name if self.stack else None
        if parent != parents[name]:
            where = f"inside <{parents[name]}>" if parents[name] else "outside every other tag"
            inside = f"inside <{parent}>" if parent else "outside every tag"
            raise self._error(position, f"<{name}> must stand {where}, got it {inside}")
        key = {"p": "t", "d": "k"}.get(name)
        attributes = self._attributes(match, key)
        self.stack.append(_Open(name, attributes[key] if key else name, self.length, self.raw.count("\n", 0, position) + 1))

    def _close(self, match: re.Match[str]) -> None:
        if not self.stack or self.stack[-1].name != match["name"]:
            expected = f"</{self.stack[-1].name}>" if self.stack else "no closing tag"
            raise self._error(match.start(), f"got {match[0]}, expected {expected}")
        tag = self.stack.pop()
        if tag.start == self.length:
            raise self._error(match.start(), f"<{tag.name}> is empty")
        where = f"{self.name}, line {tag.line}"
        if tag.name == "p":
            self.paragraphs.append(_paragraph(tag, self.length, self.scheme, where))
        elif tag.name == "d":
            self.scheme.check("directives", [tag.label], where)
            self.directives.append(Directive(tag.start, self.length, tag.label, tuple(tag.slots)))
        else:
            self.stack[-1].slots.append(Slot(tag.start, self.length, tag.name))


def _paragraph(tag: _Open, end: int, scheme: LabelScheme, where: str) -> Paragraph:
    names = tag.label.split()
    if names in (["none"], ["boilerplate"]):
        return Paragraph(tag.start, end, (), names == ["boilerplate"])
    if not names:
        raise GoldError(f'{where}: <p t=""> names no theme; write t="none"')
    scheme.check("themes", names, where)
    return Paragraph(tag.start, end, tuple(theme for theme in scheme.themes if theme in names))


def parse_inline(raw: str, name: str, scheme: LabelScheme = DEFAULT_SCHEME) -> Document:
    """Parse one document; raises :class:`GoldError` or :class:`LabelError` with file, line and what was expected."""
    return _Parser(raw, name, scheme).parse()


def read_inline(path: Path, scheme: LabelScheme = DEFAULT_SCHEME) -> Document:
    """Read one ``.xml`` file; its stem is the id unless the header names one.

    Line ends stay as they are; a byte-order mark is no text.
    """
    try:
        raw = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldError(f"{path}: not UTF-8 at byte {error.start}") from error
    return parse_inline(raw, path.stem, scheme)


def write_inline(document: Document) -> str:
    """The inverse of :func:`parse_inline`, with attributes and themes in a fixed order."""
    marks: list[tuple[int, int, int, str]] = []  # position, closing first, nesting order, tag

    def mark(start: int, end: int, depth: int, opening: str, name: str) -> None:
        marks.append((start, 1, depth, opening))
        marks.append((end, 0, -depth, f"</{name}>"))

    for paragraph in document.paragraphs:
        themes = "boilerplate" if paragraph.boilerplate else " ".join(paragraph.themes) or "none"
        mark(paragraph.start, paragraph.end, 0, f'<p t="{themes}">', "p")
    for directive in document.directives:
        mark(directive.start, directive.end, 1, f'<d k="{directive.kind}">', "d")
        for slot in directive.slots:
            mark(slot.start, slot.end, 2, f"<{slot.kind}>", slot.kind)
    header = "".join(f' {key}="{value}"' for key, value in document.header.items())
    pieces, cursor = [f"<doc{header}/>" if header else ""], 0
    for position, _, _, tag in sorted(marks):
        pieces += [_escape(document.text[cursor:position]), tag]
        cursor = position
    return "".join([*pieces, _escape(document.text[cursor:])])


def _escape(text: str) -> str:
    return re.sub(r"[<>&]", lambda match: _ESCAPES[match[0]], text)
