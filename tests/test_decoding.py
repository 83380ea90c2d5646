"""Decoding: the best sequence that obeys BIO, compared with trying them all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from zhengling.modeling.decoding import MISSING, STRETCH, Transitions, best_tags, decode_paragraphs, log_softmax
from zhengling.modeling.transitions import BACK_OFF, CLASSES, EDGE, count_transitions, token_class
from zhengling.scheme.bio import allowed_starts, allowed_transitions, decode_tags


def _by_trying_all(
    log_probs: np.ndarray,
    kinds: int,
    table: np.ndarray | None = None,
    classes: tuple[int, ...] = (),
    edges: np.ndarray | None = None,
) -> list[int]:
    allowed, starts = allowed_transitions(kinds), allowed_starts(kinds)
    tags = range(1 + 2 * kinds)
    legal = (
        sequence
        for sequence in itertools.product(tags, repeat=len(log_probs))
        if starts[sequence[0]] and all(allowed[a, b] for a, b in itertools.pairwise(sequence))
    )

    def score(sequence: tuple[int, ...]) -> float:
        total = sum(log_probs[t, tag] for t, tag in enumerate(sequence))
        if edges is not None:
            spans = decode_tags(np.asarray(sequence))
            total += sum(edges[start, 0] + (edges[end, 1] if end < len(sequence) else 0) for start, end, _ in spans)
        if table is None:
            return total
        around, between = (0, *classes, 0), (0, *sequence, 0)
        pairs = zip(itertools.pairwise(around), itertools.pairwise(between), strict=True)
        return total + sum(table[left, right, a, b] for (left, right), (a, b) in pairs)

    return list(max(legal, key=score))


@pytest.mark.parametrize("seed", range(8))
def test_viterbi_finds_what_trying_all_finds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    lengths = np.asarray([5, 3, 1])
    log_probs = log_softmax(generator.normal(0, 2, (3, 5, 5)).astype(np.float32))
    tags = best_tags(log_probs, lengths, 2)
    for row, length in enumerate(lengths):
        assert tags[row, :length].tolist() == _by_trying_all(log_probs[row, :length], 2)
        assert not tags[row, length:].any()


@pytest.mark.parametrize("seed", range(8))
def test_transitions_weigh_in_by_the_classes_of_the_tokens(seed: int) -> None:
    generator = np.random.default_rng(seed)
    lengths, classes = np.asarray([5, 3, 1]), generator.integers(0, CLASSES, (3, 5))
    log_probs = log_softmax(generator.normal(0, 1, (3, 5, 5)).astype(np.float32))
    table = generator.normal(0, 2, (CLASSES, CLASSES, 5, 5)).astype(np.float32)
    tags = best_tags(log_probs, lengths, 2, table, classes)
    for row, length in enumerate(lengths):
        wanted = _by_trying_all(log_probs[row, :length], 2, table, tuple(classes[row, :length]))
        assert tags[row, :length].tolist() == wanted


@pytest.mark.parametrize("seed", range(8))
def test_edges_weigh_in_where_spans_begin_and_end(seed: int) -> None:
    generator = np.random.default_rng(seed)
    lengths, classes = np.asarray([5, 3, 1]), generator.integers(0, CLASSES, (3, 5))
    log_probs = log_softmax(generator.normal(0, 1, (3, 5, 5)).astype(np.float32))
    table = generator.normal(0, 1, (CLASSES, CLASSES, 5, 5)).astype(np.float32)
    edges = generator.normal(0, 2, (3, 5, 2)).astype(np.float32)
    tags = best_tags(log_probs, lengths, 2, table, classes, edges)
    for row, length in enumerate(lengths):
        own = log_probs[row, :length], 2, table, tuple(classes[row, :length]), edges[row, :length]
        assert tags[row, :length].tolist() == _by_trying_all(*own)


def test_transitions_are_counted_between_edges() -> None:
    """With three paragraphs ``a。`` tagged B O: a full stop after it ends a directive, as far as was seen."""
    paragraph = np.asarray([token_class("做"), token_class("。")]), np.asarray([1, 0])
    table = np.exp(count_transitions([paragraph] * 3, 3))
    other, stop = paragraph[0]
    smoothing = BACK_OFF * (3.1 / 3.3)  # of all transitions from B, those to O: 3 of 3, each smoothed by 0.1
    assert table[other, stop, 1, 0] == pytest.approx((3 + smoothing) / (3 + BACK_OFF), rel=1e-5)
    assert table[EDGE, other, 0, 1] > table[EDGE, other, 0, 0]
    assert table.sum(-1) == pytest.approx(np.ones(table.shape[:-1]), rel=1e-5)


@pytest.mark.parametrize(
    ("token", "same"), [("##。", "！"), ("GDP", "7"), ("[SEP]", "7"), ("“", "《"), ("要", "须"), ("市", "抓"), ("三", "十")]
)
def test_tokens_of_one_kind_are_of_one_class(token: str, same: str) -> None:
    assert token_class(token) == token_class(same)
    assert len({token_class(each) for each in "。，：、“”三要A市"}) == CLASSES - 1


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


@pytest.mark.parametrize(
    ("behind", "end"),
    [
        ("应", 6),
        ("治理效应", 9),
        ("“三联”机制", 5),  # a quote that opens may begin something else
        ("治理“三联”机制", 13),
        ("效应，很好", 5),
        ("效应。", 5),
        ("”", 5),
        ("", 5),
        ("长" * MISSING, 5 + MISSING),
        ("长" * (MISSING + 1), 5),
    ],
)
def test_a_directive_goes_on_to_the_end_of_a_line_without_a_mark(behind: str, end: int) -> None:
    text = "要放大这个" + behind
    tags = np.zeros(len(text), dtype=np.int64)
    tags[:5] = [3, 4, 4, 4, 4]
    directives, slots = (np.full((len(text), count), -9.0, dtype=np.float32) for count in (5, 3))
    directives[np.arange(len(text)), tags] = 9.0
    slots[:, 0] = 9.0
    slots[-2:, 1:] = [[19.0, 0.0], [0.0, 19.0]]  # a slot of the last two characters, if they are in a directive
    table = Transitions(*(np.zeros((CLASSES, CLASSES, count, count), dtype=np.float32) for count in (5, 3)))
    classes = np.asarray([token_class(character) for character in text])
    [(found, inside)] = decode_paragraphs([directives], [slots], (2, 1), table, [classes])
    assert [(span.start, span.end, span.kind) for span in found] == [(0, end, 1)]
    wanted = [(len(text) - 2, len(text))] if end == len(text) else []
    assert [(span.start, span.end) for span in inside if span.end == len(text)] == wanted
    assert found[0].score == pytest.approx(5 / end, abs=0.01)  # the heads gave the rest nothing


def test_no_paragraphs_and_empty_paragraphs_decode_to_nothing() -> None:
    assert decode_paragraphs([], [], (3, 4)) == []
    nothing = np.empty((0, 7), dtype=np.float32), np.empty((0, 9), dtype=np.float32)
    assert decode_paragraphs([nothing[0]], [nothing[1]], (3, 4)) == [([], [])]


def test_a_long_paragraph_is_decoded_in_stretches_as_if_in_one() -> None:
    generator = np.random.default_rng(5)
    length = 2 * STRETCH + 300
    directives = generator.normal(0, 2, (length, 5)).astype(np.float32)
    slots = generator.normal(0, 2, (length, 3)).astype(np.float32)
    whole = best_tags(log_softmax(directives)[None], np.asarray([length]), 2)[0]
    [(found, inside)] = decode_paragraphs([directives], [slots], (2, 1))
    assert [(s.start, s.end, s.kind) for s in found] == decode_tags(whole)
    assert inside and all(any(d.start <= s.start and s.end <= d.end for d in found) for s in inside)
