"""One run: its prepared objects, its steps, and the state that a checkpoint holds."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from zhengling.extraction.annotation import annotate
from zhengling.extraction.extractor import Extractor
from zhengling.modeling.batches import token_batches
from zhengling.modeling.model import ZhenglingModel
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import LabelScheme
from zhengling.scoring.report import report
from zhengling.training.building import parameter_groups, schedule
from zhengling.training.examples import Example, LabelledWindow, labelled_windows, to_batch
from zhengling.training.settings import TrainSettings

log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint"
CHOSEN_BY = ("directives exact", "slots micro", "themes macro")
POOL = 256
"""Windows among which those of like length are put into one batch."""

Batches = list[list[LabelledWindow]]


class State:
    """Where a run stands; saved and loaded with the checkpoint."""

    def __init__(self) -> None:
        self.epoch = 0
        self.step_in_epoch = 0
        self.steps = 0
        self.best = -1.0
        self.history: list[dict[str, Any]] = []
        self.losses: list[float] = []

    def state_dict(self) -> dict[str, Any]:
        """All fields."""
        return dict(self.__dict__)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.__dict__.update(state)


class Trainer:
    """The steps of a run, its evaluations and its checkpoints."""

    def __init__(
        self,
        settings: TrainSettings,
        accelerator: Accelerator,
        model: ZhenglingModel,
        tokenizer: PreTrainedTokenizerBase,
        examples: Sequence[Example],
    ) -> None:
        self.settings, self.folder, self.accelerator = settings, Path(settings.output), accelerator
        self.tokenizer, self.examples = tokenizer, examples
        self.state = State()
        optimizer = torch.optim.AdamW(parameter_groups(model, settings.optim), fused=True)
        total = math.ceil(len(self.batches(0)) / settings.optim.accumulate) * settings.optim.epochs
        warmup = round(settings.optim.warmup * total)
        self.scheduler = LambdaLR(optimizer, lambda step: schedule(step, warmup, total))
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        accelerator.register_for_checkpointing(self.scheduler, self.state)
        decay = settings.optim.average
        self.averaged = AveragedModel(self._plain(), multi_avg_fn=get_ema_multi_avg_fn(decay)) if decay else None
        if self.averaged is not None:
            accelerator.register_for_checkpointing(self.averaged)
        self.board = SummaryWriter(str(self.folder / "tensorboard")) if accelerator.is_main_process else None

    def batches(self, epoch: int) -> Batches:
        """The epoch's batches, the same for the same seed and epoch; each is split over the processes."""
        generator = np.random.default_rng((self.settings.seed, epoch))
        cut = self.settings.model
        vary = self.settings.data.vary_windows and epoch > 0
        length = int(generator.integers(cut.window // 2, cut.window + 1)) if vary else cut.window
        windows = labelled_windows(self.examples, self.tokenizer, length, min(cut.overlap, length // 4))
        budget = self.settings.optim.batch_tokens * self.accelerator.num_processes
        shuffled = [windows[i] for i in generator.permutation(len(windows))]
        pools = [shuffled[i : i + POOL] for i in range(0, len(shuffled), POOL)]
        batches = [[pool[i] for i in b] for pool in pools for b in token_batches([len(w.ids) for w in pool], budget)]
        return [batches[i] for i in generator.permutation(len(batches))]

    def run_epoch(self) -> None:
        """The steps of this epoch that are not done yet."""
        self.model.train()
        batches, size = self.batches(self.state.epoch), self.settings.optim.accumulate
        steps = [batches[i : i + size] for i in range(0, len(batches), size)]
        name = f"epoch {self.state.epoch + 1}/{self.settings.optim.epochs}"
        quiet = None if self.accelerator.is_main_process else True
        bar = tqdm(total=len(steps), initial=self.state.step_in_epoch, desc=name, disable=quiet, leave=False)
        for step in steps[self.state.step_in_epoch :]:
            self.state.losses.append(self._step(step))
            self.state.step_in_epoch += 1
            self.state.steps += 1
            bar.update()
            bar.set_postfix(loss=f"{self.state.losses[-1]:.3f}")
            if self.board:
                self.board.add_scalar("train/loss", self.state.losses[-1], self.state.steps)
            if self.state.steps % self.settings.save_every == 0:
                self.save()
        bar.close()

    def _step(self, batches: Batches) -> float:
        """One step of the optimizer over ``batches``; returns the mean loss."""
        world = self.accelerator
        losses = []
        for windows in batches:
            mine = windows[world.process_index :: world.num_processes] or windows[:1]
            with world.autocast():
                loss = self.model(**to_batch(mine, self.tokenizer.pad_token_id, world.device)).loss
            world.backward(loss / len(batches))
            losses.append(float(loss.detach()))
        world.clip_grad_norm_(self.model.parameters(), self.settings.optim.clip)
        self.optimizer.step()
        self.scheduler.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self._plain())
        self.optimizer.zero_grad()
        return float(np.mean(losses))

    def evaluate(self, dev: Sequence[Document], scheme: LabelScheme) -> None:
        """Score the model on the development documents; keep it if it is the best so far."""
        if self.board is None:
            return
        figures = report(annotate(self._extractor(), dev), dev, scheme, model="training", samples=1).figures
        values = {name: round(figure.value, 4) for name, figure in figures.items()}
        score = round(float(np.mean([values[name] for name in CHOSEN_BY])), 4)
        loss = round(float(np.mean(self.state.losses)), 4)
        epoch, steps = self.state.epoch + 1, self.state.steps
        self.state.history.append({"epoch": epoch, "steps": steps, "loss": loss, "score": score, **values})
        chosen = "  ".join(f"{name} {values[name]:.3f}" for name in CHOSEN_BY)
        log.info("epoch %2d  loss %.3f  %s%s", epoch, loss, chosen, "  best" if score > self.state.best else "")
        with (self.folder / "log.jsonl").open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in self.state.history)
        for name, value in values.items():
            self.board.add_scalar(f"dev/{name}", value, steps)
        if score > self.state.best:
            self.state.best = score
            self.save_model(self.scored())

    def _plain(self) -> ZhenglingModel:
        plain: ZhenglingModel = self.accelerator.unwrap_model(self.model)
        return plain

    def scored(self) -> ZhenglingModel:
        """The model that is scored and kept: the averaged weights if there are any."""
        averaged: Any = self.averaged
        model: ZhenglingModel = self._plain() if averaged is None else averaged.module
        return model

    def _extractor(self) -> Extractor:
        world = self.accelerator
        precision = "fp32" if world.mixed_precision == "no" else world.mixed_precision
        return Extractor(self.scored(), self.tokenizer, name="training", device=world.device, precision=precision)

    def end_epoch(self) -> None:
        """Move on to the next epoch and save."""
        self.state.epoch += 1
        self.state.step_in_epoch = 0
        self.state.losses = []
        self.save()

    def save_model(self, model: ZhenglingModel) -> None:
        """Write the model and its tokenizer, for ``infer.py --model``."""
        model.save_pretrained(self.folder / "model")
        self.tokenizer.save_pretrained(self.folder / "model")

    def save(self) -> None:
        """Write a checkpoint beside the old one and put it in its place, so that a whole one always exists."""
        new, place, old = (self.folder / f"{CHECKPOINT}{suffix}" for suffix in (".new", "", ".old"))
        if self.accelerator.is_main_process:
            shutil.rmtree(new, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(new))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shutil.rmtree(old, ignore_errors=True)
            if place.exists():
                place.replace(old)
            new.replace(place)
            shutil.rmtree(old, ignore_errors=True)

    def resume(self) -> None:
        """Go on from the last whole checkpoint, if ``resume`` is set and there is one."""
        places = (self.folder / CHECKPOINT, self.folder / f"{CHECKPOINT}.old")
        place = next((path for path in places if path.exists()), None)
        if self.settings.resume and place:
            self.accelerator.load_state(str(place))
            log.info("resumed %s at epoch %d, step %d", place, self.state.epoch + 1, self.state.steps)
