"""From which probability on a peer gives a label, chosen on a part of the training paragraphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.peers_texts import LABELS, Finding
from zhengling.training.thresholds import choose_thresholds

EVERY = 6
"""Every so manieth paragraph is kept from a first training, to choose the thresholds by."""


def held_back(paragraphs: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """The paragraphs to learn from while thresholds are chosen, and those to choose them by."""
    return [p for i, p in enumerate(paragraphs) if i % EVERY], list(paragraphs[::EVERY])


def thresholds_of(probabilities: np.ndarray, held: Sequence[Finding]) -> np.ndarray:
    """Per label the threshold with the best F1; ``probabilities``: ``[paragraphs, labels]``, of the held-back ones."""
    holds = label_matrix(held)
    scores = {label: (probabilities[:, i], holds[:, i]) for i, label in enumerate(LABELS)}
    chosen = choose_thresholds(scores, dict.fromkeys(LABELS, 0.5))
    return np.asarray([chosen[label] for label in LABELS])


def label_matrix(paragraphs: Sequence[Finding]) -> np.ndarray:
    """0 or 1, ``[paragraphs, labels]``."""
    return np.asarray([[int(label in p.labels) for label in LABELS] for p in paragraphs], dtype=np.int64)


def labels_over(probabilities: np.ndarray, thresholds: np.ndarray) -> list[tuple[str, ...]]:
    """The labels of each paragraph whose probability reaches the threshold."""
    return [tuple(label for label, holds in zip(LABELS, row, strict=True) if holds) for row in probabilities >= thresholds]
