"""Documents as flat lists of labelled spans, which is all that other tools know, and back.

A span's name is its layer and its label: ``directive:require``, ``slot:agent``, ``paragraph:party+safety``,
``paragraph:none`` (no theme holds), ``paragraph:boilerplate``. CLUENER's files write ``.`` for ``:``; both are read, and so is
a label alone (``require``, ``agent``, ``party``) if it is in one layer of the scheme only.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zhengling.errors import GoldError, LabelError
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import RESERVED, LabelScheme

LAYERS = ("directive", "slot", "paragraph")
NONE, BOILERPLATE = RESERVED
_NAME = re.compile(rf"({'|'.join(LAYERS)})[:.](.+)", re.DOTALL)
_LINE = re.compile(r"\S(?:[^\r\n]*\S)?")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch ``[start, end)`` in code points; the label of a paragraph is its themes, joined by ``+``."""

    start: int
    end: int
    layer: str
    label: str

    def name(self, separator: str = ":") -> str:
        """Layer and label in one."""
        return f"{self.layer}{separator}{self.label}"


def check_names(scheme: LabelScheme) -> None:
    """Raise :class:`LabelError` for a scheme whose labels cannot be told apart in a file of another tool."""
    for label in (*scheme.directives, *scheme.slots, *scheme.themes):
        if re.search(r"[\s+]", label) or (label in scheme.themes and label in (NONE, BOILERPLATE)):
            raise LabelError(
                f"the label {label!r} cannot be exchanged. Expected no space and no +, and no theme {NONE} or {BOILERPLATE}"
            )


def flatten(document: Document) -> list[Span]:
    """All spans of a document: its paragraphs, its directives, its slots, each in source order."""
    paragraphs = [Span(p.start, p.end, "paragraph", theme_label(p.themes, p.boilerplate)) for p in document.paragraphs]
    directives = [Span(d.start, d.end, "directive", d.kind) for d in document.directives]
    return [*paragraphs, *directives, *(Span(s.start, s.end, "slot", s.kind) for s in document.slots)]


def theme_label(themes: Sequence[str], boilerplate: bool) -> str:
    """The label of a paragraph."""
    return "+".join([*([BOILERPLATE] if boilerplate else []), *themes]) or NONE


def named(name: str, scheme: LabelScheme, where: str) -> tuple[str, str]:
    """Layer and label of a span's name; raises :class:`LabelError` for one that is unknown or in several layers."""
    match = _NAME.fullmatch(name)
    if match:
        layer, label = match[1], match[2]
    else:
        layer, label = _layer_of(name, scheme, where), name
    if layer != "paragraph":
        scheme.check(f"{layer}s", [label], where)
        return layer, label
    names = [part for part in label.split("+") if part not in (NONE, "paragraph")]
    scheme.check("themes", (part for part in names if part != BOILERPLATE), where)
    return layer, "+".join(names) or NONE


def _layer_of(label: str, scheme: LabelScheme, where: str) -> str:
    themes = {*scheme.themes, NONE, BOILERPLATE, "paragraph"}
    known = {
        "directive": label in scheme.directives,
        "slot": label in scheme.slots,
        "paragraph": themes.issuperset(label.split("+")),
    }
    layers = [layer for layer in LAYERS if known[layer]]
    if len(layers) > 1:
        raise LabelError(
            f"{where}: the label {label!r} may be any of {', '.join(f'{layer}:{label}' for layer in layers)}: write which"
        )
    if not layers:
        expected = [*scheme.directives, *scheme.slots, *scheme.themes, NONE, BOILERPLATE]
        raise LabelError(f"{where}: unknown label {label!r}. Expected one of: {', '.join(expected)}")
    return layers[0]


def check_surface(text: str, span: tuple[int, int], surface: str, where: str) -> None:
    """Raise :class:`GoldError` if the file says of a span another text than stands there."""
    found = text[slice(*span)]
    if found != surface:
        raise GoldError(f"{where}: the text at {span} is {found!r}, but the file says {surface!r}")


def assemble(
    name: str,
    text: str,
    spans: Iterable[Span],
    *,
    where: str,
    header: Mapping[str, str] | None = None,
    own: bool = False,
) -> Document:
    """The document that holds the spans: slots go to the directive around them.

    A file that says nothing of paragraphs gets one per line that is not blank, without themes; ``own`` says that we wrote
    the file, so that no paragraphs means none. Raises :class:`GoldError` for spans that overlap within a layer, a slot in no
    directive, a directive in no paragraph, boilerplate with themes.
    """
    layers: dict[str, list[Span]] = {layer: [] for layer in LAYERS}
    for span in sorted(spans):
        layers[span.layer].append(span)
    for layer in LAYERS:
        _check_apart(layers[layer], text, where)
    slots = _attach(layers["slot"], layers["directive"], text, where)
    directives = tuple(
        Directive(d.start, d.end, d.label, tuple(Slot(s.start, s.end, s.label) for s in inside))
        for d, inside in zip(layers["directive"], slots, strict=True)
    )
    if layers["paragraph"] or (own and not directives):
        paragraphs = tuple(_paragraph(span, text, where) for span in layers["paragraph"])
    else:
        paragraphs = tuple(Paragraph(*match.span()) for match in _LINE.finditer(text))
    _check_inside(directives, paragraphs, text, where)
    return Document(name, text, paragraphs, directives, dict(header or {}))


def _paragraph(span: Span, text: str, where: str) -> Paragraph:
    names = span.label.split("+") if span.label != NONE else []
    if BOILERPLATE in names and len(names) > 1:
        raise GoldError(f"{where}: {_told(span, text)} is both. Expected boilerplate without themes")
    return Paragraph(span.start, span.end, () if BOILERPLATE in names else tuple(names), BOILERPLATE in names)


def _check_apart(spans: Sequence[Span], text: str, where: str) -> None:
    for first, second in pairwise(spans):
        if second.start < first.end:
            raise GoldError(
                f"{where}: {_told(first, text)} and {_told(second, text)} overlap. Expected {first.layer}s side by side"
            )


def _attach(slots: Sequence[Span], directives: Sequence[Span], text: str, where: str) -> list[list[Span]]:
    """The slots of each directive."""
    inside: list[list[Span]] = [[] for _ in directives]
    starts = [directive.start for directive in directives]
    for slot in slots:
        number = bisect_right(starts, slot.start) - 1
        if number < 0 or slot.end > directives[number].end:
            raise GoldError(f"{where}: {_told(slot, text)} is inside no directive. Expected slots inside directives only")
        inside[number].append(slot)
    return inside


def _check_inside(directives: Sequence[Directive], paragraphs: Sequence[Paragraph], text: str, where: str) -> None:
    starts = [paragraph.start for paragraph in paragraphs]
    for d in directives:
        number = bisect_right(starts, d.start) - 1
        if number < 0 or d.end > paragraphs[number].end:
            told = _told(Span(d.start, d.end, "directive", d.kind), text)
            raise GoldError(f"{where}: {told} is inside no paragraph. Expected each in one paragraph, or on one line")


def _told(span: Span, text: str) -> str:
    return f"{span.name()} ({span.start}, {span.end}) {text[span.start : span.end]!r:.40}"
