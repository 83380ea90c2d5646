"""Scores of a model on gold documents, with bootstrap intervals and the signature that travels with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zhengling.scheme.annotation import Document, documents_hash
from zhengling.scheme.labels import LabelScheme
from zhengling.scoring.counts import DocumentScores, score_document
from zhengling.scoring.metrics import figures_of, total
from zhengling.version import VERSION

RULE = (
    "spans in source characters; overlap: IoU >= 0.5, one to one; slots: start, end, kind; "
    "themes: paragraphs matched by overlap"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio with its 95 % interval, percentile bootstrap over documents (Efron and Tibshirani 1993)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Report:
    """The figures by name, and how they came about."""

    figures: dict[str, Figure]
    signature: dict[str, Any]

    def table(self) -> str:
        """Markdown, one line a figure, in percent."""
        lines = ["| figure | score | 95 % interval |", "|---|---|---|"]
        lines += [
            f"| {name} | {f.value:.1%} | {f.low:.1%} – {f.high:.1%} |".replace("%", "") for name, f in self.figures.items()
        ]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "figures": {name: {"value": f.value, "low": f.low, "high": f.high} for name, f in self.figures.items()},
            "signature": self.signature,
        }


def report(
    predicted: Sequence[Document],
    gold: Sequence[Document],
    scheme: LabelScheme,
    *,
    model: str,
    samples: int = 1000,
    seed: int = 0,
) -> Report:
    """Score predictions of the same texts in the same order; ``samples`` bootstrap samples."""
    scores = [score_document(found, wanted, scheme.slots, scheme.themes) for found, wanted in zip(predicted, gold, strict=True)]
    figures = figures_of(predicted, gold, scheme)
    drawn = _bootstrap(scores, samples, seed)
    drawn = np.where(np.isnan(drawn).all(0), list(figures.values()), drawn)  # no sample says anything of these
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    signature = {
        "model": model,
        "documents": len(gold),
        "data": documents_hash(gold),
        "rule": RULE,
        "bootstrap": f"{samples} samples over documents, seed {seed}; those without a label left out of its interval",
        "version": VERSION,
    }
    return Report(
        {name: Figure(value, float(low[i]), float(high[i])) for i, (name, value) in enumerate(figures.items())},
        signature,
    )


def _bootstrap(scores: Sequence[DocumentScores], samples: int, seed: int) -> np.ndarray:
    """The figures of each sample, ``[samples, figures]``; NaN where a sample says nothing of a figure."""
    generator, whole = np.random.default_rng(seed), total(scores)
    picks = generator.integers(len(scores), size=(samples, len(scores)))
    return np.asarray([list(total([scores[i] for i in row]).figures(whole).values()) for row in picks])
