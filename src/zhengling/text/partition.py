"""Which characters of one text hold the bytes of which characters of another, when both are the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Offsets = NDArray[np.int64]


def share_out(clean_sizes: Sequence[int] | Offsets, source_sizes: Sequence[int] | Offsets) -> tuple[Offsets, Offsets]:
    """Per clean character the half-open stretch of source characters that begin within its bytes.

    Sizes are in bytes, per character; both must add up to the same. The stretches part the source and do not
    overlap, but for a clean character in whose bytes none begins: it stands for the one that it lies in.
    """
    clean_ends = np.cumsum(np.asarray(clean_sizes, dtype=np.int64))
    source_ends = np.cumsum(np.asarray(source_sizes, dtype=np.int64))
    totals = [int(ends[-1]) if len(ends) else 0 for ends in (clean_ends, source_ends)]
    if totals[0] != totals[1]:
        raise ValueError(f"the texts are not the same bytes: got {totals[0]} and {totals[1]}. Expected equal sums")
    source_begins = np.concatenate(([0], source_ends[:-1])) if len(source_ends) else source_ends
    bounds = np.searchsorted(source_begins, np.concatenate(([0], clean_ends)), side="left")
    starts, ends = bounds[:-1].astype(np.int64), bounds[1:].astype(np.int64)
    inside = starts == ends
    starts[inside] -= 1
    return starts, ends
