"""Clean text that knows where each of its characters came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Edit = tuple[int, int, str]
"""Replace ``text[start:end]`` by a string: ``(start, end, replacement)``."""

Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AlignedText:
    """A text and, per character, the half-open stretch of the source that it stands for.

    ``starts`` and ``ends`` have shape ``[len(text)]``, count code points of the source and never decrease.
    """

    text: str
    starts: Offsets
    ends: Offsets

    @classmethod
    def of(cls, source: str) -> AlignedText:
        """The source itself, each character standing for itself."""
        starts = np.arange(len(source), dtype=np.int64)
        return cls(source, starts, starts + 1)

    def with_same_length(self, text: str) -> AlignedText:
        """The same alignment under a text of the same length (a character-by-character conversion)."""
        if len(text) != len(self.text):
            raise ValueError(f"a conversion changed the length from {len(self.text)} to {len(text)} characters")
        return AlignedText(text, self.starts, self.ends)

    def edit(self, edits: Sequence[Edit]) -> AlignedText:
        """Apply edits that are in order and do not overlap.

        Each character of a replacement stands for the whole stretch that it replaces; a replacement of the
        stretch's own length keeps the alignment character by character.
        """
        if not edits:
            return self
        self._check(edits)
        pieces: list[str] = []
        cursor = 0
        for start, end, new in edits:
            pieces += (self.text[cursor:start], new)
            cursor = end
        pieces.append(self.text[cursor:])
        if not self.text:  # whatever is put into nothing stands for nothing
            nothing = np.zeros(sum(map(len, pieces)), dtype=np.int64)
            return AlignedText("".join(pieces), nothing, nothing)
        first, last = _sources(edits, len(self.text))
        starts, ends = self.starts[first], self.ends[last]
        for at in _insertions(edits):  # an inserted character stands for an empty stretch
            here = self.to_source(*at[:2])[0]
            starts[at[2] : at[3]], ends[at[2] : at[3]] = here, here
        return AlignedText("".join(pieces), starts, ends)

    def _check(self, edits: Sequence[Edit]) -> None:
        cursor = 0
        for start, end, _ in edits:
            if not cursor <= start <= end <= len(self.text):
                raise ValueError(f"edit ({start}, {end}) is out of order or outside [{cursor}, {len(self.text)}]")
            cursor = end

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the source that ``text[start:end]`` stands for; an empty span maps to an empty one."""
        if not 0 <= start <= end <= len(self.text):
            raise IndexError(f"span ({start}, {end}) is outside the text. Expected 0 <= start <= end <= {len(self.text)}")
        if start < end:
            return int(self.starts[start]), int(self.ends[end - 1])
        if start < len(self.text):
            return int(self.starts[start]), int(self.starts[start])
        at = int(self.ends[-1]) if len(self.ends) else 0
        return at, at

    def from_source(self, start: int, end: int) -> tuple[int, int]:
        """The smallest span of the clean text whose characters all overlap ``source[start:end]``.

        Empty, at the nearest place, if cleaning left nothing of it.
        """
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.starts, end, side="left"))
        return (first, last) if first < last else (first, first)


def _sources(edits: Sequence[Edit], length: int) -> tuple[Offsets, Offsets]:
    """Per character of the edited text, the first and the last old character it stands for, each of shape ``[new]``."""
    begin = np.fromiter((start for start, _, _ in edits), dtype=np.int64, count=len(edits))
    finish = np.fromiter((end for _, end, _ in edits), dtype=np.int64, count=len(edits))
    size = np.fromiter((len(new) for _, _, new in edits), dtype=np.int64, count=len(edits))
    kept_from = np.concatenate(([0], finish))
    kept = np.concatenate((begin, [length])) - kept_from
    counts = np.empty(2 * len(edits) + 1, dtype=np.int64)
    counts[0::2], counts[1::2] = kept, size
    origin = np.empty_like(counts)
    origin[0::2], origin[1::2] = kept_from, begin
    whole = np.zeros_like(counts, dtype=bool)  # pieces whose characters all stand for the whole stretch
    whole[1::2] = size != finish - begin
    until = np.empty_like(counts)
    until[0::2], until[1::2] = 0, np.maximum(finish - 1, 0)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    constant = np.repeat(whole, counts)
    first = np.repeat(origin, counts) + np.where(constant, 0, offset)
    last = np.where(constant, np.repeat(until, counts), first)
    return np.minimum(first, max(length - 1, 0)), last


def _insertions(edits: Sequence[Edit]) -> list[tuple[int, int, int, int]]:
    """Where edits insert: old start, old end, and the stretch of the edited text."""
    found = []
    shift = 0
    for start, end, new in edits:
        if start == end and new:
            found.append((start, end, start + shift, start + shift + len(new)))
        shift += len(new) - (end - start)
    return found
