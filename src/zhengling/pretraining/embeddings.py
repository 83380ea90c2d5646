"""Character embeddings from an SVD of the PPMI matrix of co-occurrences (Levy and Goldberg 2014)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray


def svd_embeddings(
    tokens: NDArray[np.uint16], vocabulary: int, width: int, *, window: int = 4, std: float = 0.04, seed: int = 0
) -> torch.Tensor:
    """Embeddings of shape ``[vocabulary, width]`` with standard deviation ``std``.

    Co-occurrences count within ``window`` tokens on either side, weighted by 1 / distance; probabilities of contexts
    are smoothed by the power 0.75. Tokens that never occur get noise.
    """
    counts = np.zeros((vocabulary, vocabulary), dtype=np.float32)
    for distance in range(1, window + 1):
        pairs = tokens[:-distance].astype(np.int64) * vocabulary + tokens[distance:]
        found, number = np.unique(pairs, return_counts=True)
        counts.reshape(-1)[found] += (number / distance).astype(np.float32)
    counts += counts.T
    rows = counts.sum(1)
    context = rows**0.75
    context /= context.sum()
    expected = np.outer(rows, context)
    ppmi = torch.from_numpy(np.maximum(np.log(np.maximum(counts, 1e-9) / np.maximum(expected, 1e-9)), 0))
    torch.manual_seed(seed)
    left, values, _ = torch.svd_lowrank(ppmi, q=width, niter=2)
    vectors = left * values.sqrt()
    vectors = vectors / vectors.std()
    missing = torch.from_numpy(rows == 0)
    vectors[missing] = torch.randn(int(missing.sum()), width)
    return vectors * std
