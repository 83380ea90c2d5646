"""Training from top to bottom: settings, gold, model, epochs, the best model with its thresholds and figures."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from zhengling.gold.loading import load_gold, load_places
from zhengling.modeling.encoders import avoid_faulty_attention
from zhengling.modeling.launch import process_state
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import mixed_precision
from zhengling.scheme.annotation import documents_facts
from zhengling.scheme.labels import LabelScheme
from zhengling.training.building import build_model, count_tags
from zhengling.training.checkpoints import told_if_unwritable
from zhengling.training.claiming import claim_output, refuse_to_run_over
from zhengling.training.development import Development
from zhengling.training.examples import Alignment, build_example
from zhengling.training.gold_notes import tell_of_gold
from zhengling.training.judging import judge
from zhengling.training.plots import draw_curves
from zhengling.training.provenance import code_version
from zhengling.training.reporting import import_wandb
from zhengling.training.settings import TrainSettings
from zhengling.training.stopping import StopRequest
from zhengling.training.trainer import Trainer, precision_name
from zhengling.version import VERSION

log = logging.getLogger(__name__)


def train(settings: TrainSettings) -> dict[str, Any]:
    """Fine-tune; leaves in ``output``: ``model/``, ``metrics.json``, ``log.jsonl``, ``curves.png``, ``reliability.png``,
    ``settings.json``, ``gold.json``, ``tensorboard/``, ``checkpoint/`` and the one before it, ``checkpoint.old/``.

    Returns what ``metrics.json`` holds; nothing in the other ones of several processes. After SIGINT or SIGTERM it finishes
    the step, saves and raises :class:`Interrupted`. Raises :class:`zhengling.errors.ZhenglingError` for what a user can mend.
    """
    settings.check()
    if "wandb" in settings.report:
        import_wandb()
    avoid_faulty_attention()
    accelerator = _accelerator(settings.precision)
    refuse_to_run_over(settings)
    set_seed(settings.seed)
    scheme = LabelScheme(**{layer: tuple(names) for layer, names in asdict(settings.labels).items()})
    places = load_places(settings.data.train, scheme)
    gold = [document for documents in places.values() for document in documents]
    development = Development(load_gold(settings.data.dev, scheme), scheme)
    tell_of_gold(gold, development.documents)
    model, tokenizer = build_model(settings, scheme, gold)
    facts = {"train": documents_facts(gold), "dev": development.facts()}
    claim_output(settings, facts, accelerator)
    account = Alignment()
    examples = [build_example(document, tokenizer, scheme, settings.model.window, account) for document in gold]
    count_tags(model, tokenizer, examples)
    times = [settings.data.repeat.get(place, 1) for place, documents in places.items() for _ in documents]
    examples += [example for example, count in zip(examples, times, strict=True) for _ in range(count - 1)]
    for sentence in account.sentences():
        log.info(sentence)
    log.info(_setting_out(settings, accelerator, model))

    with StopRequest() as request, told_if_unwritable(Path(settings.output)):
        _set_dropout_apart(settings.seed, accelerator)
        trainer = Trainer(settings, accelerator, model, tokenizer, examples, request)
        trainer.start()
        if settings.start and not trainer.state.steps:
            trainer.evaluate(development)  # what training must better
        while trainer.state.epoch < settings.optim.epochs:
            trainer.run_epoch()
            trainer.evaluate(development)
            trainer.end_epoch()
        accelerator.wait_for_everyone()
        metrics = finish(trainer, facts, development) if accelerator.is_main_process else {}
    accelerator.end_training()
    return metrics


def _accelerator(precision: str) -> Accelerator:
    """On this process's GPU, or on the CPU if there is none or ``ACCELERATE_USE_CPU`` is set."""
    device = process_state().device
    return Accelerator(cpu=device.type == "cpu", mixed_precision=mixed_precision(precision, device))


def _setting_out(settings: TrainSettings, accelerator: Accelerator, model: ZhenglingModel) -> str:
    count = accelerator.num_processes
    precision = f"{precision_name(accelerator)}{' (chosen)' if settings.precision == 'auto' else ''}"
    processes = f"{count} process{'es' if count > 1 else ''}"
    size = f"{model.num_parameters() / 1e6:.1f}M parameters"
    return f"device {_device_name(accelerator)}, {processes}, precision {precision}, {size}"


def _device_name(accelerator: Accelerator) -> str:
    device = accelerator.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _set_dropout_apart(seed: int, accelerator: Accelerator) -> None:
    """Let each further process drop other units than the first one, which goes on as it would alone."""
    if accelerator.process_index:
        torch.manual_seed(seed + accelerator.process_index)


def finish(trainer: Trainer, facts: Mapping[str, Any], development: Development) -> dict[str, Any]:
    """Reload the best model, choose its thresholds, score it as it is stored, draw and write ``metrics.json``."""
    settings, folder = trainer.settings, trainer.folder
    model = ZhenglingModel.from_pretrained(folder / "model", dtype=torch.float32)
    name, device = str(folder / "model"), trainer.accelerator.device
    judged = judge(model, trainer.tokenizer, development, name=name, device=device, weights=settings.weights)
    provenance = {
        "version": VERSION,
        "seed": settings.seed,
        "encoder": settings.encoder.base,
        **({"start": model.config.provenance["start"]} if settings.start else {}),
        **facts,
    }
    judged.extractor.config.provenance = provenance
    judged.store(folder / "model")
    history = trainer.state.history
    best = max(history, key=lambda record: record["score"])["epoch"]
    metrics = {**judged.as_dict(), "best_epoch": best, "steps": trainer.state.steps, "history": history}
    metrics |= {"provenance": provenance, "run": run_facts(trainer)}
    draw_curves(history, best, folder / "curves.png")
    judged.draw(folder / "reliability.png")
    text = json.dumps(metrics, ensure_ascii=False, indent=1)
    (folder / "metrics.json").write_text(text, encoding="utf-8")
    log.info("best epoch %d\n%s", best, judged.report.table())
    for board in trainer.boards:
        board.close()
    return metrics


def run_facts(trainer: Trainer) -> dict[str, Any]:
    """How a run went: on what, with which code, how fast; seconds and tokens of its steps alone, over all its resumptions."""
    state, world = trainer.state, trainer.accelerator
    return {
        "code": code_version(),
        "device": _device_name(world),
        "processes": world.num_processes,
        "precision": precision_name(world),
        "micro_tokens": state.micro_tokens,
        "steps": state.steps,
        "tokens": state.tokens,
        "seconds": round(state.seconds, 1),
        "tokens_per_second": round(state.tokens / max(state.seconds, 1e-9)),
    }
