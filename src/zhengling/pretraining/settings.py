"""Settings of pretraining; ``configs/pretrain-*.yaml`` hold what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zhengling.errors import ConfigError
from zhengling.modeling.encoders import EncoderSettings
from zhengling.modeling.lookup import SPECIAL
from zhengling.modeling.shapes import wrong_shape
from zhengling.settings import LARGEST_SEED, out_of_range

LARGEST_VOCABULARY = 1 << 16
"""Token ids are kept in 16 bits."""
AT_LEAST = {
    "seed": 0,
    "log_every": 1,
    "save_every": 1,
    "corpus.vocabulary": len(SPECIAL) + 1,
    "corpus.min_count": 1,
    "optim.lr": 0,
    "optim.steps": 1,
    "optim.warmup": 0,
    "optim.decay": 0,
    "optim.weight_decay": 0,
    "optim.sequences": 1,
    "optim.length": 2,
}


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

    def check(self) -> None:
        """Raise :class:`ConfigError` with every contradiction at once."""
        wrong = [*out_of_range(self, AT_LEAST, ["optim.clip"]), *self._wrong()]
        if wrong:
            raise ConfigError("contradictions in the settings:\n  " + "\n  ".join(wrong))

    def _wrong(self) -> Iterator[str]:
        if self.seed > LARGEST_SEED:
            yield f"seed ({self.seed}) must be at most {LARGEST_SEED}"
        if self.corpus.vocabulary > LARGEST_VOCABULARY:
            yield f"corpus.vocabulary ({self.corpus.vocabulary}) must be at most {LARGEST_VOCABULARY}"
        if not all(weight >= 0 for weight in self.corpus.weights.values()):
            yield f"corpus.weights: got {dict(self.corpus.weights)}. Expected numbers of at least 0"
        if not 0 < self.masking.share < 1:
            yield f"masking.share ({self.masking.share}) is a share: 0 < share < 1"
        if not all(part >= 0 for part in self.masking.spans) or not sum(self.masking.spans) > 0:
            yield f"masking.spans: got {list(self.masking.spans)}. Expected probabilities of at least 0, not all of them 0"
        if self.weights not in ("fp32", "fp16"):
            yield f"weights ({self.weights}) must be fp32 or fp16"
        if not self.encoder.base:
            yield from wrong_shape(self.encoder)
