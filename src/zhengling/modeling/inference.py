"""A copy of a model that only infers, made faster: what a layer does is the same, how it is computed is not.

ModernBERT's rotation of queries and keys becomes one product of complex numbers (the rows of its weights are put in such an
order that the two numbers of a pair are neighbours), and a local layer looks at no more keys than its blocks can see. On
AVX2, 6 × 256, 8 windows of 256 tokens: rotation 12.4 → 1.4 ms, a local layer's attention 14.9 → 6.8 ms. On a GPU in bf16 or
fp16 the encoder sees no padding, see :mod:`zhengling.modeling.packing`.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import nn
from transformers.models.modernbert.modeling_modernbert import ModernBertAttention, ModernBertMLP

from zhengling.modeling.encoders import attention_for
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.packing import PackedModel, can_pack

BLOCK = 64
"""Queries of a local layer that are computed together."""


def for_inference(model: ZhenglingModel, device: torch.device, precision: str) -> nn.Module:
    """A copy that shares its weights with ``model`` as far as they stay the same, ready on a device.

    ``precision``: ``int8`` quantises linear layers, see :func:`_quantised`; the others are for the caller's autocast. Where
    there can be one, a :class:`PackedModel`, which wants the lengths too; in ``bf16`` its encoder has weights of its own. The
    original is left as it is, so that it can be saved or trained on.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    fast = copy.deepcopy(model, shared).eval()
    encoder: Any = fast.encoder
    if encoder._supports_sdpa:
        encoder.set_attn_implementation("sdpa" if device.type == "cpu" else attention_for(device, encoder.config))
    if device.type == "cpu":  # on a GPU, where each step costs a launch, the stock layers have fewer of them
        for layer in [module for module in fast.modules() if hasattr(module, "attn") and hasattr(module, "mlp")]:
            if type(layer.attn) is ModernBertAttention and type(layer.mlp) is ModernBertMLP:
                layer.attn, layer.mlp = BlockAttention(layer.attn), GatedLayer(layer.mlp)
    if precision in ("bf16", "fp16") and can_pack(encoder, device):
        return PackedModel(fast, torch.bfloat16 if precision == "bf16" else None)  # in fp16 sums could overflow
    return _quantised(fast) if precision == "int8" else fast


class BlockAttention(nn.Module):
    """The attention of a ModernBERT layer, for inference."""

    def __init__(self, attention: ModernBertAttention) -> None:
        super().__init__()
        self.head = attention.head_dim
        self.reach = attention.sliding_window
        self.Wqkv, self.Wo = _with_pairs_together(attention.Wqkv, self.head), attention.Wo

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None = None,
        **_: Any,
    ) -> tuple[torch.Tensor, None]:
        """``[batch, tokens, width]`` to the same shape; the mask is None or ``[batch, 1, tokens, tokens]``."""
        shape = hidden_states.shape
        half = self.head // 2
        cos, sin = (part[..., :half].float() for part in position_embeddings)
        turn = torch.complex(cos, sin)[:, :, None, None]
        qkv = self.Wqkv(hidden_states).view(*shape[:2], 3, -1, self.head)
        pairs = torch.view_as_complex(qkv[:, :, :2].float().unflatten(-1, (half, 2)))
        turned = torch.view_as_real(pairs * turn).flatten(-2).to(qkv.dtype)
        query, key, value = (part.transpose(1, 2) for part in (turned[:, :, 0], turned[:, :, 1], qkv[:, :, 2]))
        return self.Wo(self._attend(query, key, value, attention_mask).reshape(shape)), None

    def _attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """``[batch, heads, tokens, head]`` each to ``[batch, tokens, heads, head]``."""
        attend = nn.functional.scaled_dot_product_attention
        tokens = query.shape[2]
        if self.reach is None or mask is None or tokens <= BLOCK + self.reach:
            return attend(query, key, value, attn_mask=mask).transpose(1, 2)
        parts = []
        for first in range(0, tokens, BLOCK):
            block, seen = slice(first, first + BLOCK), slice(max(0, first - self.reach), first + BLOCK + self.reach)
            parts.append(attend(query[:, :, block], key[:, :, seen], value[:, :, seen], attn_mask=mask[:, :, block, seen]))
        return torch.cat(parts, 2).transpose(1, 2)


class GatedLayer(nn.Module):
    """The gated feed-forward layer of ModernBERT, for inference."""

    def __init__(self, layer: ModernBertMLP) -> None:
        super().__init__()
        self.Wi, self.act, self.Wo = layer.Wi, layer.act, layer.Wo

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """``[batch, tokens, width]`` to the same shape."""
        value, gate = self.Wi(hidden_states).chunk(2, dim=-1)
        return self.Wo(self.act(value).mul_(gate))


def _with_pairs_together(linear: nn.Linear, head: int) -> nn.Linear:
    """The layer with the rows of queries and keys in the order 0, half, 1, half + 1, … within each head."""
    rows = torch.arange(linear.out_features, device=linear.weight.device).view(3, -1, 2, head // 2)
    order = torch.cat([rows[:2].transpose(-1, -2).flatten(), rows[2].flatten()])
    mended = nn.Linear(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
    mended.weight = nn.Parameter(linear.weight.detach()[order], requires_grad=False)
    if linear.bias is not None:
        mended.bias = nn.Parameter(linear.bias.detach()[order], requires_grad=False)
    return mended


def _quantised(model: nn.Module) -> nn.Module:
    """Linear layers of the encoder in int8, but those that narrow: what a feed-forward layer gives back has outliers.

    With all of them in int8, 98.3 % of the default model's tokens keep their tag; without the narrowing ones 99.6 %.
    """
    settings = {
        name: torch.ao.quantization.per_channel_dynamic_qconfig
        for name, module in model.named_modules()
        if name.startswith("encoder.") and isinstance(module, nn.Linear) and module.in_features <= module.out_features
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.quantize_per", category=UserWarning)
        return torch.ao.quantization.quantize_dynamic(model, settings, inplace=True)
