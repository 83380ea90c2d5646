"""The scores as ``evaluate.Metric`` classes that need no network: instantiate them, do not ``evaluate.load`` them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme
from zhengling.scoring.counts import DocumentScores, score_document

_SPAN = {"start": datasets.Value("int32"), "end": datasets.Value("int32"), "kind": datasets.Value("string")}
_PARAGRAPH = {
    "start": datasets.Value("int32"),
    "end": datasets.Value("int32"),
    "themes": datasets.List(datasets.Value("string")),
    "boilerplate": datasets.Value("bool"),
}


class _DocumentMetric(evaluate.Metric):
    """Sums the counts of documents; a subclass says which layer it takes and which figures it gives."""

    description = ""
    item: dict[str, Any] = _SPAN
    figures: tuple[str, ...] = ()

    def __init__(self, scheme: LabelScheme = DEFAULT_SCHEME, **kwargs: Any) -> None:
        self.scheme = scheme
        super().__init__(**kwargs)

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.List(self.item), "references": datasets.List(self.item)})
        return evaluate.MetricInfo(
            description=self.description, citation="", inputs_description=str(self.__doc__), features=features
        )

    def _document(self, items: Sequence[dict[str, Any]]) -> Document:
        raise NotImplementedError

    def _compute(self, *, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
        scores = [
            score_document(self._document(found), self._document(wanted), self.scheme.slots, self.scheme.themes)
            for found, wanted in zip(predictions, references, strict=True)
        ]
        figures = total(scores).figures()
        return {name: value for name, value in figures.items() if name.startswith(self.figures)}


class DirectiveScores(_DocumentMetric):
    """Exact and overlap F1 of directives and the kind accuracy of those that overlap.

    Predictions and references: per document, a list of ``{"start", "end", "kind"}`` in order.
    """

    description = "F1 of directives over documents"
    figures = ("directives", "kind accuracy")

    def _document(self, items: Sequence[dict[str, Any]]) -> Document:
        return Document("", "", (), tuple(Directive(i["start"], i["end"], i["kind"]) for i in items))


class SlotScores(_DocumentMetric):
    """Exact F1 per kind of slot and over all of them.

    Predictions and references: per document, a list of ``{"start", "end", "kind"}``.
    """

    description = "F1 of slots over documents"
    figures = ("slot",)

    def _document(self, items: Sequence[dict[str, Any]]) -> Document:
        slots = tuple(Slot(i["start"], i["end"], i["kind"]) for i in items)
        return Document("", "", (), (Directive(0, 0, "", slots),))


class ThemeScores(_DocumentMetric):
    """F1 per theme, their mean, and F1 of boilerplate, over paragraphs matched by overlap.

    Predictions and references: per document, a list of ``{"start", "end", "themes", "boilerplate"}`` in order.
    """

    description = "F1 of paragraph themes over documents"
    item = _PARAGRAPH
    figures = ("theme", "boilerplate")

    def _document(self, items: Sequence[dict[str, Any]]) -> Document:
        return Document("", "", tuple(Paragraph(i["start"], i["end"], tuple(i["themes"]), i["boilerplate"]) for i in items))


def figures_of(predicted: Sequence[Document], gold: Sequence[Document], scheme: LabelScheme) -> dict[str, float]:
    """All figures over documents, computed by the three metrics in memory."""
    found, wanted = [_layers(document) for document in predicted], [_layers(document) for document in gold]
    figures: dict[str, float] = {}
    for layer, metric in enumerate((DirectiveScores, SlotScores, ThemeScores)):
        compute = metric(scheme, keep_in_memory=True).compute
        figures |= compute(predictions=[each[layer] for each in found], references=[each[layer] for each in wanted])
    return figures


def _layers(document: Document) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The directives, slots and paragraphs of a document as the metrics take them."""
    directives, slots = (
        [{"start": span.start, "end": span.end, "kind": span.kind} for span in spans]
        for spans in (document.directives, document.slots)
    )
    paragraphs = [
        {"start": p.start, "end": p.end, "themes": list(p.themes), "boilerplate": p.boilerplate} for p in document.paragraphs
    ]
    return directives, slots, paragraphs


def total(scores: Sequence[DocumentScores]) -> DocumentScores:
    """The sum over documents; raises ``ValueError`` if there are none."""
    if not scores:
        raise ValueError("no documents to score")
    result = scores[0]
    for other in scores[1:]:
        result = result + other
    return result
