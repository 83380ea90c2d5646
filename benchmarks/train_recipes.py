"""The two ways of training that are compared: the stock one of the ``transformers`` examples, and ours."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainingArguments,
)
from transformers import Trainer as StockTrainer

from benchmarks.train_machine import Operations, PeakMemory, clock, synchronize
from zhengling.modeling.model import IGNORED, ZhenglingModel
from zhengling.training.ahead import one_ahead
from zhengling.training.examples import Example, LabelledWindow, to_batch
from zhengling.training.steps import Batches
from zhengling.training.trainer import Trainer

STOCK_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Slot:
    """What some steps took."""

    seconds: float
    tokens: int
    """Tokens learnt from: no padding, no special ones, none twice."""
    operations: float
    memory: int


class Ours:
    """``train.py``: packed windows, batches by token budget, three heads; goes on where the last slot ended."""

    name = "ours"

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.operations = Operations(trainer.model, trainer.model.config.encoder)
        self.memory = PeakMemory(trainer.accelerator.device)
        self._batches = self._endless()

    def _endless(self) -> Iterator[Batches]:
        epoch = 0
        while True:
            yield from ([batch] for batch in self.trainer.batches(epoch))
            epoch += 1

    def run(self, steps: int, seed: int) -> Slot:
        """Time ``steps`` steps after one that is not timed."""
        device = self.trainer.accelerator.device
        self.trainer.model.train()
        self.memory.start()
        chosen = [next(self._batches) for _ in range(steps + 1)]
        start = 0.0
        for number, prepared in enumerate(one_ahead(chosen, self.trainer.stepper.prepare)):
            self.trainer.step(prepared)
            if number == 0:
                synchronize(device)
                start = clock(device)
        synchronize(device)
        seconds = clock(device) - start
        windows = [window for batches in chosen[1:] for batch in batches for window in batch]
        tokens = sum(int((window.directives != IGNORED).sum()) for window in windows)
        return Slot(seconds, tokens, self.operations.of([len(window.ids) for window in windows]), self.memory.read())


class _Clock(TrainerCallback):
    """When the first step and the last one ended."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.ends: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
        if state.global_step in (1, state.max_steps):
            synchronize(self.device)
            self.ends.append(clock(self.device))


class Stock:
    """``transformers.Trainer`` on shuffled rows, of which each is a paragraph, cut at 512 tokens."""

    def __init__(
        self,
        name: str,
        model: PreTrainedModel,
        rows: Sequence[Any],
        collator: Callable[[list[Any]], Any],
        *,
        batch: int,
        device: torch.device,
        precision: str,
    ) -> None:
        self.name, self.model, self.rows, self.collator, self.batch = name, model, rows, collator, batch
        self.device, self.precision = device, precision
        shape = model.config.encoder if isinstance(model, ZhenglingModel) else model.config
        self.operations, self.memory = Operations(model, shape), PeakMemory(device)

    def run(self, steps: int, seed: int) -> Slot:
        """Time ``steps`` steps of 16 rows, or as many rows in other steps, after one that is not timed."""
        steps = max(1, steps * 16 // self.batch)
        self.memory.start()
        seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        hook = self.model.register_forward_pre_hook(lambda _, args, given: _note(seen, given), with_kwargs=True)
        clock = _Clock(self.device)
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=self.batch,
                max_steps=steps + 1,
                seed=seed,
                bf16=self.precision == "bf16",
                fp16=self.precision == "fp16",
                use_cpu=self.device.type == "cpu",
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                remove_unused_columns=False,
            )
            StockTrainer(self.model, arguments, self.collator, train_dataset=self.rows, callbacks=[clock]).train()
        hook.remove()
        lengths = [int(length) for mask, _ in seen[1:] for length in mask]
        tokens = sum(int(known) for _, known in seen[1:])
        return Slot(clock.ends[-1] - clock.ends[0], tokens, self.operations.of(lengths), self.memory.read())


def _note(seen: list[tuple[torch.Tensor, torch.Tensor]], given: dict[str, torch.Tensor]) -> None:
    labels = given["labels"] if "labels" in given else given["directive_labels"]
    seen.append((given["attention_mask"].sum(1), (labels != IGNORED).sum()))


def stock_rows(windows: Sequence[LabelledWindow]) -> list[dict[str, list[int]]]:
    """What the token-classification example makes of each paragraph."""
    return [{"input_ids": w.ids.tolist(), "labels": w.directives.tolist()} for w in windows]


def stock_collator(tokenizer: PreTrainedTokenizerBase, *, fixed: bool) -> DataCollatorForTokenClassification:
    """Pads to the longest row of a batch, or to 512."""
    return DataCollatorForTokenClassification(tokenizer, padding="max_length" if fixed else True, max_length=STOCK_LENGTH)


def our_collator(pad_id: int) -> Callable[[list[LabelledWindow]], dict[str, torch.Tensor]]:
    """Pads to the longest row of a batch, with the labels of all three heads."""

    def collate(windows: list[LabelledWindow]) -> dict[str, torch.Tensor]:
        batch = to_batch(windows, pad_id)
        inputs = batch.inputs
        return {
            "input_ids": inputs.input_ids,
            "attention_mask": inputs.attention_mask,
            "pieces": inputs.pieces,
            "directive_labels": batch.directives,
            "slot_labels": batch.slots,
            "theme_labels": batch.themes,
        }

    return collate


def paragraph_rows(examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase) -> list[LabelledWindow]:
    """One row per paragraph: ``[CLS] paragraph [SEP]``, what is beyond 512 tokens cut off."""
    rows = []
    for example in examples:
        for number, (first, last) in enumerate(example.document.paragraphs):
            last = min(last, first + STOCK_LENGTH - 2)
            ids = np.asarray([tokenizer.cls_token_id, *example.document.ids[first:last], tokenizer.sep_token_id])
            pieces = np.asarray([-1, *np.zeros(last - first, dtype=int), -1])
            directives = np.asarray([IGNORED, *example.directives[first:last], IGNORED])
            slots = np.asarray([IGNORED, *example.slots[first:last], IGNORED])
            rows.append(LabelledWindow(ids, pieces, directives, slots, example.themes[[number]]))
    return rows


def stock_model(trainer: Trainer) -> PreTrainedModel:
    """The same encoder under the stock head, with weights of its own at random; attention as ``transformers`` chooses it."""
    encoder: Any = trainer.model.config.encoder
    config = type(encoder).from_dict(encoder.to_dict())
    config.num_labels = trainer.model.tag_counts()["directive"]
    return AutoModelForTokenClassification.from_config(config, attn_implementation="sdpa")
