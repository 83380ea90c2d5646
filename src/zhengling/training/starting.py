"""A run that goes on from a trained model: its encoder and its heads, as far as they have the same labels.

For gold of one's own that is small, some tens of documents that were corrected after a model had read them. What it brought
with labels that the model did not have, and that documents which it has learnt already make it worse: LOG.md, 2026-11-27.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from zhengling.errors import ConfigError
from zhengling.extraction.fingerprint import fingerprint
from zhengling.extraction.loading import load
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.encoders import attention_for
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import first_device
from zhengling.scheme.bio import tag_names
from zhengling.scheme.labels import LabelScheme
from zhengling.training.settings import TrainSettings

log = logging.getLogger(__name__)
SHAPES = ("convolution", "local_features")
"""Settings of the model on which the shapes of weights depend."""


def model_to_start_from(settings: TrainSettings, scheme: LabelScheme) -> tuple[ZhenglingModel, PreTrainedTokenizerBase]:
    """The model of ``settings.start`` for the labels of ``scheme``, and its tokenizer.

    What belongs to a label of the same name is kept. The transitions of a tag head whose labels differ in anything are left
    at 0, to be counted. Raises :class:`ModelError`, and :class:`ConfigError` for settings that its weights do not fit.
    """
    name = str(settings.start)
    old = load(None if name == "default" else name, device="cpu", precision="fp32")
    wanted = asdict(settings.model)
    has = {key: getattr(old.config, key) for key in SHAPES}
    wrong = [f"model.{key}: got {wanted[key]}, {name} has {has[key]}" for key in SHAPES if wanted[key] != has[key]]
    if wrong:
        raise ConfigError(f"start: {'; '.join(wrong)}. Expected what the model to start from has")
    if Path(name).exists() and Path(name).resolve().is_relative_to(Path(settings.output).resolve()):
        raise ConfigError(f"start: {name} lies in output ({settings.output}), which the run writes. Expected another output")
    for key in ("window", "overlap", "transition_weight", "sequence_loss", "dropout"):
        if wanted[key] != getattr(old.config, key):
            log.info("model.%s is %s from now on, %s in %s", key, wanted[key], getattr(old.config, key), name)
    names = [*scheme.themes, "boilerplate"]
    config = ZhenglingConfig(
        encoder=old.config.encoder,
        directives=list(scheme.directives),
        slots=list(scheme.slots),
        themes=list(scheme.themes),
        parting_cues=old.config.parting_cues if list(scheme.directives) == old.config.directives else [],
        thresholds={theme: value for theme, value in old.config.thresholds.items() if theme in names},
        theme_temperature=old.config.theme_temperature,
        provenance={"start": {"model": name, "fingerprint": fingerprint(old), **old.config.provenance}},
        **wanted,
    )
    model = ZhenglingModel(config, old.model.encoder)
    model.encoder.set_attn_implementation(attention_for(first_device(), config.encoder))
    with torch.no_grad():
        _take_over(model, old.model)
    if config.slots == old.config.slots:
        model.set_edges(old.model.edges())
    return model, old.tokenizer


def _take_over(model: ZhenglingModel, old: ZhenglingModel) -> None:
    """Copy the heads; of what belongs to single labels that of the labels which both models have."""
    model.token_classes.copy_(old.token_classes)
    new, before = model.config, old.config
    directives = _same(tag_names(new.directives), tag_names(before.directives))
    slots = _same(tag_names(new.slots), tag_names(before.slots))
    themes = _same(new.theme_outputs, before.theme_outputs)
    by_label = {
        "directive_head.classifier.weight": directives,
        "directive_head.classifier.bias": directives,
        "slot_head.classifier.weight": slots,
        "slot_head.classifier.bias": slots,
        "theme_head.attention.weight": themes,
        "theme_head.attention.bias": themes,
        "theme_head.classifier": themes,
        "theme_head.bias": themes,
    }
    whole = {"directive_transitions": new.directives == before.directives, "slot_transitions": new.slots == before.slots}
    for name, tensor in model.named_parameters():
        if name.startswith("encoder."):
            continue
        source = old.get_parameter(name)
        if name in by_label:
            tensor[by_label[name][0]] = source[by_label[name][1]]
        elif name == "directive_embedding.weight":
            tensor[:, directives[0]] = source[:, directives[1]]
        elif whole.get(name, True):
            tensor.copy_(source)


def _same(new: Sequence[str], before: Sequence[str]) -> tuple[list[int], list[int]]:
    """The places of the names that are in both, in the one and in the other."""
    shared = [name for name in new if name in before]
    return [new.index(name) for name in shared], [before.index(name) for name in shared]
