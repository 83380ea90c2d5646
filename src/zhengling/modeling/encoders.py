"""Encoders: any that ``AutoModel`` loads, or a new ModernBERT of a given shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pickle import UnpicklingError

import torch
from transformers import AutoModel, AutoTokenizer, ModernBertConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from zhengling.errors import ModelError
from zhengling.modeling.downloads import calm_client, explain, quiet
from zhengling.modeling.precision import first_device

log = logging.getLogger(__name__)


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


def new_encoder_config(shape: EncoderSettings, tokenizer: PreTrainedTokenizerBase, *, padded: bool = True) -> ModernBertConfig:
    """The configuration of a new encoder for the vocabulary of ``tokenizer``; ``padded`` as for :func:`attention_for`."""
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
    config._attn_implementation = attention_for(first_device(), config, padded=padded)
    return config


def attention_for(device: torch.device, encoder: PreTrainedConfig | None = None, *, padded: bool = True) -> str:
    """The attention that is fastest on windows of a few hundred tokens: plain products on a CPU, fused on a GPU.

    Measured in training, 6 × 256, bf16, 16 × 128 tokens, two cores: eager 6,857 tokens/s, sdpa 4,385 (LOG.md, 2026-11-22).
    An ``encoder`` with local layers computes plain products on a GPU as well if its batches are ``padded``: a padding token
    far from its window's end sees no token at all there, of which fused kernels have made NaN (pytorch issues 109517, 110213).
    """
    local = "sliding_attention" in (getattr(encoder, "layer_types", None) or ())
    return "eager" if device.type == "cpu" or (local and padded) else "sdpa"


def avoid_faulty_attention() -> None:
    """Switch off cuDNN's attention in this process, which torch takes by itself on H100 and H200 from 2.11 on.

    With a mask, at 64, 192, 320, … tokens and where all scores of a token are low, its gradients are NaN (pytorch issue
    196678): trainings of ours were lost, most likely to it (LOG.md, 2026-11-27).
    """
    torch.backends.cuda.enable_cudnn_sdp(False)


def load_encoder(settings: EncoderSettings) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base encoder and its tokenizer, in fp32; raises :class:`ModelError` if it is not to be had."""
    base, revision = str(settings.base), settings.revision
    calm_client()
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, revision=revision, trust_remote_code=False)
        with quiet():
            encoder, account = AutoModel.from_pretrained(
                base,
                revision=revision or "main",
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
            )
        encoder.set_attn_implementation(attention_for(first_device(), encoder.config))
    except UnpicklingError as error:
        raise ModelError(
            f"encoder.base: the .bin of {base!r} holds more than weights and was not loaded. Expected one that "
            "torch.load(…, weights_only=True) reads, or safetensors"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"encoder.base: cannot load {base!r}: {explain(error, base, revision)}. "
            "Expected a folder or a hub name such as hfl/chinese-roberta-wwm-ext"
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(f"encoder.base: the tokenizer of {base!r} gives no offsets. Expected one with a fast version")
    _tell(base, account)
    return encoder, tokenizer


def _tell(base: str, account: Mapping[str, Sequence[str]]) -> None:
    """One line on what of a base is not used; raises :class:`ModelError` if it lacks weights of the encoder."""
    missing = sorted(key for key in account["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise ModelError(
            f"encoder.base: {base!r} lacks {len(missing)} of the encoder's weights, such as {missing[0]}. Expected all of them"
        )
    left = sorted({key.partition(".")[0] for key in account["unexpected_keys"]})
    unused = f"its {', '.join(left)} weights (another task's head) are not used; " if left else ""
    log.info("encoder %s: %sthe heads for directives, slots and themes are new and learn from the gold", base, unused)
