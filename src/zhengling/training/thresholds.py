"""The temperature of the theme scores and the probability from which a theme holds, chosen on development documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhengling.extraction.extractor import Extractor
from zhengling.modeling.decoding import theme_probabilities
from zhengling.scheme.annotation import Document
from zhengling.training.examples import Alignment, build_example

Scores = dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]
"""Per theme and for ``boilerplate``: probabilities and 0/1 labels of paragraphs, each ``[paragraphs]``."""

GRID = np.arange(0.2, 0.81, 0.05)
TEMPERATURES = np.geomspace(0.5, 4.0, 31)
BINS = 10
"""Equal bins of probability over which the calibration error is summed."""


def paragraph_scores(extractor: Extractor, gold: Sequence[Document]) -> Scores:
    """What the model gives the gold paragraphs of documents, and what is right."""
    config, account = extractor.config, Alignment()
    examples = [build_example(d, extractor.tokenizer, config.scheme, config.window, account) for d in gold]
    logits = np.concatenate([result.themes for result in extractor.predict([e.document for e in examples])])
    labels = np.concatenate([example.themes for example in examples])
    probabilities = theme_probabilities(logits, config.theme_temperature)
    return {name: (probabilities[:, i], labels[:, i]) for i, name in enumerate(config.theme_outputs)}


def calibrate(extractor: Extractor, gold: Sequence[Document]) -> tuple[Scores, Scores]:
    """Choose temperature and thresholds on documents and set them in the model's configuration; the scores before and after.

    A theme of which the documents have too few paragraphs keeps the threshold that the configuration has.
    """
    config = extractor.config
    config.theme_temperature = 1.0
    raw = paragraph_scores(extractor, gold)
    config.theme_temperature = choose_temperature(raw)
    calibrated = at_temperature(raw, config.theme_temperature)
    config.thresholds = choose_thresholds(calibrated, config.thresholds)
    return raw, calibrated


def choose_temperature(scores: Scores) -> float:
    """The temperature that makes the labels likeliest (Guo et al. 2017); ``scores`` are those at temperature 1."""
    probabilities, labels = _together(scores)
    losses = [_log_loss(_cooled(probabilities, temperature), labels) for temperature in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 3)


def at_temperature(scores: Scores, temperature: float) -> Scores:
    """The scores at this temperature; ``scores`` are those at temperature 1."""
    return {name: (_cooled(probabilities, temperature), labels) for name, (probabilities, labels) in scores.items()}


@dataclass(frozen=True, slots=True)
class Bin:
    """The paragraphs and labels whose score lies in one of the equal bins of probability; means of an empty one are nan."""

    count: int
    score: float
    """Mean score."""
    right: float
    """Share of the labels that hold."""


def reliability(scores: Scores) -> list[Bin]:
    """What the scores say against what is so, bin by bin; where the two agree, the scores are honest."""
    probabilities, labels = _together(scores)
    places = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    parts = [(probabilities[places == number], labels[places == number]) for number in range(BINS)]
    return [Bin(len(p), float(p.mean()), float(y.mean())) if len(p) else Bin(0, np.nan, np.nan) for p, y in parts]


def calibration_error(scores: Scores) -> float:
    """Expected calibration error (Naeini et al. 2015): mean gap between score and share that is right, over bins."""
    bins = [part for part in reliability(scores) if part.count]
    return sum(part.count * abs(part.score - part.right) for part in bins) / max(1, sum(part.count for part in bins))


def _together(scores: Scores) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    probabilities, labels = (np.concatenate([pair[side] for pair in scores.values()]) for side in (0, 1))
    return probabilities, labels


def _cooled(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    inside = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return theme_probabilities(np.log(inside) - np.log1p(-inside), temperature)


def _log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float(-np.where(labels == 1, np.log(probabilities), np.log1p(-probabilities)).mean())


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
