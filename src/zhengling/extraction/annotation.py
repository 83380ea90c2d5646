"""A model's answers in the form of gold, so that the two can be compared or written alike."""

from __future__ import annotations

from collections.abc import Sequence

from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import Record
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.text import read


def to_document(record: Record, text: str) -> Document:
    """The annotation of ``text`` that a record holds."""
    paragraphs = tuple(Paragraph(p.start, p.end, tuple(p.themes), p.boilerplate) for p in record.paragraphs)
    directives = tuple(
        Directive(d.start, d.end, d.kind, tuple(Slot(s.start, s.end, s.kind) for s in d.slots)) for d in record.directives
    )
    return Document(record.id or record.source, text, paragraphs, directives)


def annotate(extractor: Extractor, documents: Sequence[Document]) -> list[Document]:
    """What the model makes of the texts of gold documents, from the bare source on."""
    records = extractor.extract([read(d.text) for d in documents], [d.id for d in documents])
    return [to_document(record, document.text) for record, document in zip(records, documents, strict=True)]
