"""A model that infers without padding: its encoder sees the tokens of a batch's windows laid end to end, ``[1, tokens]``.

Attention is told where the windows begin, so that none sees another: on a GPU by the kernel of FlashAttention that comes with
torch, elsewhere window by window. The heads, whose convolutions and pooling go by window, get the padded batch back. What
must be known of the lengths is known when the batch is made, so that nothing waits for the GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AttentionInterface, BertModel, ModernBertModel, PreTrainedModel

from zhengling.modeling.batches import moved
from zhengling.modeling.model import ZhenglingModel, ZhenglingOutput
from zhengling.modeling.precision import convert

ATTENTION = "zhengling_packed"
"""The name of :func:`packed_attention` in an encoder's configuration; for a name that it does not know, transformers makes no
mask."""
ENCODERS = (BertModel, ModernBertModel)
"""What is packed: the positions of their tokens count from 0, and what else they are called with goes on to the attention."""
MOST_OF_HEAD, STEP_OF_HEAD, CAPABILITY = 256, 8, (8, 0)
"""What the kernel takes: how wide a head is, of which number that is a multiple, and how new a GPU must be."""


def can_pack(encoder: PreTrainedModel, device: torch.device) -> bool:
    """Whether :class:`PackedModel` runs this encoder on this device in bf16 or fp16."""
    config = encoder.config
    if type(encoder) not in ENCODERS or getattr(config, "is_decoder", False):
        return False
    head = config.hidden_size // config.num_attention_heads
    if head > MOST_OF_HEAD or head % STEP_OF_HEAD or device.type != "cuda":
        return False
    return torch.backends.cuda.is_flash_attention_available() and torch.cuda.get_device_capability(device) >= CAPABILITY


@dataclass(frozen=True, slots=True)
class Packing:
    """Where the tokens of a padded batch are when they are laid end to end."""

    places: torch.Tensor
    """``[tokens]``: of each, its place in the batch as one row"""
    positions: torch.Tensor
    """``[1, tokens]``: of each, its place in its window"""
    bounds: torch.Tensor
    """``[windows + 1]``, int32: where each window begins, and the end of the last"""
    longest: int
    """Tokens of the longest window."""

    @classmethod
    def of(cls, lengths: Sequence[int], width: int, device: torch.device) -> Packing:
        """Of windows of these lengths that are padded to ``width``."""
        counts = np.asarray(lengths, dtype=np.int64)
        bounds = np.concatenate([[0], counts.cumsum()])
        positions = np.arange(bounds[-1]) - np.repeat(bounds[:-1], counts)
        places = positions + np.repeat(np.arange(len(counts)) * width, counts)
        sent = [moved(torch.from_numpy(part), device) for part in (places, positions[None], bounds.astype(np.int32))]
        return cls(sent[0], sent[1], sent[2], int(counts.max()))


class PackedModel(nn.Module):
    """A model of which the encoder is run without padding; it infers and has no loss."""

    def __init__(self, model: ZhenglingModel, dtype: torch.dtype | None = None) -> None:
        """``model`` becomes a part of this one, and the attention of its encoder another.

        ``dtype``: of the encoder's weights and of all between its layers; None: what the caller's autocast makes of them, which
        sums and normalises in float32 and took a quarter more time (12 × 768 in bf16 on an H200, benchmarks/INFER.md). The
        heads are float32 either way and need that autocast.
        """
        super().__init__()
        AttentionInterface.register(ATTENTION, packed_attention)
        encoder: Any = model.encoder
        encoder.set_attn_implementation(ATTENTION)
        self.model, self.dtype = model, dtype
        if dtype is not None:
            convert(encoder, dtype)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        pieces: torch.Tensor,
        piece_count: int,
        lengths: Sequence[int],
    ) -> ZhenglingOutput:
        """Logits as of :meth:`ZhenglingModel.forward`; ``lengths``: the tokens of each window, which stand at its begin."""
        packing = Packing.of(lengths, input_ids.shape[1], input_ids.device)
        hidden = self.encoded(input_ids, packing)
        directives, slots = self.model.tag_logits(hidden, input_ids, attention_mask, pieces)
        return ZhenglingOutput(directives=directives, slots=slots, themes=self.model.theme_head(hidden, pieces, piece_count))

    def encoded(self, input_ids: torch.Tensor, packing: Packing) -> torch.Tensor:
        """``[batch, tokens]`` to ``[batch, tokens, width]``, zeros on the padding."""
        with nullcontext() if self.dtype is None else torch.autocast(input_ids.device.type, enabled=False):
            found = self.model.encoder(
                input_ids=input_ids.flatten()[packing.places].unsqueeze(0),
                position_ids=packing.positions,
                cu_seq_lens_q=packing.bounds,
                max_length_q=packing.longest,
            ).last_hidden_state[0]
        padded = found.new_zeros(input_ids.numel(), found.shape[-1])
        return padded.index_copy_(0, packing.places, found).view(*input_ids.shape, -1)


def packed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    scaling: float,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """``[1, heads, tokens, head]`` each to ``[1, tokens, heads, head]``: what transformers calls in each layer.

    ``cu_seq_lens_q`` and ``max_length_q``: bounds and longest of :class:`Packing`; ``sliding_window``: a local layer's reach
    to one side and itself.
    """
    reach = -1 if sliding_window is None else sliding_window - 1
    parts = [part[0].transpose(0, 1) for part in (query, key, value)]
    if query.is_cuda:
        return _by_kernel(parts, cu_seq_lens_q, max_length_q, scaling, reach).unsqueeze(0), None
    return _one_by_one(parts, cu_seq_lens_q, scaling, reach).unsqueeze(0), None


def _by_kernel(parts: Sequence[torch.Tensor], bounds: torch.Tensor, longest: int, scale: float, reach: int) -> torch.Tensor:
    """``[tokens, heads, head]`` each to the same; ``reach`` -1: the whole window.

    Called directly, since ``torch.nn.attention.varlen.varlen_attn`` around it has grown its arguments from release to release
    and costs a custom operator and a tensor of zeros in every layer.
    """
    attend: Any = torch.ops.aten._flash_attention_forward
    found: tuple[torch.Tensor, ...] = attend(
        *parts, bounds, bounds, longest, longest, 0.0, False, False,
        scale=scale, window_size_left=reach, window_size_right=reach,
    )  # fmt: skip
    return found[0]


def _one_by_one(parts: Sequence[torch.Tensor], bounds: torch.Tensor, scale: float, reach: int) -> torch.Tensor:
    """The same as :func:`_by_kernel`, a window at a time."""
    lengths = bounds.diff().tolist()
    found = []
    for query, key, value in zip(*(part.transpose(0, 1).split(lengths, 1) for part in parts), strict=True):
        places = torch.arange(query.shape[1], device=query.device)
        seen = (places[:, None] - places).abs() <= reach if reach >= 0 else None
        found.append(nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=scale))
    return torch.cat(found, 1).transpose(0, 1)
