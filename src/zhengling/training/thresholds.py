"""The probability from which a theme holds, chosen on development documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zhengling.extraction.extractor import Extractor
from zhengling.modeling.decoding import theme_probabilities
from zhengling.scheme.annotation import Document
from zhengling.training.examples import Alignment, build_example

Scores = dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]
"""Per theme and for ``boilerplate``: probabilities and 0/1 labels of paragraphs, each ``[paragraphs]``."""

GRID = np.arange(0.2, 0.81, 0.05)


def paragraph_scores(extractor: Extractor, gold: Sequence[Document]) -> Scores:
    """What the model gives the gold paragraphs of documents, and what is right."""
    config, account = extractor.config, Alignment()
    examples = [build_example(d, extractor.tokenizer, config.scheme, config.window, account) for d in gold]
    logits = np.concatenate([result.themes for result in extractor.predict([e.document for e in examples])])
    labels = np.concatenate([example.themes for example in examples])
    probabilities = theme_probabilities(logits, config.theme_temperature)
    return {name: (probabilities[:, i], labels[:, i]) for i, name in enumerate(config.theme_outputs)}


def choose_thresholds(
    scores: Scores,
    default: Mapping[str, float],
    min_positives: int = 5,
) -> dict[str, float]:
    """Per label the threshold of the grid with the best F1; the middle one where several are best.

    A label with fewer than ``min_positives``
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
