"""Encoders: any that ``AutoModel`` loads, or a new ModernBERT of a given shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import AutoModel, AutoTokenizer, ModernBertConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from zhengling.errors import ModelError
from zhengling.modeling.precision import first_device


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """A base to go on from, or the shape of a new ModernBERT encoder (Warner et al. 2024)."""

    base: str | None = None
    """Folder or hub name; its tokenizer is used and the shape below is not."""
    revision: str | None = None
    """Commit or branch of a hub base."""
    layers: int = 6
    width: int = 256
    inner: int = 384
    """Width of the gated feed-forward layer."""
    heads: int = 4
    local_attention: int = 32
    """Tokens that a local layer sees around each token, both sides together."""
    global_every: int = 3
    """Every n-th layer sees the whole sequence."""
    max_length: int = 1024
    """Longest sequence in tokens."""


def new_encoder_config(shape: EncoderSettings, tokenizer: PreTrainedTokenizerBase) -> ModernBertConfig:
    """The configuration of a new encoder for the vocabulary of ``tokenizer``."""
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        local_attention=shape.local_attention,
        layer_types=["sliding_attention" if i % shape.global_every else "full_attention" for i in range(shape.layers)],
        max_position_embeddings=shape.max_length,
        pad_token_id=tokenizer.pad_token_id,
        cls_token_id=tokenizer.cls_token_id,
        bos_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )
    config._attn_implementation = attention_for(first_device())
    return config


def attention_for(device: torch.device) -> str:
    """The attention that is fastest on windows of a few hundred tokens: plain products on a CPU, fused on a GPU.

    Measured in training, 6 × 256, bf16, 16 × 128 tokens, two cores: eager 6,857 tokens/s, sdpa 4,385 (LOG.md, 2026-11-22).
    """
    return "eager" if device.type == "cpu" else "sdpa"


@contextmanager
def _quiet() -> Iterator[None]:
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def load_encoder(settings: EncoderSettings) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base encoder and its tokenizer, in fp32; raises :class:`ModelError` if it is not to be had."""
    base, revision = str(settings.base), settings.revision
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, revision=revision)
        with _quiet():  # a language-model head that is left behind is no news here
            encoder = AutoModel.from_pretrained(
                base, revision=revision, dtype=torch.float32, attn_implementation=attention_for(first_device())
            )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"encoder.base: cannot load {base!r}: {reason}. Expected a folder or a hub name such as hfl/chinese-roberta-wwm-ext"
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(f"encoder.base: the tokenizer of {base!r} gives no offsets. Expected one with a fast version")
    return encoder, tokenizer
