"""A model in bf16 on a CPU that multiplies in it (AMX, AVX512-BF16): matrices in bf16, all between the layers in float32.

Autocast alone makes bf16 of every matrix in every pass, and of a layer's input once for each product. The attention of torch
for CPUs, which keeps scores in float32, gains nothing by bf16; plain products do. 12,541 characters on one core (AMD EPYC,
AVX512-BF16): 2.1 s by autocast, 1.6 to 1.8 by this and :mod:`zhengling.modeling.memory`, half of the gain each (LOG.md,
2026-11-28). Scores in bf16 cost little: 24,742 tokens kept 100 % of directive tags and 99.98 % of slot tags either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import ModernBertModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.modernbert.modeling_modernbert import ModernBertAttention

from zhengling.modeling.cpu_layers import BlockAttention, GatedLayer, blocks, replace_layers
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import convert

WHOLE = 512
"""Queries of a global layer that are computed together, so that its scores do not grow with the square of a long window."""
HIDDEN = -1e9
"""Added to the score of a token that is not to be seen."""


def in_bf16(model: ZhenglingModel) -> ZhenglingModel:
    """The same model with the matrices of all layers in bf16; what else there is needs the caller's autocast."""
    encoder: Any = model.encoder
    if replace_layers(encoder, HalfAttention, HalfGatedLayer):
        model.encoder = HalfModernBert(encoder)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d):
            convert(module, torch.bfloat16)
    return model


class HalfModernBert(nn.Module):
    """A ModernBERT of such layers; it makes their masks, once a pass."""

    def __init__(self, encoder: ModernBertModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.reach = encoder.config.sliding_window

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> BaseModelOutput:
        """``[batch, tokens]`` each to ``[batch, tokens, width]`` in float32."""
        padding = torch.zeros(attention_mask.shape, dtype=torch.bfloat16).masked_fill_(attention_mask == 0, HIDDEN)[
            :, None, None
        ]
        masks = {
            "full_attention": padding if bool((attention_mask == 0).any()) else None,
            "sliding_attention": list(_bands(padding, self.reach)),
        }
        with torch.autocast("cpu", enabled=False):
            output: BaseModelOutput = self.encoder(input_ids=input_ids, attention_mask=masks)
        return output


def _bands(padding: torch.Tensor, reach: int) -> Iterator[torch.Tensor]:
    """What is added to the scores of each block of a local layer, ``[batch, 1, block, seen]``; ``[batch, 1, 1, tokens]``."""
    places = torch.arange(padding.shape[-1])
    for block, seen in blocks(len(places), reach):
        far = (places[block, None] - places[seen]).abs() > reach
        yield padding[..., seen] + torch.zeros(far.shape, dtype=padding.dtype).masked_fill_(far, HIDDEN)


class HalfAttention(BlockAttention):
    """The attention of a ModernBERT layer by plain products in bf16; the scale of the scores is a part of the queries."""

    layout = torch.contiguous_format

    def __init__(self, attention: ModernBertAttention) -> None:
        super().__init__(attention)
        for parameter in self.Wqkv.parameters():
            parameter[: len(parameter) // 3] *= self.head**-0.5

    def forward(self, hidden_states: torch.Tensor, *given: Any, **named: Any) -> tuple[torch.Tensor, None]:
        """As the stock layer, but for the masks of :class:`HalfModernBert`."""
        return super().forward(hidden_states.to(torch.bfloat16), *given, **named)

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any) -> torch.Tensor:
        """``[batch, heads, tokens, head]`` each to ``[batch, tokens, heads, head]``.

        ``mask``: of a global layer what is added to all scores or None, of a local one a list of it for each block.
        """
        shape = query.shape
        query, key, value = (part.reshape(-1, *shape[2:]) for part in (query, key, value))
        if self.reach is None:
            parts = [(slice(first, first + WHOLE), slice(None), mask) for first in range(0, shape[2], WHOLE)]
        else:  # which counts the token itself
            parts = [(*at, each) for at, each in zip(blocks(shape[2], self.reach - 1), mask, strict=True)]
        found = torch.cat([_attended(query[:, at], key[:, seen], value[:, seen], each) for at, seen, each in parts], 1)
        return found.view(shape).transpose(1, 2)


def _attended(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """``[batch × heads, tokens, head]`` each to the first one's shape."""
    scores = torch.bmm(query, key.transpose(1, 2))
    if mask is not None:
        scores.view(len(mask), -1, *scores.shape[1:]).add_(mask)
    return torch.bmm(scores.softmax(-1), value)


class HalfGatedLayer(GatedLayer):
    """The gated feed-forward layer of ModernBERT in bf16."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """``[batch, tokens, width]`` to the same shape."""
        return super().forward(hidden_states.to(torch.bfloat16))
