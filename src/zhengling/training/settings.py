"""Settings of fine-tuning; ``configs/*.yaml`` hold what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zhengling.errors import ConfigError
from zhengling.modeling.encoders import EncoderSettings
from zhengling.modeling.shapes import wrong_shape
from zhengling.scheme.labels import RESERVED
from zhengling.settings import LARGEST_SEED, out_of_range

BOARDS = ("tensorboard", "wandb")
AT_LEAST = {
    "seed": 0,
    "save_every": 1,
    "model.overlap": 0,
    "model.convolution": 1,
    "model.transition_weight": 0,
    "model.sequence_loss": 0,
    "optim.lr": 0,
    "optim.head_lr": 0,
    "optim.epochs": 1,
    "optim.accumulate": 1,
    "optim.micro_tokens": 0,
    "optim.weight_decay": 0,
}


@dataclass(frozen=True, kw_only=True)
class Data:
    """Gold to learn from and to choose by."""

    train: list[str] = field(default_factory=list)
    """Folders of ``.xml`` files, single ``.xml`` files or ``.jsonl`` files in the gold format."""
    dev: list[str] = field(default_factory=list)
    """The same, for choosing the checkpoint and the thresholds."""
    repeat: dict[str, int] = field(default_factory=dict)
    """How many times a place of ``train`` is read per epoch, by its name as given there; 1 where it is not named."""
    vary_windows: bool = True
    """Cut the windows anew each epoch, between half and the whole of their length."""
    drop_final_marks: float = 0.15
    """Share of the paragraphs that are read without the mark at their end, chosen anew each epoch, as in lists and slides."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The label scheme; the names as in the gold."""

    directives: list[str] = field(default_factory=lambda: ["require", "prohibit", "pledge"])
    slots: list[str] = field(default_factory=lambda: ["agent", "time", "target", "programme"])
    themes: list[str] = field(default_factory=lambda: ["economy", "safety", "party", "livelihood"])


@dataclass(frozen=True, kw_only=True)
class Model:
    """What stands over the encoder, and how documents are cut for it."""

    window: int = 256
    """Tokens per window, special ones included."""
    overlap: int = 64
    """Tokens that pieces of a long paragraph share."""
    dropout: float = 0.1
    convolution: int = 5
    """Tokens that a tag head sees around each token; odd."""
    local_features: int = 64
    """Width of the embeddings that the tag heads see beside the encoder's output: of pairs and triples of tokens, of distances
    to marks, numbers and cues; the slot head then also sees the probabilities of directive tags. 0: neither."""
    transition_weight: float = 0.6
    """How much the transitions between tags that are counted on the training gold weigh in decoding; 0: nothing."""
    sequence_loss: float = 1.0
    """How much the loss of whole tag sequences, transitions included (which are learnt with it), weighs beside that of single
    tags; 0: nothing, and the transitions stay as they were counted."""


