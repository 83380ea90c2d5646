"""Peer, the part for themes: TF-IDF over character n-grams and one linear support vector machine per label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.peers_texts import Finding
from benchmarks.peers_thresholds import held_back, label_matrix, labels_over, thresholds_of

LONGEST = 3
"""Characters of the longest n-gram."""


class ThemeMachines:
    """One machine per theme and for boilerplate."""

    def __init__(self, paragraphs: Sequence[Finding], thresholds: np.ndarray) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # an optional package: the group `peers`
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import LinearSVC

        ngrams = TfidfVectorizer(analyzer="char", ngram_range=(1, LONGEST), min_df=2, sublinear_tf=True, dtype=np.float32)
        machines = OneVsRestClassifier(LinearSVC(C=1.0, class_weight="balanced"))
        self.pipeline = make_pipeline(ngrams, machines)
        self.pipeline.fit([p.text for p in paragraphs], label_matrix(paragraphs))
        self.thresholds = thresholds

    @classmethod
    def trained(cls, paragraphs: Sequence[Finding]) -> ThemeMachines:
        """Trained on all paragraphs, with thresholds chosen on some that a first training does not see."""
        learnt, held = held_back(paragraphs)
        first = cls(learnt, np.empty(0))
        return cls(paragraphs, thresholds_of(first.scores([p.text for p in held]), held))

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """The machines' margins between 0 and 1, ``[texts, labels]``."""
        return 1 / (1 + np.exp(-2 * self.pipeline.decision_function(list(texts))))

    def find(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """The labels of each text."""
        return labels_over(self.scores(texts), self.thresholds) if texts else []
