"""Where slots begin and end, by the two characters that meet there: counted on the training gold, used when slots are decoded.

No name ends between 服 and 务, many do between 程 and 建: the heads, which have seen each pair a few times at most, now and
then cut a word in two. For each pair that stands in directives, gold says how often a slot begins or ends between its
characters; the log-odds against all pairs weigh in at that place. What it brought: LOG.md, 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRIOR = 10.0
"""As how many places the share over all pairs counts within each pair."""
LOWEST, HIGHEST = -3.0, 1.0
"""Bounds of a log-odds, in nats."""
GRAIN = 0.25
"""Log-odds are kept in steps of so many nats, which 16 bits hold exactly."""
SMALLEST = 0.5
"""A pair is kept if one of its log-odds is at least so far from 0."""
AT_ONCE = 65_536
"""Places that are looked up together, so that a document of any length takes little memory beside its result."""
Labelled = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""One paragraph: token ids, directive tags and slot tags, each ``[tokens]``."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Log-odds of an edge of a slot between two tokens."""

    pairs: NDArray[np.int64]
    """``[pairs]``, sorted: the id of the first token × ``size`` + that of the second."""
    odds: NDArray[np.float32]
    """``[pairs, 2]``: of a slot that begins with the second token, of one that ends with the first."""
    size: int
    """Of the vocabulary."""

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """``[tokens, 2]``: per token, of a slot that begins with it and of one that ends before it; 0 for the first."""
        result = np.zeros((len(ids), 2), dtype=np.float16)
        for first in range(0, len(ids) - 1 if len(self.pairs) else 0, AT_ONCE):
            some = ids[first : first + AT_ONCE + 1]
            wanted = some[:-1] * self.size + some[1:]
            places = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
            found = np.where((self.pairs[places] == wanted)[:, None], self.odds[places], 0)
            result[first + 1 : first + len(some)] = found
        return result


def count_edges(sequences: Iterable[Labelled], size: int) -> Edges:
    """Count on paragraphs of gold; ``size``: of the vocabulary. A place counts where both tokens lie in one directive."""
    pairs, begins, ends = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=bool)], [np.empty(0, dtype=bool)]
    for ids, directives, slots in sequences:
        within = (directives[:-1] > 0) & (directives[1:] > 0) & (directives[1:] % 2 == 0)
        fresh = slots[1:] % 2 == 1
        pairs.append((ids[:-1] * size + ids[1:])[within])
        begins.append(fresh[within])
        ends.append(((slots[:-1] > 0) & (fresh | (slots[1:] == 0)))[within])
    known, places, counts = np.unique(np.concatenate(pairs), return_inverse=True, return_counts=True)
    odds = np.stack([_log_odds(places, np.concatenate(edges), counts) for edges in (begins, ends)], axis=1)
    kept = (np.abs(odds) >= SMALLEST).any(1)
    return Edges(known[kept], odds[kept], size)


def _log_odds(places: NDArray[np.int64], edges: NDArray[np.bool_], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Of an edge within each pair against all pairs; ``places``: of each place its pair, ``edges``: whether one is there."""
    if not edges.any():
        return np.zeros(len(counts), dtype=np.float32)
    overall = edges.mean()
    shares = (np.bincount(places, edges, len(counts)) + PRIOR * overall) / (counts + PRIOR)
    return (np.log(shares / overall).clip(LOWEST, HIGHEST) / GRAIN).round().astype(np.float32) * np.float32(GRAIN)


def mean_edges(several: Sequence[Edges]) -> Edges:
    """The mean of several models' log-odds; a pair that a model does not have is 0 in it."""
    pairs = np.unique(np.concatenate([each.pairs for each in several]))
    odds = np.zeros((len(pairs), 2), dtype=np.float32)
    for each in several:
        odds[np.searchsorted(pairs, each.pairs)] += each.odds / len(several)
    return Edges(pairs, odds, several[0].size)
