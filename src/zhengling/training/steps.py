"""One step of the optimizer: the same for the same batches, over however many processes and forward passes they are cut."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch.optim import Optimizer

from zhengling.errors import ModelError
from zhengling.modeling.batches import token_batches
from zhengling.modeling.model import ZhenglingModel
from zhengling.training.examples import LabelledWindow, TrainingBatch, to_batch
from zhengling.training.losses import LabelCounts, share_of_loss

log = logging.getLogger(__name__)
Batches = list[list[LabelledWindow]]


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The windows of one forward pass, on the CPU."""

    batch: TrainingBatch
    whole: LabelCounts
    """The labels of the batch that it is a part of."""
    weight: float
    """1, or 0 for the windows that a process without any of its own goes through to keep up with the others."""


@dataclass(frozen=True, slots=True)
class PreparedStep:
    """What one process has of a step's batches, collated."""

    batches: Batches
    limit: int
    micro: tuple[MicroBatch, ...]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step came to, the same in all processes."""

    loss: torch.Tensor
    """Mean loss of the step's batches, a scalar on the device."""
    norm: torch.Tensor
    """Norm of the gradient before it was clipped, a scalar on the device; no number if the weights no longer are any."""
    skipped: bool
    """fp16 only: the gradients overflowed, the weights were left as they are."""
    stop: bool
    """Whether some process was asked to stop."""


class Stepper:
    """Gradients of a step's batches, summed over forward passes and processes, clipped and applied."""

    def __init__(
        self,
        accelerator: Accelerator,
        model: ZhenglingModel,
        optimizer: Optimizer,
        *,
        pad_id: int,
        clip: float,
        limit: int,
        asked_to_stop: Callable[[], bool],
    ) -> None:
        """``limit``: tokens per forward pass of a process, padding counted; 0: no limit. Halved when memory runs out."""
        self.accelerator, self.model, self.optimizer = accelerator, model, optimizer
        self.pad_id, self.clip, self.limit, self.asked_to_stop = pad_id, clip, limit, asked_to_stop

    def prepare(self, batches: Batches) -> PreparedStep:
        """Split and collate; touches no device, so that it may run ahead in a thread."""
        limit = self.limit
        return PreparedStep(batches, limit, tuple(part for windows in batches for part in self._split(windows, limit)))

    def _split(self, windows: Sequence[LabelledWindow], limit: int) -> list[MicroBatch]:
        world, whole = self.accelerator, LabelCounts.of(windows)
        own = windows[world.process_index :: world.num_processes]
        mine = own or windows[:1]
        lengths = [len(window.ids) for window in mine]
        parts = list(token_batches(lengths, limit)) if limit else [range(len(mine))]
        pin = torch.Tensor.pin_memory if world.device.type == "cuda" else None
        collated = (to_batch([mine[i] for i in part], self.pad_id) for part in parts)
        return [MicroBatch(batch.move(pin) if pin else batch, whole, float(bool(own))) for batch in collated]

    def __call__(self, prepared: PreparedStep) -> StepResult:
        """Go one step."""
        loss, stop = self._gradients(prepared), self.asked_to_stop()
        if self.accelerator.num_processes > 1:
            loss, stop = self._agree(loss, stop)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.clip)  # unscales them first in fp16
        scale = self._scale()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return StepResult(loss, norm, self._scale() < scale, stop)

    def _scale(self) -> float:
        """What fp16 multiplies the loss by; it falls when gradients overflowed and a step was left out."""
        scaler = self.accelerator.scaler
        return 1.0 if scaler is None else scaler.get_scale()

    def _gradients(self, prepared: PreparedStep) -> torch.Tensor:
        """Gradients of this process's share; from the start again with half the tokens per pass when memory runs out."""
        while True:
            if prepared.limit != self.limit:
                prepared = self.prepare(prepared.batches)
            done = 0
            try:
                loss = torch.zeros((), device=self.accelerator.device)
                for micro in prepared.micro:
                    loss += self._backward(micro, len(prepared.batches))
                    done += 1
                return loss
            except RuntimeError as error:
                if not (isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(error)):
                    raise
                reason = str(error).splitlines()[0]
            self.optimizer.zero_grad()
            clear_device_cache(garbage_collection=True)
            self._halve(prepared.micro[done].batch, reason)

    def _backward(self, micro: MicroBatch, batches: int) -> torch.Tensor:
        device = self.accelerator.device
        batch = micro.batch.move(lambda part: part.to(device, non_blocking=True))
        inputs = batch.inputs
        output = self.model(inputs.input_ids, inputs.attention_mask, inputs.pieces, piece_count=inputs.piece_count)
        loss = share_of_loss(self.model, output, batch, micro.whole) * (micro.weight / batches)
        self.accelerator.backward(loss)
        return loss.detach()

    def _halve(self, failed: TrainingBatch, reason: str) -> None:
        rows, width = failed.inputs.input_ids.shape
        if rows == 1:
            raise ModelError(
                f"no memory for a single window of {width} tokens ({reason}). Expected a smaller model.window, "
                "gradient_checkpointing=true or a larger device"
            )
        self.limit = rows * width // 2
        log.warning(
            "out of memory in a forward pass of %d tokens: from here on at most %d tokens each; the batches stay as they are",
            rows * width,
            self.limit,
        )

    def _agree(self, loss: torch.Tensor, stop: bool) -> tuple[torch.Tensor, bool]:
        """Sum gradients and loss over the processes; one that must stop or has less memory speaks for all."""
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        for work in [torch.distributed.all_reduce(gradient, async_op=True) for gradient in gradients]:
            work.wait()
        said = torch.stack([loss.double(), loss.new_tensor(stop).double(), loss.new_tensor(self.limit).double()])
        table = self.accelerator.gather(said[None])
        limits = [int(limit) for limit in table[:, 2] if limit]
        self.limit = min(limits, default=0)
        return table[:, 0].sum().to(loss.dtype), bool(table[:, 1].any())
