"""From tag logits to spans: the best tag sequence that obeys BIO, slots inside directives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhengling.modeling.cues import part_at_cues
from zhengling.modeling.transitions import CLAUSE_MARKS, EDGE, MARKS
from zhengling.scheme.bio import OUTSIDE, allowed_starts, allowed_transitions, breaks_out, decode_tags

FORBIDDEN = -1e9
STRETCH, CONTEXT = 1024, 64
"""A longer paragraph is decoded in stretches of so many tokens, each with so many more on either side: what stands farther
off does not change the best tags of the stretch."""
TOKENS_AT_ONCE = 65_536
"""How many tokens, padding counted, are decoded together."""


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A decoded span in tokens: kind by its place in the scheme, score in [0, 1]."""

    start: int
    end: int
    kind: int
    score: float


def best_tags(
    log_probs: NDArray[np.float32],
    lengths: NDArray[np.int64],
    kinds: int,
    transitions: NDArray[np.float32] | None = None,
    classes: NDArray[np.integer[Any]] | None = None,
    edges: NDArray[np.floating] | None = None,
) -> NDArray[np.int64]:
    """Viterbi over the BIO constraints, for a batch of sequences at once.

    ``log_probs``: ``[batch, tokens, 1 + 2 × kinds]``, padded; ``lengths``: ``[batch]``. ``transitions``, of
    :func:`zhengling.modeling.transitions.count_transitions`, are added by the ``classes`` of the tokens, ``[batch, tokens]``,
    which must be among those that it has: no check is made. ``edges``, ``[batch, tokens, 2]``, are added where a span begins
    with a token and where one ends before it, see :mod:`zhengling.modeling.edges`.
    Returns tags ``[batch, tokens]``, 0 on the padding.
    """
    batch, tokens, tags = log_probs.shape
    if transitions is None or classes is None:
        transitions, classes = np.zeros((1, 1, tags, tags), dtype=np.float32), np.full((batch, tokens), EDGE)
    between = transitions + np.where(allowed_transitions(kinds), 0.0, FORBIDDEN).astype(np.float32)
    pairs = np.ascontiguousarray((classes[:, :-1] * len(between) + classes[:, 1:]).T)
    by_pair = between.reshape(-1, tags * tags)
    if edges is None:
        edges = np.zeros((batch, tokens, 2), dtype=np.float32)
    emissions = np.ascontiguousarray(log_probs.transpose(1, 2, 0))
    emissions[:, 1::2] += edges[:, :, 0].T[:, None]
    ends, leaving = np.ascontiguousarray(edges[:, :, 1].T, dtype=np.float32), _leaving(tags)
    start = np.where(allowed_starts(kinds), 0.0, FORBIDDEN).astype(np.float32)
    first = emissions[0].T + start + transitions[EDGE, classes[:, 0], OUTSIDE]
    bests = _forward_scores(first.T, emissions, by_pair, pairs, ends, leaving, lengths)
    last = bests[-1].T + transitions[classes[np.arange(batch), lengths - 1], EDGE][:, :, OUTSIDE]
    into = by_pair.reshape(-1, tags, tags).transpose(0, 2, 1).copy()
    return _backtrace(last.argmax(1), bests, into, pairs, ends, leaving, lengths)


def _leaving(tags: int) -> NDArray[np.bool_]:
    """Whether a span ends between two tags, ``[tag before, tag]``: it goes on with its own inside tag alone."""
    before, after = np.arange(tags)[:, None], np.arange(tags)
    return (before != OUTSIDE) & (after != before + before % 2)


