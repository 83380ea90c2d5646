"""From tag logits to spans: the best tag sequence that obeys BIO, slots inside directives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhengling.modeling.transitions import EDGE
from zhengling.scheme.bio import OUTSIDE, allowed_starts, allowed_transitions, decode_tags

FORBIDDEN = -1e9


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
    classes: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Viterbi over the BIO constraints, for a batch of sequences at once.

    ``log_probs``: ``[batch, tokens, 1 + 2 × kinds]``, padded; ``lengths``: ``[batch]``. ``transitions``, of
    :func:`zhengling.modeling.transitions.count_transitions`, are added by the ``classes`` of the tokens, ``[batch, tokens]``.
    Returns tags ``[batch, tokens]``, 0 on the padding.
    """
    batch, tokens, tags = log_probs.shape
    rows = np.arange(batch)
    if transitions is None or classes is None:
        transitions, classes = np.zeros((1, 1, tags, tags), dtype=np.float32), np.full((batch, tokens), EDGE)
    between = transitions + np.where(allowed_transitions(kinds), 0.0, FORBIDDEN).astype(np.float32)
    best = log_probs[:, 0] + np.where(allowed_starts(kinds), 0.0, FORBIDDEN).astype(np.float32)
    best = best + transitions[EDGE, classes[:, 0], OUTSIDE]
    back = np.zeros((tokens, batch, tags), dtype=np.int8 if tags < 128 else np.int32)
    for t in range(1, tokens):
        step = best[:, :, None] + between[classes[:, t - 1], classes[:, t]]
        back[t] = step.argmax(1)
        candidate = step.max(1) + log_probs[:, t]
        best = np.where((t < lengths)[:, None], candidate, best)
    best = best + transitions[classes[rows, lengths - 1], EDGE][:, :, OUTSIDE]
    result = np.zeros((batch, tokens), dtype=np.int64)
    current = best.argmax(1)
    for t in range(tokens - 1, -1, -1):
        inside = t < lengths
        result[inside, t] = current[inside]
        current = np.where(inside & (t > 0), back[t][rows, current], current)
    return result


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-probabilities over the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def theme_probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities of independent labels, of the shape of ``logits``; the temperature calibrates them (Guo et al. 2017)."""
    return 1 / (1 + np.exp(-logits.astype(np.float64) / temperature))


def restrict_slots(slots: NDArray[np.float32], directive_tags: NDArray[np.int64]) -> NDArray[np.float32]:
    """Forbid slot tags outside directives and slots that run on over a directive's begin.

    ``slots``: log-probabilities ``[tokens, tags]``; ``directive_tags``: ``[tokens]``.
    """
    restricted = slots.copy()
    restricted[directive_tags == 0, 1:] = FORBIDDEN
    begins = (directive_tags > 0) & (directive_tags % 2 == 1)
    restricted[begins, 2::2] = FORBIDDEN
    return restricted


def _scored(tags: NDArray[np.int64], log_probs: NDArray[np.float32]) -> list[ScoredSpan]:
    chosen = log_probs[np.arange(len(tags)), tags]
    return [
        ScoredSpan(start, end, kind, float(np.exp(np.clip(chosen[start:end], -50, 0)).mean()))
        for start, end, kind in decode_tags(tags)
    ]


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
    classes: Sequence[NDArray[np.int64]] = (),
) -> list[tuple[list[ScoredSpan], list[ScoredSpan]]]:
    """Directives and slots of each paragraph, from its tag logits ``[tokens, tags]``.

    ``kinds``: number of directive kinds, number of slot kinds; ``classes``: those of each paragraph's tokens, needed with
    ``transitions``. A span's score is the mean probability of its tags.
    """
    of_directives, of_slots = (transitions.directives, transitions.slots) if transitions else (None, None)
    directive_probs = [log_softmax(logits) for logits in directives]
    directive_tags = _decode_ragged(directive_probs, kinds[0], of_directives, classes)
    slot_probs = [restrict_slots(log_softmax(logits), tags) for logits, tags in zip(slots, directive_tags, strict=True)]
    slot_tags = _decode_ragged(slot_probs, kinds[1], of_slots, classes)
    return [
        (_scored(d_tags, d_probs), _scored(s_tags, s_probs))
        for d_tags, d_probs, s_tags, s_probs in zip(directive_tags, directive_probs, slot_tags, slot_probs, strict=True)
    ]


def _decode_ragged(
    sequences: Sequence[NDArray[np.float32]],
    kinds: int,
    transitions: NDArray[np.float32] | None,
    classes: Sequence[NDArray[np.int64]],
    batch: int = 64,
) -> list[NDArray[np.int64]]:
    """:func:`best_tags` over sequences of any length, neighbours in length together."""
    result: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(sequences)
    order = sorted((i for i in range(len(sequences)) if len(sequences[i])), key=lambda i: len(sequences[i]))
    for first in range(0, len(order), batch):
        chosen = order[first : first + batch]
        lengths = np.asarray([len(sequences[i]) for i in chosen])
        padded = np.zeros((len(chosen), lengths.max(), 1 + 2 * kinds), dtype=np.float32)
        kinds_of_token = np.zeros(padded.shape[:2], dtype=np.int64)
        for row, i in enumerate(chosen):
            padded[row, : lengths[row]] = sequences[i]
            if transitions is not None:
                kinds_of_token[row, : lengths[row]] = classes[i]
        tags = best_tags(padded, lengths, kinds, transitions, kinds_of_token)
        for row, i in enumerate(chosen):
            result[i] = tags[row, : lengths[row]]
    return result
