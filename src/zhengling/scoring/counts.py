"""Counts of hits and misses of one document, and the ratios made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zhengling.scheme.annotation import Document

Span = tuple[int, int]
MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Counts:
    """Predicted and right, predicted and wrong, missed."""

    hits: int = 0
    spurious: int = 0
    missed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.hits + other.hits, self.spurious + other.spurious, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Hits per prediction; 0 without predictions."""
        return self.hits / max(1, self.hits + self.spurious)

    @property
    def recall(self) -> float:
        """Hits per gold item; 0 without gold."""
        return self.hits / max(1, self.hits + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 without gold and predictions."""
        return 2 * self.hits / max(1, 2 * self.hits + self.spurious + self.missed)

    def __bool__(self) -> bool:
        """Whether anything was predicted or asked for."""
        return self.hits + self.spurious + self.missed > 0


def count_sets(predicted: Iterable[object], gold: Iterable[object]) -> Counts:
    """Compare two sets of hashable items."""
    found, wanted = set(predicted), set(gold)
    return Counts(len(found & wanted), len(found - wanted), len(wanted - found))


def overlap_pairs(predicted: Sequence[Span], gold: Sequence[Span]) -> list[tuple[int, int]]:
    """Pairs (predicted, gold) with an intersection over union of at least 0.5, each item in one pair at most, best first.

    Both must be in order and free of overlaps within themselves.
    """
    pairs = []
    begin = 0
    for i, (start, end) in enumerate(predicted):
        while begin < len(gold) and gold[begin][1] <= start:
            begin += 1
        for j in range(begin, len(gold)):
            if gold[j][0] >= end:
                break
            shared = min(end, gold[j][1]) - max(start, gold[j][0])
            whole = max(end, gold[j][1]) - min(start, gold[j][0])
            if shared / whole >= MIN_IOU:
                pairs.append((shared / whole, i, j))
    taken_i: set[int] = set()
    taken_j: set[int] = set()
    result = []
    for _, i, j in sorted(pairs, key=lambda pair: -pair[0]):
        if i not in taken_i and j not in taken_j:
            taken_i.add(i)
            taken_j.add(j)
            result.append((i, j))
    return result


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """All counts of one document; sums over documents add field by field."""

    exact: Counts
    """Directives whose start and end are right, whatever their kind."""
    overlap: Counts
    """Directives with an intersection over union of at least 0.5, one to one."""
    kinds: Counts
    """Of the directives matched by overlap: right kind (hits), wrong kind (missed)."""
    slots: dict[str, Counts]
    """Per kind: slots whose start, end and kind are right."""
    themes: dict[str, Counts]
    """Per theme, and ``boilerplate``: over paragraphs matched by overlap; labels of unmatched paragraphs count as wrong."""

    def __add__(self, other: DocumentScores) -> DocumentScores:
        return DocumentScores(
            self.exact + other.exact,
            self.overlap + other.overlap,
            self.kinds + other.kinds,
            {kind: self.slots[kind] + other.slots[kind] for kind in self.slots},
            {theme: self.themes[theme] + other.themes[theme] for theme in self.themes},
        )

    def figures(self, whole: DocumentScores | None = None) -> dict[str, float]:
        """The figures of the table, by name; all between 0 and 1.

        In a sample of the documents of ``whole``, NaN for what it has none of and they have: it says nothing of that. The mean
        over themes is then one over the others.
        """
        whole = whole or self
        slots_micro, all_slots = (sum(scores.slots.values(), Counts()) for scores in (self, whole))
        slots = {kind: _f1(counts, whole.slots[kind]) for kind, counts in self.slots.items()}
        themes = {name: _f1(counts, whole.themes[name]) for name, counts in self.themes.items()}
        boilerplate = themes.pop("boilerplate")
        known = [score for score in themes.values() if not math.isnan(score)]
        return {
            "directives exact": _f1(self.exact, whole.exact),
            "directives overlap": _f1(self.overlap, whole.overlap),
            "kind accuracy": self.kinds.recall if self.kinds or not whole.kinds else math.nan,
            "slots micro": _f1(slots_micro, all_slots),
            **{f"slot {kind}": score for kind, score in slots.items()},
            "themes macro": sum(known) / len(known) if known else math.nan,
            **{f"theme {name}": score for name, score in themes.items()},
            "boilerplate": boilerplate,
        }


def _f1(counts: Counts, whole: Counts) -> float:
    """F1; NaN where there is nothing in a sample of a ``whole`` in which there is something."""
    return counts.f1 if counts or not whole else math.nan


def score_document(predicted: Document, gold: Document, slots: Sequence[str], themes: Sequence[str]) -> DocumentScores:
    """Compare a predicted annotation of a text with the gold one."""
    found = [(d.start, d.end) for d in predicted.directives]
    wanted = [(d.start, d.end) for d in gold.directives]
    pairs = overlap_pairs(found, wanted)
    right = sum(predicted.directives[i].kind == gold.directives[j].kind for i, j in pairs)
    return DocumentScores(
        exact=count_sets(found, wanted),
        overlap=Counts(len(pairs), len(found) - len(pairs), len(wanted) - len(pairs)),
        kinds=Counts(right, 0, len(pairs) - right),
        slots={
            kind: count_sets(
                [(s.start, s.end) for s in predicted.slots if s.kind == kind],
                [(s.start, s.end) for s in gold.slots if s.kind == kind],
            )
            for kind in slots
        },
        themes=_score_themes(predicted, gold, themes),
    )


def _score_themes(predicted: Document, gold: Document, themes: Sequence[str]) -> dict[str, Counts]:
    pairs = overlap_pairs([(p.start, p.end) for p in predicted.paragraphs], [(p.start, p.end) for p in gold.paragraphs])
    partner = dict(pairs)
    counts = {}
    for name in (*themes, "boilerplate"):
        found = {
            partner.get(i, ("unmatched", i))
            for i, p in enumerate(predicted.paragraphs)
            if name in _labels(p.themes, p.boilerplate)
        }
        wanted = {j for j, p in enumerate(gold.paragraphs) if name in _labels(p.themes, p.boilerplate)}
        counts[name] = count_sets(found, wanted)
    return counts


def _labels(themes: Sequence[str], boilerplate: bool) -> set[str]:
    return {*themes, "boilerplate"} if boilerplate else set(themes)