def _forward_scores(
    first: NDArray[np.float32],
    emissions: NDArray[np.float32],
    by_pair: NDArray[np.float32],
    pairs: NDArray[np.int64],
    ends: NDArray[np.float32],
    leaving: NDArray[np.bool_],
    lengths: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The score of the best path to each tag, ``[tokens, tags, batch]``: the batch last, over which numpy is fast.

    ``first``: of the first tokens, ``[tags, batch]``; ``by_pair``: the transitions between tags by pair of classes,
    ``[pairs, tags × tags]``; ``pairs``: ``[tokens - 1, batch]``; ``ends``, ``[tokens, batch]``: added where a span ends before
    the token, so between tags that are :func:`_leaving`. Behind a sequence's end its scores stay.
    """
    bests = np.empty_like(emissions)
    bests[0] = first
    _, tags, batch = emissions.shape
    transposed = np.ascontiguousarray(by_pair.T)
    paths = np.empty((tags * tags, batch), dtype=np.float32)
    over_edge = np.flatnonzero(leaving)
    for t in range(1, len(emissions)):
        np.take(transposed, pairs[t - 1], axis=1, out=paths, mode="clip")
        if ends[t].any():
            paths[over_edge] += ends[t]
        found = (paths.reshape(tags, tags, batch) + bests[t - 1][:, None]).max(0) + emissions[t]
        bests[t] = np.where(t < lengths, found, bests[t - 1])
    return bests


def _backtrace(
    current: NDArray[np.int64],
    bests: NDArray[np.float32],
    into: NDArray[np.float32],
    pairs: NDArray[np.int64],
    ends: NDArray[np.float32],
    leaving: NDArray[np.bool_],
    lengths: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The tags of the best path that ends with ``current``, ``[batch]``, as ``[batch, tokens]``.

    ``bests``: of :func:`_forward_scores`; ``into``: transitions ``[pairs, tag, tag before]``; ``pairs``, ``ends``,
    ``leaving`` as there; ``lengths``: ``[batch]``.
    """
    result = np.zeros((len(bests), len(current)), dtype=np.int64)
    for t in range(len(bests) - 1, -1, -1):
        inside = t < lengths
        result[t] = np.where(inside, current, OUTSIDE)
        if t > 0:
            before = bests[t - 1].T + into[pairs[t - 1], current]
            if ends[t].any():
                before += leaving.T[current] * ends[t][:, None]
            current = np.where(inside, before.argmax(1), current)
    return np.ascontiguousarray(result.T)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-probabilities over the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def theme_probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities of independent labels, of the shape of ``logits``; the temperature calibrates them (Guo et al. 2017)."""
    return 1 / (1 + np.exp(-logits.astype(np.float64) / temperature))


def restrict_slots(slots: NDArray[np.float32], directive_tags: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Forbid slot tags outside directives and slots that run on over a directive's begin.

    ``slots``: log-probabilities ``[…, tokens, tags]``; ``directive_tags``: ``[…, tokens]``.
    """
    forbidden = breaks_out(np.arange(slots.shape[-1]), directive_tags[..., None])
    return np.where(forbidden, np.float32(FORBIDDEN), slots)


Tagged = tuple[NDArray[np.int16], NDArray[np.float32]]
"""The tags of a sequence and the log-probability of each, both ``[tokens]``; small, since a sequence may have millions."""


def _scored(tagged: Sequence[Tagged]) -> list[list[ScoredSpan]]:
    """The spans of each sequence; all are laid end to end, an outside tag behind each."""
    begins = np.cumsum([0, *(len(tags) + 1 for tags, _ in tagged)])
    tags, log_probs = np.zeros(begins[-1], dtype=np.int16), np.zeros(begins[-1], dtype=np.float32)
    for begin, (own, of_own) in zip(begins, tagged, strict=False):
        tags[begin : begin + len(own)], log_probs[begin : begin + len(own)] = own, of_own
    found = decode_tags(tags)
    edges = np.asarray([(start, end) for start, end, _ in found], dtype=np.int64).reshape(-1, 2)
    sums = np.add.reduceat(np.exp(np.clip(log_probs, -50, 0)), edges.ravel(), dtype=np.float64)[::2].tolist() if found else []
    places = np.searchsorted(begins, edges[:, 0], side="right") - 1
    result: list[list[ScoredSpan]] = [[] for _ in tagged]
    for (start, end, kind), total, place, begin in zip(found, sums, places.tolist(), begins[places].tolist(), strict=True):
        result[place].append(ScoredSpan(start - begin, end - begin, kind, total / (end - start)))
    return result


MISSING = 12
"""Tokens that a directive may lack at a paragraph's end without a mark."""


@dataclass(frozen=True, slots=True)
class Transitions:
    """What decoding adds between two tags, by the classes of their tokens; each ``[classes, classes, tags, tags]``."""

    directives: NDArray[np.float32]
    slots: NDArray[np.float32]


def decode_paragraphs(
    directives: Sequence[NDArray[np.float32]],
    slots: Sequence[NDArray[np.float32]],
    kinds: tuple[int, int],
    transitions: Transitions | None = None,
    classes: Sequence[NDArray[np.integer[Any]]] = (),
    texts: Sequence[str] = (),
    cues: Sequence[str] = (),
    edges: Sequence[NDArray[np.floating]] = (),
) -> list[tuple[list[ScoredSpan], list[ScoredSpan]]]:
    """Directives and slots of each paragraph, from its tag logits ``[tokens, tags]``.

    ``kinds``: number of directive kinds, number of slot kinds; ``classes``: those of each paragraph's tokens, needed with
    ``transitions``; ``texts``: a character per token, needed with ``cues``, at which :func:`part_at_cues` parts directives;
    ``edges``: of each paragraph's slots, ``[tokens, 2]``, see :func:`best_tags`. A span's score is the mean probability of its
    tags.
    """
    of_directives, of_slots = (transitions.directives, transitions.slots) if transitions else (None, None)
    of_tokens = classes if transitions else [np.zeros(len(logits), dtype=np.int64) for logits in directives]
    outer = _decode_ragged(directives, kinds[0], of_directives, of_tokens)
    if transitions:
        outer = [_completed(*given) for given in zip(outer, directives, of_tokens, strict=True)]
    if cues:
        outer = [_parted(*given, cues) for given in zip(outer, directives, texts, strict=True)]
    inner = _decode_ragged(slots, kinds[1], of_slots, of_tokens, [tags for tags, _ in outer], edges)
    return list(zip(_scored(outer), _scored(inner), strict=True))


def _completed(tagged: Tagged, logits: NDArray[np.float32], classes: NDArray[np.integer[Any]]) -> Tagged:
    """The last directive up to the end of a paragraph that has no mark there, if it broke off a few tokens before.

    A directive ends before a mark or with its line (guidelines, D3), and gold has hardly a line without a mark at its end: what
    the heads learnt of ends fails on headings, items and tables.
    """
    tags, log_probs = tagged
    end = int(np.flatnonzero(tags)[-1]) + 1 if tags.any() else len(tags)
    rest = classes[end:]
    if not 0 < len(rest) <= MISSING or rest[0] in MARKS or np.isin(rest, CLAUSE_MARKS).any():
        return tagged
    inside = tags[end - 1] + tags[end - 1] % 2  # of a begin tag, which is odd, the next one
    whole, scores = tags.copy(), log_probs.copy()
    whole[end:], scores[end:] = inside, log_softmax(logits[end:])[:, inside]
    return whole, scores


def _parted(tagged: Tagged, logits: NDArray[np.float32], text: str, cues: Sequence[str]) -> Tagged:
    """Directives parted by :func:`part_at_cues`."""
    tags, log_probs = tagged
    parted = part_at_cues(tags, logits, text, cues)
    changed = np.flatnonzero(parted != tags)
    if not len(changed):
        return tagged
    scores = log_probs.copy()
    scores[changed] = log_softmax(logits[changed])[np.arange(len(changed)), parted[changed]]
    return parted, scores


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Tokens ``[first, last)`` of a sequence, of which those from ``begin`` to ``end`` are kept."""

    sequence: int
    first: int
    last: int
    begin: int
    end: int


def _stretches(lengths: Sequence[int]) -> list[_Stretch]:
    return [
        _Stretch(i, max(0, begin - CONTEXT), min(length, begin + STRETCH + CONTEXT), begin, min(length, begin + STRETCH))
        for i, length in enumerate(lengths)
        for begin in range(0, length, STRETCH)
    ]


def _decode_ragged(
    sequences: Sequence[NDArray[np.float32]],
    kinds: int,
    transitions: NDArray[np.float32] | None,
    classes: Sequence[NDArray[np.integer[Any]]],
    within: Sequence[NDArray[np.int16]] = (),
    edges: Sequence[NDArray[np.floating]] = (),
) -> list[Tagged]:
    """:func:`best_tags` over the logits of sequences of any length, neighbours in length together.

    ``within``: the directive tags of each sequence, if these are slots, see :func:`restrict_slots`.
    """
    result = [(np.zeros(len(each), dtype=np.int16), np.zeros(len(each), dtype=np.float32)) for each in sequences]
    stretches = sorted(_stretches([len(each) for each in sequences]), key=lambda each: each.first - each.last)
    first = 0
    while first < len(stretches):
        size = max(1, TOKENS_AT_ONCE // (stretches[first].last - stretches[first].first))
        chosen = stretches[first : first + size]
        first += size
        log_probs = log_softmax(_padded([sequences[s.sequence][s.first : s.last] for s in chosen]))
        if within:
            log_probs = restrict_slots(log_probs, _padded([within[s.sequence][s.first : s.last] for s in chosen]))
        of_tokens = _padded([classes[s.sequence][s.first : s.last] for s in chosen])
        of_edges = _padded([edges[s.sequence][s.first : s.last] for s in chosen]) if edges else None
        lengths = np.asarray([s.last - s.first for s in chosen])
        tags = best_tags(log_probs, lengths, kinds, transitions, of_tokens, of_edges)
        of_tags = np.take_along_axis(log_probs, tags[:, :, None], 2)[:, :, 0]
        for row, s in enumerate(chosen):
            kept = slice(s.begin - s.first, s.end - s.first)
            result[s.sequence][0][s.begin : s.end] = tags[row, kept]
            result[s.sequence][1][s.begin : s.end] = of_tags[row, kept]
    return result


def _padded(rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """``[tokens, …]`` each to ``[rows, longest, …]``, zeros behind."""
    out = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), dtype=rows[0].dtype)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
    return out
