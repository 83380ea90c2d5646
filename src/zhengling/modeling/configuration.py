"""The configuration of a model: its encoder, its labels, its thresholds and how it cuts windows."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, PretrainedConfig

from zhengling.scheme.labels import LabelScheme

DEFAULT_THRESHOLD = 0.5
"""The probability from which a theme holds where none was chosen."""


class ZhenglingConfig(PretrainedConfig):
    """An encoder of any architecture that ``AutoModel`` knows, and three heads over it.

    ``encoder``: the encoder's own configuration (an object or its dictionary). ``directives``, ``slots``, ``themes``:
    the label scheme. ``thresholds``: per theme, and for ``boilerplate``, the probability from which it holds.
    ``theme_temperature``: divides theme logits, so that scores are calibrated. ``transition_weight``: how much the counted
    transitions between tags weigh when these are decoded. ``sequence_loss``: how much the loss of whole tag sequences weighs
    beside that of single tags in training. ``local_features``: the width of the embeddings of n-grams and
    distances that the tag heads see beside the encoder's output, while the slot head also sees the probabilities of directive
    tags; 0: neither. ``parting_cues``: behind which commas directives are parted, see :mod:`zhengling.modeling.cues`.
    ``edge_pairs``: of how many pairs of characters the model knows how often slots begin and end between them, see
    :mod:`zhengling.modeling.edges`.
    ``window`` and ``overlap``: in tokens, special ones included in the first.
    """

    model_type = "zhengling"
    has_no_defaults_at_init = False

    def __init__(
        self,
        encoder: PretrainedConfig | dict[str, Any] | None = None,
        directives: list[str] | None = None,
        slots: list[str] | None = None,
        themes: list[str] | None = None,
        thresholds: dict[str, float] | None = None,
        theme_temperature: float = 1.0,
        transition_weight: float = 0.0,
        sequence_loss: float = 0.0,
        window: int = 256,
        overlap: int = 64,
        dropout: float = 0.1,
        convolution: int = 5,
        local_features: int = 0,
        parting_cues: list[str] | None = None,
        edge_pairs: int = 0,
        provenance: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        default = LabelScheme()
        self.encoder = _encoder_config(encoder)
        self.directives = list(directives or default.directives)
        self.slots = list(slots or default.slots)
        self.themes = list(themes or default.themes)
        self.thresholds = {**dict.fromkeys(self.theme_outputs, DEFAULT_THRESHOLD), **(thresholds or {})}
        self.theme_temperature = theme_temperature
        self.transition_weight = transition_weight
        self.sequence_loss = sequence_loss
        self.window = window
        self.overlap = overlap
        self.dropout = dropout
        self.convolution = convolution
        self.local_features = local_features
        self.parting_cues = list(parting_cues or [])
        self.edge_pairs = edge_pairs
        self.provenance = provenance or {}
        super().__init__(**kwargs)

    @property
    def theme_outputs(self) -> list[str]:
        """The themes in order, then ``boilerplate``: the outputs of the paragraph head."""
        return [*self.themes, "boilerplate"]

    @property
    def scheme(self) -> LabelScheme:
        """The labels as a scheme."""
        return LabelScheme(directives=tuple(self.directives), slots=tuple(self.slots), themes=tuple(self.themes))


def _encoder_config(encoder: PretrainedConfig | dict[str, Any] | None) -> PretrainedConfig | None:
    if not isinstance(encoder, dict):
        return encoder
    values = dict(encoder)
    return AutoConfig.for_model(values.pop("model_type"), **values)
