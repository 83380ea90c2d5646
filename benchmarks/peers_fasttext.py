"""Peer: fastText for themes and boilerplate, with characters as words and their pairs as word n-grams.

``floret`` is fastText with binary wheels for present Pythons; ``mode="fasttext"`` is the original method.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers_texts import LABELS, Annotator, Finding, gold_paragraphs, paragraphwise
from benchmarks.peers_thresholds import held_back, labels_over, thresholds_of
from zhengling.scheme.annotation import Document

PACKAGES = ("floret",)
SETTINGS = {"dim": 64, "epoch": 80, "lr": 0.3, "wordNgrams": 2, "minCount": 2, "bucket": 200_000, "loss": "ova"}
_LABEL, _NONE = "__label__", "none"


def train(gold: Sequence[Document], folder: Path) -> Annotator:
    """Train on all paragraphs, with thresholds chosen on some that a first training does not see."""
    paragraphs = gold_paragraphs(gold)
    learnt, held = held_back(paragraphs)
    thresholds = thresholds_of(_scores(_fit(learnt, folder), [p.text for p in held]), held)
    model = _fit(paragraphs, folder)
    model.save_model(str(folder / "themes.bin"))
    (folder / "training.txt").unlink()

    def find(texts: Sequence[str]) -> list[Finding]:
        return [Finding(*parts) for parts in zip(texts, labels_over(_scores(model, texts), thresholds), strict=True)]

    return paragraphwise(find)


def _fit(paragraphs: Sequence[Finding], folder: Path) -> Any:
    import floret  # an optional package: the group `peers`

    lines = (" ".join([*(_LABEL + label for label in p.labels or (_NONE,)), _words(p.text)]) for p in paragraphs)
    (folder / "training.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return floret.train_supervised(str(folder / "training.txt"), mode="fasttext", thread=1, seed=0, verbose=0, **SETTINGS)


def _scores(model: Any, texts: Sequence[str]) -> np.ndarray:
    """The probability of each label, ``[texts, labels]``; the wrapper's own ``predict`` does not know numpy 2."""
    result = np.zeros((len(texts), len(LABELS)))
    for row, text in enumerate(texts):
        found = {name.removeprefix(_LABEL): score for score, name in model.f.predict(_words(text) + "\n", -1, 0.0, "strict")}
        result[row] = [found.get(label, 0.0) for label in LABELS]
    return result


def _words(text: str) -> str:
    return " ".join("".join(text.split()))
