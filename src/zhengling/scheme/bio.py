"""Spans to BIO tags and back; pure Python and numpy.

Tag 0 is ``O``; kind ``k`` (by its place in the scheme) begins with ``1 + 2 k`` and goes on with ``2 + 2 k``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OUTSIDE = 0
Span = tuple[int, int, int]
"""``(start, end, kind)``: half-open, kind by its place in the scheme."""


def tag_names(kinds: Sequence[str]) -> list[str]:
    """The names of all tags in order: ``O``, ``B-require``, ``I-require``, …"""
    return ["O", *(f"{position}-{kind}" for kind in kinds for position in "BI")]


def encode_spans(spans: Iterable[Span], length: int) -> NDArray[np.int64]:
    """BIO tags of shape ``[length]``; raises ``ValueError`` where spans overlap or leave ``[0, length)``."""
    tags = np.zeros(length, dtype=np.int64)
    for start, end, kind in spans:
        if not 0 <= start < end <= length:
            raise ValueError(f"span ({start}, {end}) is empty or outside [0, {length})")
        if tags[start:end].any():
            raise ValueError(f"span ({start}, {end}) overlaps another")
        tags[start:end] = 2 + 2 * kind
        tags[start] = 1 + 2 * kind
    return tags


def decode_tags(tags: Sequence[int] | NDArray[np.integer[Any]]) -> list[Span]:
    """The spans of a tag sequence, in order. A stray inside tag (no begin before it, or another kind) begins a span."""
    array = np.asarray(tags)
    if not len(array):
        return []
    inside, kinds = array > OUTSIDE, (array - 1) // 2
    begins = inside & (array % 2 == 1)
    begins[0] = inside[0]
    begins[1:] |= inside[1:] & (~inside[:-1] | (kinds[1:] != kinds[:-1]))
    starts = np.flatnonzero(begins)
    stops = np.flatnonzero(begins | ~inside)
    after = np.append(stops, len(array))[np.searchsorted(stops, starts, side="right")]
    return list(zip(starts.tolist(), after.tolist(), kinds[starts].tolist(), strict=True))


def allowed_transitions(kinds: int) -> NDArray[np.bool_]:
    """Which tag may follow which, shape ``[tags, tags]``: an inside tag needs its own kind before it."""
    tags = 1 + 2 * kinds
    allowed = np.ones((tags, tags), dtype=np.bool_)
    for kind in range(kinds):
        inside = 2 + 2 * kind
        allowed[:, inside] = False
        allowed[[inside - 1, inside], inside] = True
    return allowed


def breaks_out(slot_tags: Any, directive_tags: Any) -> Any:
    """Where a slot tag would lie outside of directives, or run on over a directive's begin; arrays or tensors that broadcast.

    Negative directive tags, those of which nothing is known, forbid nothing.
    """
    outside = (directive_tags == OUTSIDE) & (slot_tags != OUTSIDE)
    begins = (directive_tags > OUTSIDE) & (directive_tags % 2 == 1)
    return outside | (begins & (slot_tags != OUTSIDE) & (slot_tags % 2 == 0))


def allowed_starts(kinds: int) -> NDArray[np.bool_]:
    """Which tag may come first, shape ``[tags]``: any but an inside tag."""
    return np.asarray([tag == OUTSIDE or tag % 2 == 1 for tag in range(1 + 2 * kinds)])
