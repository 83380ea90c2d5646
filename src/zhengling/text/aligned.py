"""Clean text that knows where each of its characters came from."""

from __future__ import annotations

from array import array
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

        Each character of a replacement stands for the whole stretch that it replaces, of an insertion for an empty
        one; a replacement of the stretch's own length keeps the alignment character by character.
        """
        if not edits:
            return self
        self._check(edits)
        old_starts, old_ends = array("q"), array("q")
        old_starts.frombytes(self.starts.tobytes())
        old_ends.frombytes(self.ends.tobytes())
        starts, ends = array("q"), array("q")
        pieces: list[str] = []
        cursor = kept = 0  # up to where the text, and the alignment, are copied
        for start, end, new in edits:
            pieces += (self.text[cursor:start], new)
            cursor = end
            if len(new) == end - start:
                continue
            starts += old_starts[kept:start]
            ends += old_ends[kept:start]
            kept = end
            if new:
                first, last = (old_starts[start], old_ends[end - 1]) if start < end else 2 * self.to_source(start, start)[:1]
                starts += array("q", (first,)) * len(new)
                ends += array("q", (last,)) * len(new)
        pieces.append(self.text[cursor:])
        starts += old_starts[kept:]
        ends += old_ends[kept:]
        return AlignedText("".join(pieces), np.frombuffer(starts, dtype=np.int64), np.frombuffer(ends, dtype=np.int64))

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
