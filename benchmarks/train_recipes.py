"""The two ways of training that are compared: the stock one of the ``transformers`` examples, and ours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
from zhengling.modeling.model import IGNORED
from zhengling.training.ahead import one_ahead
from zhengling.training.examples import Example
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
        self.device, self.ends = device, []

    def on_step_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
        if state.global_step in (1, state.max_steps):
            synchronize(self.device)
            self.ends.append(clock(self.device))


class Stock:
    """``Trainer`` and ``DataCollatorForTokenClassification`` on the tags of directives: a row is a paragraph, cut at 512."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        rows: list[dict[str, list[int]]],
        *,
        batch: int,
        fixed: bool,
        device: torch.device,
        precision: str,
    ) -> None:
        self.name = f"stock, {'padded to 512' if fixed else 'dynamic padding'}, batch {batch}"
        self.model, self.tokenizer, self.rows, self.batch = model, tokenizer, rows, batch
        self.padding = "max_length" if fixed else True
        self.device, self.precision = device, precision
        self.operations, self.memory = Operations(model, model.config), PeakMemory(device)

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
            )
            collator = DataCollatorForTokenClassification(self.tokenizer, padding=self.padding, max_length=STOCK_LENGTH)
            StockTrainer(self.model, arguments, collator, train_dataset=self.rows, callbacks=[clock]).train()
        hook.remove()
        lengths = [int(length) for mask, _ in seen[1:] for length in mask]
        tokens = sum(int(known) for _, known in seen[1:])
        return Slot(clock.ends[-1] - clock.ends[0], tokens, self.operations.of(lengths), self.memory.read())


def _note(seen: list[tuple[torch.Tensor, torch.Tensor]], given: dict[str, torch.Tensor]) -> None:
    seen.append((given["attention_mask"].sum(1), (given["labels"] != IGNORED).sum()))


def stock_rows(examples: list[Example], tokenizer: PreTrainedTokenizerBase) -> list[dict[str, list[int]]]:
    """One row per paragraph: ``[CLS] paragraph [SEP]``, what is beyond 512 tokens cut off."""
    rows = []
    for example in examples:
        for first, last in example.document.paragraphs:
            last = min(last, first + STOCK_LENGTH - 2)
            ids = [tokenizer.cls_token_id, *example.document.ids[first:last].tolist(), tokenizer.sep_token_id]
            rows.append({"input_ids": ids, "labels": [IGNORED, *example.directives[first:last].tolist(), IGNORED]})
    return rows


def stock_model(trainer: Trainer) -> PreTrainedModel:
    """The same encoder, with weights of its own at random, under the stock head; attention as ``transformers`` chooses it."""
    config = trainer.model.config.encoder.__class__.from_dict(trainer.model.config.encoder.to_dict())
    config.num_labels = trainer.model.tag_counts()["directive"]
    return AutoModelForTokenClassification.from_config(config, attn_implementation="sdpa")
