"""The mean of several models' weights: one model, as fast as each, often better than the best (Wortsman et al. 2022).

The models must have been trained from one encoder and with one seed, so that their heads began from the same weights; what
differs is the data, a rate, the number of epochs. The mean of two seeds of ours was worse than both (LOG.md, 2026-11-27).
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
from zhengling.extraction.loading import load
from zhengling.gold.loading import load_gold
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.scheme.annotation import documents_hash
from zhengling.training.development import Development
from zhengling.training.plots import draw_reliability
from zhengling.training.thresholds import calibrate, calibration_errors

log = logging.getLogger(__name__)
OWN = ("thresholds", "theme_temperature", "provenance")
"""What each model has of its own in its configuration; all else must be the same."""


def average(folders: Sequence[Path], dev: Sequence[str], output: Path) -> dict[str, Any]:
    """Write ``model/`` (fp16), ``metrics.json`` and ``reliability.png`` to ``output``; what ``metrics.json`` holds.

    Temperature and thresholds are chosen anew on ``dev``. Raises :class:`ConfigError` for fewer than two models or an
    ``output`` that holds one, :class:`ModelError` for models that cannot be averaged.
    """
    if len(folders) < 2:
        raise ConfigError(f"average: got {len(folders)} model. Expected at least two")
    if (output / "model").exists():
        raise ConfigError(f"{output / 'model'} is there. Expected an output without a model")
    extractors = [load(folder, precision="fp32") for folder in folders]
    for folder, extractor in zip(folders[1:], extractors[1:], strict=True):
        _check_alike(extractors[0], extractor, f"{folders[0]} and {folder}")
    first = extractors[0]
    first.model.load_state_dict(mean_weights([extractor.model.state_dict() for extractor in extractors]))
    model = first.model.half().float()
    made = Extractor(model, first.tokenizer, name=str(output / "model"), device=first.device, precision="fp32")
    development = Development(load_gold(list(dev), made.config.scheme), made.config.scheme)
    raw, calibrated = calibrate(made, development.documents)
    scored = development.report(made, model=made.name)
    made.config.provenance = _provenance([extractor.config.provenance for extractor in extractors], development)
    output.mkdir(parents=True, exist_ok=True)
    draw_reliability(
        {"as averaged": raw, f"temperature {made.config.theme_temperature}": calibrated}, output / "reliability.png"
    )
    metrics = {
        **scored.as_dict(),
        "provenance": made.config.provenance,
        "calibration_error": calibration_errors(raw, calibrated),
    }
    (output / "metrics.json").write_text(json.dumps(metrics, ensure_ascii=False, indent=1), encoding="utf-8")
    model.half().save_pretrained(output / "model")
    made.tokenizer.save_pretrained(output / "model")
    log.info(scored.table())
    return metrics


def mean_weights(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of each tensor of numbers; others, such as the classes of tokens, are the first's."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }


def _check_alike(one: Extractor, other: Extractor, names: str) -> None:
    """Raise :class:`ModelError` if the two differ in anything but their weights; tell if their heads began apart."""
    ours, theirs = (_shared(extractor.config) for extractor in (one, other))
    differing = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    if one.tokenizer.get_vocab() != other.tokenizer.get_vocab():
        differing.append("vocabulary")
    if differing:
        raise ModelError(f"{names} differ in {', '.join(differing)}. Expected models of one encoder, one scheme and one shape")
    apart = [key for key in ("encoder", "seed") if one.config.provenance.get(key) != other.config.provenance.get(key)]
    if apart:
        log.warning("%s were trained from another %s: their mean is likely worse than each", names, " and ".join(apart))


def _shared(config: ZhenglingConfig) -> dict[str, Any]:
    return {key: value for key, value in config.to_dict().items() if key not in (*OWN, "_name_or_path")}


def _provenance(parents: Sequence[Mapping[str, Any]], development: Development) -> dict[str, Any]:
    """What all parents share, the documents of the calibration, and the parents."""
    common = {key: value for key, value in parents[0].items() if all(parent.get(key) == value for parent in parents)}
    dev = {"documents": len(development.documents), "data": documents_hash(development.documents)}
    return {**common, "dev": dev, "average_of": [dict(parent) for parent in parents]}
