"""Choosing the probability from which a theme holds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

GRID = np.arange(0.2, 0.81, 0.05)


def choose_thresholds(
    scores: Mapping[str, tuple[NDArray[np.float64], NDArray[np.int64]]], default: Mapping[str, float], min_positives: int = 5
) -> dict[str, float]:
    """Per label the threshold of the grid with the best F1; the middle one where several are best.

    ``scores``: per label, probabilities and 0/1 labels, each ``[paragraphs]``. A label with fewer than ``min_positives``
    positives keeps its default: there is too little to choose by.
    """
    chosen = dict(default)
    for name, (probabilities, labels) in scores.items():
        if labels.sum() < min_positives:
            continue
        values = np.asarray([_f1(probabilities >= threshold, labels) for threshold in GRID])
        best = np.flatnonzero(values >= values.max() - 1e-9)
        chosen[name] = round(float(GRID[best[len(best) // 2]]), 2)
    return chosen


def _f1(predicted: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    hits = int((predicted & (labels == 1)).sum())
    return 2 * hits / max(1, int(predicted.sum() + labels.sum()))
