"""Decoding: the best sequence that obeys BIO, compared with trying them all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from zhengling.modeling.decoding import best_tags, decode_paragraphs, log_softmax
from zhengling.scheme.bio import allowed_starts, allowed_transitions


def _by_trying_all(log_probs: np.ndarray, kinds: int) -> list[int]:
    allowed, starts = allowed_transitions(kinds), allowed_starts(kinds)
    tags = range(1 + 2 * kinds)
    legal = (
        sequence
        for sequence in itertools.product(tags, repeat=len(log_probs))
        if starts[sequence[0]] and all(allowed[a, b] for a, b in itertools.pairwise(sequence))
    )
    return list(max(legal, key=lambda sequence: sum(log_probs[t, tag] for t, tag in enumerate(sequence))))


@pytest.mark.parametrize("seed", range(8))
def test_viterbi_finds_what_trying_all_finds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    lengths = np.asarray([5, 3, 1])
    log_probs = log_softmax(generator.normal(0, 2, (3, 5, 5)).astype(np.float32))
    tags = best_tags(log_probs, lengths, 2)
    for row, length in enumerate(lengths):
        assert tags[row, :length].tolist() == _by_trying_all(log_probs[row, :length], 2)
        assert not tags[row, length:].any()


def test_slots_stay_inside_one_directive() -> None:
    """Slot tags that begin outside, or run on from one directive into the next, are cut to what is allowed."""
    directives = np.full((6, 3), -9.0, dtype=np.float32)
    directives[np.arange(6), [0, 1, 2, 1, 2, 0]] = 9.0
    slots = np.full((6, 3), -9.0, dtype=np.float32)
    slots[np.arange(6), [1, 2, 2, 2, 2, 2]] = 9.0
    [(found, inside)] = decode_paragraphs([directives], [slots], (1, 1))
    assert [(s.start, s.end, s.kind) for s in found] == [(1, 3, 0), (3, 5, 0)]
    assert [(s.start, s.end) for s in inside] == [(1, 3), (3, 5)] or all(
        any(d.start <= s.start and s.end <= d.end for d in found) for s in inside
    )
    assert all(0 <= span.score <= 1 for span in (*found, *inside))


def test_no_paragraphs_and_empty_paragraphs_decode_to_nothing() -> None:
    assert decode_paragraphs([], [], (3, 4)) == []
    nothing = np.empty((0, 7), dtype=np.float32), np.empty((0, 9), dtype=np.float32)
    assert decode_paragraphs([nothing[0]], [nothing[1]], (3, 4)) == [([], [])]
