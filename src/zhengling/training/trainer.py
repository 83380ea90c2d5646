"""One run: its prepared objects, its steps, and the state that a checkpoint holds."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from zhengling.errors import ModelError
from zhengling.extraction.extractor import Extractor
from zhengling.modeling.batches import token_batches
from zhengling.modeling.model import ZhenglingModel
from zhengling.training.ahead import one_ahead
from zhengling.training.augmentation import final_marks, without_final_marks
from zhengling.training.building import parameter_groups, schedule
from zhengling.training.checkpoints import Checkpoints, save_model
from zhengling.training.development import Development
from zhengling.training.examples import Example, labelled_windows
from zhengling.training.reporting import Board, open_boards
from zhengling.training.settings import TrainSettings
from zhengling.training.steps import Batches, PreparedStep, Stepper, StepResult
from zhengling.training.stopping import Interrupted, StopRequest

log = logging.getLogger(__name__)
CHOSEN_BY = ("directives exact", "slots micro", "themes macro")
POOL = 256
"""Windows among which those of like length are put into one batch."""
SETTLE_EVERY = 10
"""Steps between two looks at the losses; each look waits for the device."""


class State:
    """Where a run stands; saved and loaded with the checkpoint."""

    def __init__(self) -> None:
        self.epoch = 0
        self.step_in_epoch = 0
        self.steps = 0
        self.tokens = 0
        self.seconds = 0.0
        self.micro_tokens = 0
        self.best = -1.0
        self.history: list[dict[str, Any]] = []
        self.losses: list[float] = []

    def state_dict(self) -> dict[str, Any]:
        """All fields."""
        return dict(self.__dict__)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.__dict__.update(state)


def precision_name(accelerator: Accelerator) -> str:
    """``bf16``, ``fp16`` or ``fp32``."""
    return "fp32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision


class Trainer:
    """The steps of a run, its evaluations and its checkpoints."""

    def __init__(
        self,
        settings: TrainSettings,
        accelerator: Accelerator,
        model: ZhenglingModel,
        tokenizer: PreTrainedTokenizerBase,
        examples: Sequence[Example],
        request: StopRequest | None = None,
    ) -> None:
        self.settings, self.folder, self.accelerator = settings, Path(settings.output), accelerator
        self.tokenizer, self.examples = tokenizer, examples
        self.sentence_ends = model.sentence_ends()
        self.request = request or StopRequest()
        self.state = State()
        optim = settings.optim
        optimizer = torch.optim.AdamW(parameter_groups(model, optim), fused=True)
        total = sum(math.ceil(len(self.batches(epoch)) / optim.accumulate) for epoch in range(optim.epochs))
        warmup = round(optim.warmup * total)
        self.scheduler = LambdaLR(optimizer, lambda step: schedule(step, warmup, total))
        self.optimizer = accelerator.prepare_optimizer(optimizer)
        self.model: ZhenglingModel = accelerator.prepare_model(model, evaluation_mode=True)  # Stepper sums gradients by itself
        accelerator.register_for_checkpointing(self.scheduler, self.state)
        self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(optim.average)) if optim.average else None
        if self.averaged is not None:
            accelerator.register_for_checkpointing(self.averaged)
        self.stepper = Stepper(
            accelerator,
            self.model,
            self.optimizer,
            pad_id=tokenizer.pad_token_id,
            clip=optim.clip,
            limit=optim.micro_tokens,
            asked_to_stop=lambda: self.request.number is not None,
        )
        self.checkpoints = Checkpoints(self.folder, accelerator)
        self.boards: list[Board] = []
        self._pending: list[torch.Tensor] = []
        self._since = time.perf_counter()

    def start(self) -> None:
        """Go on from the last whole checkpoint, if ``resume`` is set and there is one; open the boards."""
        place = self.checkpoints.load() if self.settings.resume else None
        if place:
            self.stepper.limit = self.state.micro_tokens
            log.info("resumed %s at epoch %d, step %d", place, self.state.epoch + 1, self.state.steps)
        if self.accelerator.is_main_process:
            self.boards = open_boards(self.settings, self.state.steps)

    def batches(self, epoch: int) -> Batches:
        """The epoch's batches, the same for the same seed and epoch; each is split over the processes."""
        generator = np.random.default_rng((self.settings.seed, epoch))
        cut = self.settings.model
        vary = self.settings.data.vary_windows and epoch > 0
        length = int(generator.integers(cut.window // 2, cut.window + 1)) if vary else cut.window
        windows = labelled_windows(self.examples, self.tokenizer, length, min(cut.overlap, length // 4), self.sentence_ends)
        share = self.settings.data.drop_final_marks
        windows = without_final_marks(windows, final_marks(self.tokenizer), share, generator)
        shuffled = [windows[i] for i in generator.permutation(len(windows))]
        pools = [shuffled[i : i + POOL] for i in range(0, len(shuffled), POOL)]
        budget = self.settings.optim.batch_tokens
        batches = [[pool[i] for i in b] for pool in pools for b in token_batches([len(w.ids) for w in pool], budget)]
        return [batches[i] for i in generator.permutation(len(batches))]

    def run_epoch(self) -> None:
        """The steps of this epoch that are not done yet; raises :class:`Interrupted` after a signal, with all saved."""
        self.model.train()
        batches, size = self.batches(self.state.epoch), self.settings.optim.accumulate
        steps = [batches[i : i + size] for i in range(0, len(batches), size)]
        name = f"epoch {self.state.epoch + 1}/{self.settings.optim.epochs}"
        quiet = None if self.accelerator.is_main_process else True
        bar = tqdm(total=len(steps), initial=self.state.step_in_epoch, desc=name, disable=quiet, leave=False)
        self._since = time.perf_counter()
        with bar:
            for prepared in one_ahead(steps[self.state.step_in_epoch :], self.stepper.prepare):
                result = self.step(prepared)
                bar.update()
                if self.state.steps % SETTLE_EVERY == 0:
                    self._settle()
                    bar.set_postfix(loss=f"{self.state.losses[-1]:.3f}")
                if result.stop or self.state.steps % self.settings.save_every == 0:
                    self.save()
                if result.stop:
                    self._stop()
        self._settle()

    def step(self, prepared: PreparedStep) -> StepResult:
        """One step of the optimizer, and what is counted of it."""
        result = self.stepper(prepared)
        if not result.skipped:
            self.scheduler.step()
            if self.averaged is not None:
                self.averaged.update_parameters(self.model)
        self._pending.append(torch.stack([result.loss, result.norm]))
        self.state.step_in_epoch += 1
        self.state.steps += 1
        self.state.tokens += sum(len(window.ids) for windows in prepared.batches for window in windows)
        self.state.micro_tokens = self.stepper.limit
        return result

    def _settle(self) -> None:
        """Bring losses from the device, draw them, stop the clock."""
        if not self._pending:
            return
        looked_at, self._pending = torch.stack(self._pending).tolist(), []
        self._check(looked_at)
        losses = [loss for loss, _ in looked_at]
        self.state.losses += losses
        for number, loss in enumerate(losses, self.state.steps - len(losses) + 1):
            for board in self.boards:
                board.add({"train/loss": loss}, number)
        now = time.perf_counter()
        self.state.seconds += now - self._since
        self._since = now

    def _check(self, steps: Sequence[Sequence[float]]) -> None:
        """Stop before weights that are no numbers are saved; fp16 leaves out single steps by itself.

        ``steps``: loss and norm of the gradient of each.
        """
        asked = steps if self.accelerator.mixed_precision == "fp16" else steps[-1:]
        if not any(all(map(math.isfinite, step)) for step in asked):
            loss, norm = steps[-1]
            raise ModelError(
                f"at step {self.state.steps} the loss is {loss:.3g} and the norm of the gradient {norm:.3g}. Expected finite "
                "numbers. Begin anew with a lower optim.lr, or go on from the last checkpoint with precision=fp32 resume=true"
            )

    def _stop(self) -> None:
        number = self.request.number
        raise Interrupted(
            f"stopped at epoch {self.state.epoch + 1} after step {self.state.steps}, saved in {self.checkpoints.last}. "
            "To go on: resume=true",
            number if number is not None else 15,
        )

    def evaluate(self, development: Development) -> None:
        """Score the model on the development documents; keep it if it is the best so far."""
        if not self.accelerator.is_main_process:
            return
        figures = development.report(self._extractor(), model="training", samples=1).figures
        values = {name: round(figure.value, 4) for name, figure in figures.items()}
        score = round(float(np.mean([values[name] for name in CHOSEN_BY])), 4)
        steps = self.state.steps
        loss, epoch = (round(float(np.mean(self.state.losses)), 4), self.state.epoch + 1) if steps else (None, 0)
        self.state.history.append({"epoch": epoch, "steps": steps, "loss": loss, "score": score, **values})
        chosen = "  ".join(f"{name} {values[name]:.3f}" for name in CHOSEN_BY)
        shown = "before training" if loss is None else f"epoch {epoch:2d}  loss {loss:.3f}"
        log.info("%s  %s%s", shown, chosen, "  best" if score > self.state.best else "")
        with (self.folder / "log.jsonl").open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in self.state.history)
        for board in self.boards:
            board.add({f"dev/{name}": value for name, value in values.items()}, steps)
        if score > self.state.best:
            self.state.best = score
            save_model(self.scored(), self.tokenizer, self.folder / "model")

    def scored(self) -> ZhenglingModel:
        """The model that is scored and kept: the averaged weights if there are any."""
        averaged: Any = self.averaged
        model: ZhenglingModel = self.model if averaged is None else averaged.module
        return model

    def _extractor(self) -> Extractor:
        world = self.accelerator
        return Extractor(self.scored(), self.tokenizer, name="training", device=world.device, precision=precision_name(world))

    def end_epoch(self) -> None:
        """Move on to the next epoch and save."""
        self.state.epoch += 1
        self.state.step_in_epoch = 0
        self.state.losses = []
        self.save()

    def save(self) -> None:
        """Write a checkpoint, see :class:`Checkpoints`."""
        self._settle()
        self.checkpoints.save()
        self._since = time.perf_counter()
