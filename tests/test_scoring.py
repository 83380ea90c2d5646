"""Scores worked out by hand, and the ``evaluate`` metrics that give the same."""

from __future__ import annotations

import pytest

from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import DEFAULT_SCHEME
from zhengling.scoring.counts import Counts, overlap_pairs
from zhengling.scoring.metrics import DirectiveScores, SlotScores, ThemeScores, total
from zhengling.scoring.report import report

TEXT = "甲" * 60
GOLD = Document(
    "x",
    TEXT,
    (Paragraph(0, 20, ("economy",)), Paragraph(20, 40, ("safety", "party")), Paragraph(40, 60, (), True)),
    (
        Directive(0, 10, "require", (Slot(0, 2, "agent"), Slot(4, 6, "time"))),
        Directive(12, 20, "prohibit"),
        Directive(30, 40, "pledge"),
    ),
)
FOUND = Document(
    "x",
    TEXT,
    (Paragraph(0, 18, ("economy", "party")), Paragraph(20, 40, ("safety",)), Paragraph(44, 46, ("party",))),
    (
        Directive(0, 10, "require", (Slot(0, 2, "agent"), Slot(4, 7, "time"))),
        Directive(15, 20, "require"),
        Directive(22, 32, "pledge"),
    ),
)


def test_the_figures_are_those_worked_out_by_hand() -> None:
    """Exact: 1 of 3 and 3. Overlap: (12, 20) by 5/8, (30, 40) by 2/18 not. Kinds: 1 of 2. Themes: (44, 46) has no partner."""
    figures = {name: figure.value for name, figure in report([FOUND], [GOLD], DEFAULT_SCHEME, model="m").figures.items()}
    assert figures == {
        "directives exact": pytest.approx(1 / 3),
        "directives overlap": pytest.approx(2 / 3),
        "kind accuracy": pytest.approx(1 / 2),
        "slots micro": pytest.approx(1 / 2),
        "slot agent": 1.0,
        "slot time": 0.0,
        "slot target": 0.0,
        "slot programme": 0.0,
        "themes macro": pytest.approx((1 + 1 + 0 + 0) / 4),
        "theme economy": 1.0,
        "theme safety": 1.0,
        "theme party": 0.0,
        "theme livelihood": 0.0,
        "boilerplate": 0.0,
    }


def test_overlapping_pairs_are_one_to_one_and_best_first() -> None:
    assert overlap_pairs([(0, 10), (10, 20)], [(0, 4), (4, 12), (12, 21)]) == [(1, 2), (0, 1)]
    assert overlap_pairs([], [(0, 4)]) == []


def test_nothing_found_and_nothing_there_are_zero_not_an_error() -> None:
    assert (Counts().precision, Counts().recall, Counts().f1) == (0.0, 0.0, 0.0)


def test_the_evaluate_metrics_give_the_same_figures() -> None:
    def spans(items: tuple[Directive, ...] | tuple[Slot, ...]) -> list[dict[str, object]]:
        return [{"start": item.start, "end": item.end, "kind": item.kind} for item in items]

    def paragraphs(document: Document) -> list[dict[str, object]]:
        return [
            {"start": p.start, "end": p.end, "themes": list(p.themes), "boilerplate": p.boilerplate}
            for p in document.paragraphs
        ]

    figures = {name: figure.value for name, figure in report([FOUND], [GOLD], DEFAULT_SCHEME, model="m").figures.items()}
    got = {
        **DirectiveScores().compute(predictions=[spans(FOUND.directives)], references=[spans(GOLD.directives)]),
        **SlotScores().compute(predictions=[spans(FOUND.slots)], references=[spans(GOLD.slots)]),
        **ThemeScores().compute(predictions=[paragraphs(FOUND)], references=[paragraphs(GOLD)]),
    }
    assert got == figures


def test_documents_without_a_layer_score_zero() -> None:
    bare = Document("x", TEXT)
    figures = report([bare], [bare], DEFAULT_SCHEME, model="m", samples=5).figures
    assert {figure.value for figure in figures.values()} == {0.0}


def test_intervals_hold_the_value_and_the_signature_says_how() -> None:
    result = report([FOUND, GOLD, GOLD, FOUND], [GOLD] * 4, DEFAULT_SCHEME, model="m", samples=200, seed=1)
    assert all(0 <= figure.low <= figure.value <= figure.high <= 1 for figure in result.figures.values())
    exact = result.figures["directives exact"]
    assert (exact.low, exact.value, exact.high) == (pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0)
    assert result.signature["documents"] == 4 and "200 samples" in result.signature["bootstrap"]
    assert result == report([FOUND, GOLD, GOLD, FOUND], [GOLD] * 4, DEFAULT_SCHEME, model="m", samples=200, seed=1)


def test_a_sample_without_a_label_says_nothing_of_it() -> None:
    """One document of six holds boilerplate, livelihood none: the one is found each time that it is drawn, the other never."""
    other = Document("y", TEXT, (Paragraph(0, 60, ("economy", "safety", "party")),))
    documents = [GOLD, *[other] * 5]
    figures = report(documents, documents, DEFAULT_SCHEME, model="m", samples=200).figures
    assert [(figures[name].low, figures[name].value, figures[name].high) for name in ("boilerplate", "directives exact")] == [
        (1.0, 1.0, 1.0),
        (1.0, 1.0, 1.0),
    ]
    assert (figures["theme livelihood"].low, figures["theme livelihood"].high) == (0.0, 0.0)
    assert figures["themes macro"].low == figures["themes macro"].value == figures["themes macro"].high == 0.75


def test_a_label_that_no_sample_holds_has_its_value_alone() -> None:
    documents = [GOLD, *[Document("y", TEXT)] * 9]
    reports = [report(documents, documents, DEFAULT_SCHEME, model="m", samples=1, seed=seed).figures for seed in range(20)]
    assert {(figures["boilerplate"].low, figures["boilerplate"].high) for figures in reports} == {(1.0, 1.0)}


def test_no_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="no documents to score"):
        total([])
