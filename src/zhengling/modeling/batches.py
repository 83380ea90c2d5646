"""Windows to padded tensors, batches by token budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Row = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Token ids and pieces of one window, see :func:`zhengling.modeling.windows.window_ids`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded windows, each tensor ``[batch, tokens]``."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    pieces: torch.Tensor
    piece_count: int


def pad(rows: Sequence[NDArray[np.int64]], value: int) -> torch.Tensor:
    """Stack rows of different lengths, filled up with ``value``."""
    width = max(len(row) for row in rows)
    out = np.full((len(rows), width), value, dtype=np.int64)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
    return torch.from_numpy(out)


def collate(rows: Sequence[Row], pad_id: int, device: torch.device | str = "cpu") -> Batch:
    """Put windows into one batch on a device."""
    ids = pad([row[0] for row in rows], pad_id)
    mask = pad([np.ones(len(row[0]), dtype=np.int64) for row in rows], 0)
    count = max(int(row[1].max()) for row in rows) + 1
    return Batch(moved(ids, device), moved(mask, device), moved(pad([row[1] for row in rows], -1), device), count)


def moved(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """On the device; to a GPU by a copy that nobody waits for."""
    return tensor.pin_memory().to(device, non_blocking=True) if torch.device(device).type == "cuda" else tensor.to(device)


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices grouped, longest first, so that rows × longest row stays within ``budget`` tokens.

    A row longer than the budget makes a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    first = 0
    while first < len(order):
        size = max(1, budget // max(1, lengths[order[first]]))
        yield order[first : first + size]
        first += size
