"""What all peers share: gold as paragraphs of clean text to learn from, and findings as annotated documents.

A peer is trained on the gold paragraphs and reads the paragraphs that our reader finds, as zhengling does; spans are
half-open in characters of the paragraph's clean text. What holds for zhengling's own answers holds for all: no spaces or
clause marks at the ends of a span, no directive in boilerplate, slots inside directives only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from zhengling.extraction import extractor
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import DEFAULT_SCHEME
from zhengling.text import CleanText, read

Span = tuple[int, int, str]
"""``(start, end, kind)``."""
Annotator = Callable[[Sequence[CleanText], Sequence[str]], list[Document]]
"""What a trained peer is: annotated documents of clean texts, in order; the second argument names them."""

LABELS = (*DEFAULT_SCHEME.themes, "boilerplate")
"""What a paragraph may carry."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known, or was found, of one paragraph."""

    text: str
    labels: tuple[str, ...] = ()
    """Themes, or ``boilerplate``."""
    directives: tuple[Span, ...] = ()
    slots: tuple[Span, ...] = ()


def gold_paragraphs(documents: Sequence[Document]) -> list[Finding]:
    """The gold paragraphs of documents in clean text; what cleaning left nothing of is left out."""
    return [finding for document in documents for finding in _of_document(document)]


def _of_document(document: Document) -> Iterator[Finding]:
    clean = read(document.text)
    for paragraph in document.paragraphs:
        start, end = clean.aligned.from_source(paragraph.start, paragraph.end)
        start += len(clean.text[start:end]) - len(clean.text[start:end].lstrip())
        if start < end:
            labels = ("boilerplate",) if paragraph.boilerplate else paragraph.themes
            directives = _inside(clean, document.directives, start, end)
            yield Finding(clean.text[start:end], labels, directives, _inside(clean, document.slots, start, end))


def _inside(clean: CleanText, spans: Sequence[Directive] | Sequence[Slot], start: int, end: int) -> tuple[Span, ...]:
    """Those spans of the source that begin within ``[start, end)`` of the clean text, in characters from ``start``."""
    found: list[Span] = []
    for span in spans:
        first, last = clean.aligned.from_source(span.start, span.end)
        first = max(first, start + found[-1][1]) if found else first
        if start <= first < min(last, end):
            found.append((first - start, min(last, end) - start, span.kind))
    return tuple(found)


def paragraphwise(find: Callable[[Sequence[str]], Sequence[Finding]]) -> Annotator:
    """An annotator of a function that reads the paragraphs of one document."""

    def annotate(texts: Sequence[CleanText], names: Sequence[str]) -> list[Document]:
        return [
            as_document(clean, name, find([clean.text[start:end] for start, end in clean.paragraphs]))
            for clean, name in zip(texts, names, strict=True)
        ]

    return annotate


def as_document(clean: CleanText, name: str, findings: Sequence[Finding]) -> Document:
    """The findings, one for each paragraph of the clean text, as an annotation of its source."""
    paragraphs: list[Paragraph] = []
    directives: list[Directive] = []
    for (start, end), finding in zip(clean.paragraphs, findings, strict=True):
        boilerplate = "boilerplate" in finding.labels
        themes = () if boilerplate else tuple(theme for theme in DEFAULT_SCHEME.themes if theme in finding.labels)
        paragraphs.append(Paragraph(*clean.to_source(start, end), themes, boilerplate))
        if not boilerplate:
            directives += _directives(clean, start, finding)
    return Document(name, clean.source, tuple(paragraphs), tuple(directives))


def _directives(clean: CleanText, offset: int, finding: Finding) -> Iterator[Directive]:
    for first, last, kind in finding.directives:
        start, end = trimmed(finding.text, first, last)
        inside = [(max(s, start), min(e, end), k) for s, e, k in finding.slots if start <= s < end]
        places = [(*trimmed(finding.text, s, e), k) for s, e, k in inside]
        slots = tuple(Slot(*clean.to_source(offset + s, offset + e), k) for s, e, k in places if s < e)
        if start < end:
            yield Directive(*clean.to_source(offset + start, offset + end), kind, slots)


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span as our extractor trims it; empty if it has nothing but spaces and clause marks."""
    return extractor.trimmed(text, start, end) or (end, end)
