"""The mean of several runs' weights, a model soup: one model, as fast as each, often better (Wortsman et al. 2022).

The runs should begin from the same weights: one encoder and one seed, which draws the heads, or one start. What differs is the
data, a rate, the number of epochs. What came of it here: LOG.md, 2026-11-27.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from zhengling.errors import ConfigError, ModelError
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.fingerprint import fingerprint
from zhengling.extraction.loading import load
from zhengling.gold.loading import load_gold
from zhengling.modeling.configuration import DEFAULT_THRESHOLD
from zhengling.modeling.edges import mean_edges
from zhengling.modeling.model import ZhenglingModel
from zhengling.training.checkpoints import told_if_unwritable
from zhengling.training.development import Development
from zhengling.training.judging import judge
from zhengling.training.provenance import code_version
from zhengling.version import VERSION

log = logging.getLogger(__name__)
ADVICE = "Expected a folder, or none yet, with room for a model"
COUNTED = ("parting_cues", "edge_pairs")
OWN = ("thresholds", "theme_temperature", *COUNTED, "provenance", "_name_or_path", "transformers_version", "dtype")
"""What each model has of its own in its configuration, or in its encoder's; all else must be the same."""


def average(folders: Sequence[Path], dev: Sequence[str], output: Path, weights: str = "fp32") -> dict[str, Any]:
    """Write ``model/``, ``reliability.png`` and ``metrics.json`` to ``output``; returns what ``metrics.json`` holds.

    Temperature and thresholds are chosen on ``dev``; ``weights``: how the model is stored, ``fp32`` or ``fp16``. Raises
    :class:`ConfigError` for less than two models or an ``output`` that holds one, :class:`ModelError` for models that cannot be
    averaged, :class:`GoldError` for what ``dev`` lacks, :class:`CheckpointError` if ``output`` cannot be written.
    """
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise ConfigError(f"average: got {', '.join(map(str, folders))}. Expected at least two models, each once")
    if (output / "model").exists():
        raise ConfigError(f"{output / 'model'} is there. Expected an output without a model")
    with told_if_unwritable(output, ADVICE):
        output.mkdir(parents=True, exist_ok=True)
    extractors = [load(folder, precision="fp32") for folder in folders]
    first = extractors[0]
    for folder, extractor in zip(folders[1:], extractors[1:], strict=True):
        _check_alike(first, extractor, f"{folders[0]} and {folder}")
    parents = [
        {"model": str(folder), "fingerprint": fingerprint(extractor), **extractor.config.provenance}
        for folder, extractor in zip(folders, extractors, strict=True)
    ]
    for parent in parents[1:]:
        if not _origins(parents[0]) & _origins(parent):
            names = f"{parents[0]['model']} and {parent['model']}"
            log.warning("%s did not begin with the same weights: their mean may be worse than each", names)
    first.config.thresholds = dict.fromkeys(first.config.theme_outputs, DEFAULT_THRESHOLD)  # whatever the first one's were
    development = Development(load_gold(list(dev), first.config.scheme), first.config.scheme)
    _average_into(first.model, [extractor.model for extractor in extractors])
    judged = judge(first.model, first.tokenizer, development, name=str(output / "model"), device=first.device, weights=weights)
    provenance = {**_shared(parents), "version": VERSION, "dev": development.facts(), "average_of": parents}
    judged.extractor.config.provenance = provenance
    metrics = {**judged.as_dict(), "provenance": provenance, "run": {"code": code_version()}}
    with told_if_unwritable(output, ADVICE):
        judged.store(output / "model")
        judged.draw(output / "reliability.png")
        (output / "metrics.json").write_text(json.dumps(metrics, ensure_ascii=False, indent=1), encoding="utf-8")
    log.info(judged.report.table())
    return metrics


def _average_into(model: ZhenglingModel, models: Sequence[ZhenglingModel]) -> None:
    """Put the mean into ``model``, one of ``models``, all of which get the mean edges.

    Directives part at the cues at which they part in all models.
    """
    counted = mean_edges([each.edges() for each in models])
    cues = [cue for cue in model.config.parting_cues if all(cue in each.config.parting_cues for each in models)]
    for each in models:
        each.set_edges(counted)
    model.load_state_dict(mean_weights([each.state_dict() for each in models]))
    model.config.parting_cues = cues


def mean_weights(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of each tensor of real numbers; of whole ones, such as the classes of tokens, which are the same, the first."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }


def _check_alike(one: Extractor, other: Extractor, names: str) -> None:
    """Raise :class:`ModelError` if the two differ in anything but their weights."""
    differing = _differing(_settings(one.config.to_dict()), _settings(other.config.to_dict()))
    if one.tokenizer.get_vocab() != other.tokenizer.get_vocab():
        differing.append("vocabulary")
    elif not torch.equal(one.model.token_classes.cpu(), other.model.token_classes.cpu()):
        differing.append("classes of tokens")
    if differing:
        raise ModelError(f"{names} differ in {', '.join(differing)}. Expected models of one encoder, one scheme and one shape")


def _origins(facts: Mapping[str, Any]) -> set[str]:
    """The weights that a model is, and that it began with: of a start by their fingerprint, else by encoder and seed."""
    began = facts["start"].get("fingerprint") if facts.get("start") else f"{facts.get('encoder')}, seed {facts.get('seed')}"
    return {str(facts["fingerprint"]), str(began)}


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _settings(value) if isinstance(value, Mapping) else value for key, value in config.items() if key not in OWN}


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _shared(parents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all parents say alike, such as their training data."""
    return {key: value for key, value in parents[0].items() if all(parent.get(key) == value for parent in parents)}