@dataclass(frozen=True, kw_only=True)
class Optim:
    """AdamW with linear warm-up and decay (Loshchilov and Hutter 2019)."""

    lr: float = 3e-5
    """Peak rate of the encoder."""
    head_lr: float = 3e-4
    """Peak rate of the heads."""
    epochs: int = 10
    batch_tokens: int = 4096
    """Tokens per batch, padding counted; split over the processes where there are several."""
    accumulate: int = 1
    """Batches per step."""
    micro_tokens: int = 0
    """Tokens per forward pass and process, where a batch does not fit into memory at once; 0: found out, by halving
    each time that memory runs out. It changes nothing else."""
    warmup: float = 0.1
    """Share of the steps over which the rate rises."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    average: float = 0.0
    """Decay per step of the averaged weights that are scored and kept (Polyak and Juditsky 1992); 0: no average."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Everything that one training run depends on."""

    output: str = "runs/train"
    """Folder for the model, the checkpoint, the metrics and the settings."""
    seed: int = 1
    precision: str = "auto"
    """``auto``, ``bf16``, ``fp16`` or ``fp32``."""
    resume: bool = False
    """Go on from the last checkpoint in ``output``; without it, a folder with a checkpoint is refused."""
    save_every: int = 200
    """Steps between two checkpoints."""
    weights: str = "fp32"
    """How the model is stored: ``fp32`` or ``fp16``."""
    gradient_checkpointing: bool = False
    """Compute the activations of the encoder a second time instead of keeping them: less memory, about a third more time."""
    compile: bool = False
    """Compile the encoder (``torch.compile``): a minute or two at the start, less time per step; pays in runs of many minutes.
    Pretraining gained a third on two cores (LOG.md, 2026-11-22), fine-tuning a fifth on one in bf16 (LOG.md, 2026-11-28)."""
    report: list[str] = field(default_factory=lambda: ["tensorboard"])
    """Where the figures are drawn: ``tensorboard``, ``wandb``."""
    start: str | None = None
    """A trained model to go on from, heads and all: ``default``, a folder or a hub name (``org/name@revision``). Its heads keep
    what they know of the labels that ``labels`` names as well. Instead of ``encoder.base``."""
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    labels: Labels = field(default_factory=Labels)
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    optim: Optim = field(default_factory=Optim)

    def check(self) -> None:
        """Raise :class:`ConfigError` with every contradiction at once."""
        wrong = [*out_of_range(self, AT_LEAST, ["optim.clip"]), *self._wrong_gold(), *self._wrong_model(), *self._wrong_run()]
        if wrong:
            raise ConfigError("contradictions in the settings:\n  " + "\n  ".join(wrong))

    def _wrong_gold(self) -> Iterator[str]:
        if not self.data.train:
            yield "data.train is empty. Expected at least one folder of .xml files"
        if not self.data.dev:
            yield "data.dev is empty. Expected at least one folder of .xml files"
        strangers = sorted(set(self.data.repeat) - set(self.data.train))
        if strangers or any(times < 1 for times in self.data.repeat.values()):
            yield f"data.repeat: got {dict(self.data.repeat)}. Expected places of data.train, each at least 1 time"
        if not 0 <= self.data.drop_final_marks <= 1:
            yield f"data.drop_final_marks ({self.data.drop_final_marks}) is a share: 0 <= drop_final_marks <= 1"
        if taken := sorted(set(RESERVED).intersection(self.labels.themes)):
            yield f"labels.themes: got {', '.join(taken)}. Expected other names: the gold says by these that no theme holds"

    def _wrong_model(self) -> Iterator[str]:
        for key in ("base", "revision"):
            if self.start and (named := getattr(self.encoder, key)):
                yield f"start ({self.start}) brings its encoder, got encoder.{key} ({named}). Expected null there"
        if not (self.start or self.encoder.base):
            yield from wrong_shape(self.encoder)
        if not 0 <= self.model.dropout < 1:
            yield f"model.dropout ({self.model.dropout}) is a share: 0 <= dropout < 1"
        if self.model.overlap >= self.model.window - 2:
            yield f"model.overlap ({self.model.overlap}) must be less than model.window - 2 ({self.model.window - 2})"
        if self.model.convolution % 2 == 0:
            yield f"model.convolution ({self.model.convolution}) must be odd"
        if self.model.local_features < 0 or self.model.local_features == 1:
            yield f"model.local_features ({self.model.local_features}) must be 0 or at least 2"

    def _wrong_run(self) -> Iterator[str]:
        if self.seed > LARGEST_SEED:
            yield f"seed ({self.seed}) must be at most {LARGEST_SEED}"
        if self.optim.batch_tokens < self.model.window:
            yield f"optim.batch_tokens ({self.optim.batch_tokens}) must be at least model.window ({self.model.window})"
        if not 0 <= self.optim.average < 1:
            yield f"optim.average ({self.optim.average}) is a decay per step: 0 <= average < 1"
        if not 0 <= self.optim.warmup < 1:
            yield f"optim.warmup ({self.optim.warmup}) is a share of the steps: 0 <= warmup < 1"
        if self.weights not in ("fp32", "fp16"):
            yield f"weights ({self.weights}) must be fp32 or fp16"
        strangers = sorted(set(self.report) - set(BOARDS))
        if strangers:
            yield f"report: got {', '.join(strangers)}. Expected any of: {', '.join(BOARDS)}"
