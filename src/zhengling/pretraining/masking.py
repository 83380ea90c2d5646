"""Which tokens to hide: spans, after SpanBERT and MacBERT."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

IGNORED = -100


class SpanMasker:
    """Masks spans of tokens until ``share`` of each batch is to be predicted.

    Of the tokens to predict, 80 % become ``[MASK]``, 10 % a random token, 10 % stay (Devlin et al. 2019).
    Special tokens are never masked.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, share: float, spans: Sequence[float]) -> None:
        self.mask, self.size, self.share = tokenizer.mask_token_id, len(tokenizer), share
        self.special = np.asarray(tokenizer.all_special_ids)
        self.spans = np.asarray(spans) / np.sum(spans)

    def __call__(self, ids: NDArray[np.int64], generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and labels of the shape of ``ids``, ``[batch, length]``; labels are -100 where nothing is asked."""
        mean = float((np.arange(1, len(self.spans) + 1) * self.spans).sum())
        # a token is hidden if one of the spans that could cover it starts: 1 - (1 - rate)^mean = share
        rate = 1 - (1 - self.share) ** (1 / mean)
        starts = generator.random(ids.shape) < rate
        lengths = generator.choice(len(self.spans), p=self.spans, size=ids.shape) + 1
        chosen = starts.copy()
        for shift in range(1, len(self.spans)):
            chosen[:, shift:] |= (starts & (lengths > shift))[:, :-shift]
        chosen &= ~np.isin(ids, self.special)
        labels = np.where(chosen, ids, IGNORED)
        dice = generator.random(ids.shape)
        inputs = np.where(chosen & (dice < 0.8), self.mask, ids)
        noise = generator.integers(len(self.special), self.size, size=ids.shape)
        return np.where(chosen & (dice >= 0.8) & (dice < 0.9), noise, inputs), labels
