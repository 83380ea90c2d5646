"""The training loop, to be read from top to bottom: setup, epochs of steps, evaluation, the best model kept."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from zhengling.errors import ConfigError
from zhengling.extraction.annotation import annotate
from zhengling.extraction.extractor import Extractor
from zhengling.gold.loading import load_gold
from zhengling.modeling.batches import token_batches
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.encoders import load_encoder, new_encoder_config
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import mixed_precision
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import LabelScheme
from zhengling.scoring.report import documents_hash, report
from zhengling.text import read
from zhengling.training.examples import Alignment, build_example, labelled_windows, to_batch
from zhengling.training.settings import Optim, TrainSettings
from zhengling.training.thresholds import choose_thresholds
from zhengling.version import VERSION

log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint"
CHOSEN_BY = ("directives exact", "slots micro", "themes macro")


def train(settings: TrainSettings) -> dict[str, Any]:
    """Fine-tune; leaves in ``settings.output`` ``model/``, ``metrics.json``, ``log.jsonl``, ``settings.json`` and TensorBoard events.

    Returns what ``metrics.json`` holds. Raises :class:`zhengling.errors.ZhenglingError` for what a user can mend.
    """
    settings.check()
    folder = _output_folder(settings)
    accelerator = Accelerator(mixed_precision=mixed_precision(settings.precision), gradient_accumulation_steps=settings.optim.accumulate)
    set_seed(settings.seed)
    scheme = LabelScheme(**{layer: tuple(names) for layer, names in asdict(settings.labels).items()})
    train_gold, dev_gold = load_gold(settings.data.train, scheme), load_gold(settings.data.dev, scheme)
    model, tokenizer = build_model(settings, scheme, train_gold)
    account = Alignment()
    examples = [build_example(gold, tokenizer, scheme, settings.model.window, account) for gold in train_gold]
    for sentence in account.sentences():
        log.info(sentence)
    log.info("device %s, precision %s, %.1fM parameters", accelerator.device, accelerator.mixed_precision, model.num_parameters() / 1e6)

    trainer = _Trainer(settings, folder, accelerator, model, tokenizer, examples)
    trainer.resume()
    while trainer.state.epoch < settings.optim.epochs:
        trainer.run_epoch()
        trainer.evaluate(dev_gold, scheme)
        trainer.end_epoch()
    return trainer.finish(train_gold, dev_gold, scheme)


def _output_folder(settings: TrainSettings) -> Path:
    folder = Path(settings.output)
    if (folder / CHECKPOINT).exists() and not settings.resume:
        raise ConfigError(f"{folder} holds the checkpoint of an earlier run. Expected resume=true to go on, or another output=…")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(asdict(settings), ensure_ascii=False, indent=1), encoding="utf-8")
    return folder


def build_model(settings: TrainSettings, scheme: LabelScheme, gold: list[Document]) -> tuple[ZhenglingModel, Any]:
    """The base encoder with new heads, or a new encoder whose character vocabulary comes from the training texts."""
    if settings.encoder.base:
        encoder, tokenizer = load_encoder(settings.encoder)
        shape = encoder.config
    else:
        tokenizer = character_tokenizer(count_characters(read(document.text).text for document in gold), 65536)
        encoder, shape = None, new_encoder_config(settings.encoder, tokenizer)
    config = ZhenglingConfig(
        encoder=shape, directives=list(scheme.directives), slots=list(scheme.slots), themes=list(scheme.themes), **asdict(settings.model)
    )
    return ZhenglingModel(config, encoder), tokenizer


class _State:
    """Where a run stands; saved and loaded with the checkpoint."""

    def __init__(self) -> None:
        self.epoch = 0
        self.step_in_epoch = 0
        self.steps = 0
        self.best = -1.0
        self.history: list[dict[str, Any]] = []
        self.losses: list[float] = []

    def state_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def schedule(step: int, warmup: int, total: int) -> float:
    """Share of the peak rate after ``step`` steps: up to 1 over ``warmup`` steps, down to 0 at ``total``."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return max(0.0, (total - step) / max(1, total - warmup))


