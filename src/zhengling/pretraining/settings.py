"""Settings of pretraining; ``configs/pretrain-*.yaml`` hold what differs."""

from __future__ import annotations

from dataclasses import dataclass, field

from zhengling.modeling.encoders import EncoderSettings


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Which text to learn from."""

    folder: str = "???"
    """A folder of ``.jsonl``, ``.jsonl.xz`` (key ``text``) or ``.txt`` files."""
    weights: dict[str, float] = field(default_factory=dict)
    """How many times a file is read per epoch, by the start of its name; the longest start wins, 1.0 without one."""
    vocabulary: int = 7168
    """Most tokens of the character vocabulary, the five special ones included."""
    min_count: int = 5
    """Rarer characters become ``[UNK]``."""


@dataclass(frozen=True, kw_only=True)
class Masking:
    """Span masking after SpanBERT (Joshi et al. 2020) with MacBERT's span lengths (Cui et al. 2020)."""

    share: float = 0.2
    """Share of the tokens to predict."""
    spans: list[float] = field(default_factory=lambda: [0.4, 0.3, 0.2, 0.1])
    """Probability of a span of 1, 2, 3, … tokens."""


@dataclass(frozen=True, kw_only=True)
class Optim:
    """AdamW with warm-up, a plateau and a linear decay to zero."""

    lr: float = 1.5e-3
    steps: int = 20000
    warmup: int = 300
    """Steps of linear warm-up."""
    decay: int = 4000
    """Last steps, over which the rate falls to zero."""
    weight_decay: float = 0.01
    clip: float = 1.0
    sequences: int = 16
    """Packed sequences per step, over all processes."""
    length: int = 128
    """Tokens per packed sequence."""


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """Everything that one pretraining run depends on."""

    output: str = "runs/pretrain"
    """Folder for the encoder, the checkpoint and the log."""
    seed: int = 1
    corpus: Corpus = field(default_factory=Corpus)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    """The shape of a new encoder, or a masked-language model to go on from."""
    svd_embeddings: bool = True
    """Start a new encoder from an SVD of the PPMI matrix of character co-occurrences."""
    masking: Masking = field(default_factory=Masking)
    optim: Optim = field(default_factory=Optim)
    precision: str = "auto"
    """``auto``, ``bf16``, ``fp16`` or ``fp32``."""
    weights: str = "fp32"
    """How the encoder is stored: ``fp32`` or ``fp16``."""
    compile: bool = False
    """``torch.compile`` the encoder; pays on long runs."""
    log_every: int = 50
    """Steps between two lines of the log."""
    save_every: int = 500
    """Steps between two checkpoints."""
