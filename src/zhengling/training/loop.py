"""Training from top to bottom: settings, gold, model, epochs, the best model with its thresholds and figures."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from zhengling.errors import ConfigError
from zhengling.extraction.annotation import annotate
from zhengling.extraction.extractor import Extractor
from zhengling.gold.loading import load_gold
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import mixed_precision
from zhengling.scheme.annotation import Document, documents_hash
from zhengling.scheme.labels import LabelScheme
from zhengling.scoring.report import report
from zhengling.training.building import build_model, count_tags
from zhengling.training.examples import Alignment, Example, build_example
from zhengling.training.settings import TrainSettings
from zhengling.training.thresholds import (
    at_temperature,
    calibration_error,
    choose_temperature,
    choose_thresholds,
    paragraph_scores,
)
from zhengling.training.trainer import CHECKPOINT, Trainer
from zhengling.version import VERSION

log = logging.getLogger(__name__)


def train(settings: TrainSettings) -> dict[str, Any]:
    """Fine-tune; leaves ``model/``, ``metrics.json``, ``log.jsonl``, ``settings.json``, ``tensorboard/``, ``checkpoint/``.

    Returns what ``metrics.json`` holds. Raises :class:`zhengling.errors.ZhenglingError` for what a user can mend.
    """
    settings.check()
    _claim_output(settings)
    precision = mixed_precision(settings.precision)
    accelerator = Accelerator(mixed_precision=precision)
    set_seed(settings.seed)
    scheme = LabelScheme(**{layer: tuple(names) for layer, names in asdict(settings.labels).items()})
    gold, dev = load_gold(settings.data.train, scheme), load_gold(settings.data.dev, scheme)
    model, tokenizer = build_model(settings, scheme, gold)
    account = Alignment()
    examples = [build_example(document, tokenizer, scheme, settings.model.window, account) for document in gold]
    examples += _again(settings, examples, gold, scheme)
    count_tags(model, tokenizer, examples)
    for sentence in account.sentences():
        log.info(sentence)
    log.info("device %s, precision %s, %.1fM parameters", accelerator.device, precision, model.num_parameters() / 1e6)

    trainer = Trainer(settings, accelerator, model, tokenizer, examples)
    trainer.resume()
    while trainer.state.epoch < settings.optim.epochs:
        trainer.run_epoch()
        trainer.evaluate(dev, scheme)
        trainer.end_epoch()
    accelerator.wait_for_everyone()
    return finish(trainer, gold, dev, scheme) if accelerator.is_main_process else {}


def _again(
    settings: TrainSettings, examples: Sequence[Example], gold: Sequence[Document], scheme: LabelScheme
) -> list[Example]:
    """The examples of places that are read more than once per epoch, once for each further time."""
    times = {document.id: count for place, count in settings.data.repeat.items() for document in load_gold([place], scheme)}
    pairs = zip(examples, gold, strict=True)
    return [example for example, document in pairs for _ in range(times.get(document.id, 1) - 1)]


def _claim_output(settings: TrainSettings) -> None:
    folder = Path(settings.output)
    if (folder / CHECKPOINT).exists() and not settings.resume:
        raise ConfigError(
            f"{folder} holds the checkpoint of an earlier run. Expected resume=true to go on, or another output=…"
        )
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(settings), ensure_ascii=False, indent=1)
    (folder / "settings.json").write_text(text, encoding="utf-8")


def finish(trainer: Trainer, gold: Sequence[Document], dev: Sequence[Document], scheme: LabelScheme) -> dict[str, Any]:
    """Reload the best model, choose its thresholds, score it as it is stored and write ``metrics.json``."""
    settings, folder = trainer.settings, trainer.folder
    model = ZhenglingModel.from_pretrained(folder / "model", dtype=torch.float32)
    if settings.weights == "fp16":
        model = model.half().float()
    extractor = Extractor(model, trainer.tokenizer, name=str(folder / "model"), device=trainer.accelerator.device)
    config = model.config
    raw = paragraph_scores(extractor, dev)
    config.theme_temperature = choose_temperature(raw)
    calibrated = at_temperature(raw, config.theme_temperature)
    config.thresholds = choose_thresholds(calibrated, config.thresholds)
    scored = report(annotate(extractor, dev), dev, scheme, model=extractor.name)
    config.provenance = {
        "version": VERSION,
        "seed": settings.seed,
        "encoder": settings.encoder.base,
        "train": {"documents": len(gold), "data": documents_hash(gold)},
        "dev": {"documents": len(dev), "data": documents_hash(dev)},
    }
    trainer.save_model(model.half() if settings.weights == "fp16" else model)
    history = trainer.state.history
    best = max(history, key=lambda record: record["score"])["epoch"]
    metrics = {**scored.as_dict(), "best_epoch": best, "steps": trainer.state.steps, "history": history}
    metrics["provenance"] = config.provenance
    errors = {"at_temperature_1": calibration_error(raw), "calibrated": calibration_error(calibrated)}
    metrics["calibration_error"] = {name: round(value, 4) for name, value in errors.items()}
    text = json.dumps(metrics, ensure_ascii=False, indent=1)
    (folder / "metrics.json").write_text(text, encoding="utf-8")
    log.info("best epoch %d\n%s", best, scored.table())
    if trainer.board:
        trainer.board.close()
    return metrics