def parameter_groups(model: ZhenglingModel, optim: Optim) -> list[dict[str, Any]]:
    """Encoder and heads at their own rates; no decay for biases and norms."""
    groups = []
    for of_encoder, rate in ((True, optim.lr), (False, optim.head_lr)):
        for decays in (True, False):
            chosen = [p for name, p in model.named_parameters() if name.startswith("encoder.") == of_encoder and (p.dim() > 1) == decays]
            groups.append({"params": chosen, "lr": rate, "weight_decay": optim.weight_decay if decays else 0.0})
    return groups


class _Trainer:
    """One run: the prepared objects and the state that a checkpoint holds."""

    def __init__(self, settings: TrainSettings, folder: Path, accelerator: Accelerator, model: ZhenglingModel, tokenizer: Any, examples: list[Any]) -> None:
        self.settings, self.folder, self.accelerator = settings, folder, accelerator
        self.tokenizer, self.examples = tokenizer, examples
        self.state = _State()
        optimizer = torch.optim.AdamW(parameter_groups(model, settings.optim), fused=True)
        per_epoch = math.ceil(len(self._batches(0)) / settings.optim.accumulate)
        total = per_epoch * settings.optim.epochs
        scheduler = LambdaLR(optimizer, lambda step: schedule(step, round(settings.optim.warmup * total), total))
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.scheduler = scheduler
        accelerator.register_for_checkpointing(scheduler, self.state)
        self.board = SummaryWriter(str(folder / "tensorboard")) if accelerator.is_main_process else None

    def _batches(self, epoch: int) -> list[list[Any]]:
        """This epoch's batches, the same for the same seed and epoch; each is split over the processes."""
        generator = np.random.default_rng((self.settings.seed, epoch))
        cut = self.settings.model
        length = int(generator.integers(cut.window // 2, cut.window + 1)) if self.settings.data.vary_windows and epoch else cut.window
        windows = labelled_windows(self.examples, self.tokenizer, length, min(cut.overlap, length // 4))
        budget = self.settings.optim.batch_tokens * self.accelerator.num_processes
        shuffled = [windows[i] for i in generator.permutation(len(windows))]
        pools = [shuffled[i : i + 256] for i in range(0, len(shuffled), 256)]
        batches = [[pool[i] for i in batch] for pool in pools for batch in token_batches([len(w.ids) for w in pool], budget)]
        return [batches[i] for i in generator.permutation(len(batches))]

    def run_epoch(self) -> None:
        """The steps of this epoch that are not done yet."""
        self.model.train()
        batches = self._batches(self.state.epoch)
        accumulate = self.settings.optim.accumulate
        steps = [batches[i : i + accumulate] for i in range(0, len(batches), accumulate)]
        bar = tqdm(steps, desc=f"epoch {self.state.epoch + 1}/{self.settings.optim.epochs}", disable=not self.accelerator.is_main_process, leave=False)
        for number, step in enumerate(bar):
            if number < self.state.step_in_epoch:
                continue
            self.state.losses.append(self._step(step))
            self.state.step_in_epoch += 1
            self.state.steps += 1
            bar.set_postfix(loss=f"{self.state.losses[-1]:.3f}")
            if self.board:
                self.board.add_scalar("train/loss", self.state.losses[-1], self.state.steps)
            if self.state.steps % self.settings.save_every == 0:
                self.save()

    def _step(self, batches: list[list[Any]]) -> float:
        world = self.accelerator
        losses = []
        for windows in batches:
            mine = windows[world.process_index :: world.num_processes] or windows[:1]
            with world.autocast():
                loss = self.model(**to_batch(mine, self.tokenizer.pad_token_id, world.device)).loss
            world.backward(loss / (1 if world.gradient_accumulation_steps == len(batches) else len(batches) / world.gradient_accumulation_steps))
            losses.append(float(loss.detach()))
        world.clip_grad_norm_(self.model.parameters(), self.settings.optim.clip)
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad()
        return float(np.mean(losses))

    def evaluate(self, dev: list[Document], scheme: LabelScheme) -> None:
        """Score the model on the development documents; keep it if it is the best so far."""
        if not self.accelerator.is_main_process:
            return
        figures = report(annotate(self._extractor(), dev), dev, scheme, model="training", samples=1).figures
        values = {name: round(figure.value, 4) for name, figure in figures.items()}
        score = float(np.mean([values[name] for name in CHOSEN_BY]))
        loss = float(np.mean(self.state.losses))
        record = {"epoch": self.state.epoch + 1, "steps": self.state.steps, "loss": round(loss, 4), "score": round(score, 4), **values}
        self.state.history.append(record)
        chosen = "  ".join(f"{name} {values[name]:.3f}" for name in CHOSEN_BY)
        log.info("epoch %2d  loss %.3f  %s%s", record["epoch"], loss, chosen, "  best" if score > self.state.best else "")
        with (self.folder / "log.jsonl").open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in self.state.history)
        for name, value in values.items():
            self.board.add_scalar(f"dev/{name}", value, self.state.steps)
        if score > self.state.best:
            self.state.best = score
            self._save_model(self.accelerator.unwrap_model(self.model))

    def _extractor(self) -> Extractor:
        world = self.accelerator
        precision = "fp32" if world.mixed_precision == "no" else world.mixed_precision
        return Extractor(world.unwrap_model(self.model), self.tokenizer, name="training", device=world.device, precision=precision)

    def end_epoch(self) -> None:
        """Move on to the next epoch and save."""
        self.state.epoch += 1
        self.state.step_in_epoch = 0
        self.state.losses = []
        self.save()

    def save(self) -> None:
        """Write a checkpoint beside the old one and put it in its place, so that one whole checkpoint always exists."""
        new, place, old = (self.folder / f"{CHECKPOINT}{suffix}" for suffix in (".new", "", ".old"))
        if self.accelerator.is_main_process:
            shutil.rmtree(new, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(new))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shutil.rmtree(old, ignore_errors=True)
            if place.exists():
                os.replace(place, old)
            os.replace(new, place)
            shutil.rmtree(old, ignore_errors=True)

    def resume(self) -> None:
        """Go on from the last checkpoint if ``resume`` is set and there is one."""
        place = next((p for p in (self.folder / CHECKPOINT, self.folder / f"{CHECKPOINT}.old") if p.exists()), None)
        if self.settings.resume and place:
            self.accelerator.load_state(str(place))
            log.info("resumed %s at epoch %d, step %d", place, self.state.epoch + 1, self.state.steps)

    def _save_model(self, model: ZhenglingModel) -> None:
        place = self.folder / "model"
        model.save_pretrained(place)
        self.tokenizer.save_pretrained(place)

    def finish(self, train_gold: list[Document], dev_gold: list[Document], scheme: LabelScheme) -> dict[str, Any]:
        """Reload the best model, choose its thresholds, score it and write ``metrics.json``."""
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return {}
        model = ZhenglingModel.from_pretrained(self.folder / "model", dtype=torch.float32)
        extractor = Extractor(model, self.tokenizer, name=str(self.folder / "model"), device=self.accelerator.device)
        model.config.thresholds = choose_thresholds(annotate_scores(extractor, dev_gold), model.config.thresholds)
        scored = report(annotate(extractor, dev_gold), dev_gold, scheme, model=extractor.name)
        model.config.provenance = {
            "version": VERSION,
            "seed": self.settings.seed,
            "encoder": self.settings.encoder.base,
            "train": {"documents": len(train_gold), "data": documents_hash(train_gold)},
            "dev": {"documents": len(dev_gold), "data": documents_hash(dev_gold)},
        }
        self._save_model(model.half() if self.settings.weights == "fp16" else model)
        best = max(self.state.history, key=lambda record: record["score"])
        metrics = {**scored.as_dict(), "best_epoch": best["epoch"], "steps": self.state.steps, "history": self.state.history, "provenance": model.config.provenance}
        (self.folder / "metrics.json").write_text(json.dumps(metrics, ensure_ascii=False, indent=1), encoding="utf-8")
        log.info("best epoch %d\n%s", best["epoch"], scored.table())
        self.board.close()
        return metrics


def annotate_scores(extractor: Extractor, gold: list[Document]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per theme and for ``boilerplate``: probabilities and 0/1 labels of the gold paragraphs, each ``[paragraphs]``."""
    account = Alignment()
    config = extractor.config
    examples = [build_example(document, extractor.tokenizer, config.scheme, config.window, account) for document in gold]
    logits = np.concatenate([result.themes for result in extractor.predict([example.document for example in examples])])
    labels = np.concatenate([example.themes for example in examples])
    probabilities = 1 / (1 + np.exp(-logits / config.theme_temperature))
    return {name: (probabilities[:, i], labels[:, i]) for i, name in enumerate(config.theme_outputs)}
