"""Windows through the model: batches by token budget, equal windows once, answers as arrays."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from zhengling.modeling.batches import Row, collate, token_batches
from zhengling.modeling.inference import for_inference
from zhengling.modeling.memory import keep_freed_memory
from zhengling.modeling.model import ZhenglingModel, ZhenglingOutput
from zhengling.modeling.packing import PackedModel

log = logging.getLogger(__name__)
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
CPU_BUDGET, GPU_BUDGETS = 2048, (4096, 131_072)
"""Tokens per forward pass, padding counted. On a CPU more is no faster; on a GPU more fills it, see :func:`gpu_budget`."""
BYTES_PER_TOKEN = 160
"""GPU memory that a pass takes for each token and for each unit of the encoder's width, on the safe side."""
CACHED_WINDOWS = 2048
"""How many windows' answers are kept (16 KB each with windows of 256 tokens)."""


@dataclass(frozen=True, slots=True)
class WindowLogits:
    """What the heads say of one window."""

    directives: NDArray[np.float32]
    """``[tokens, tags]``, special tokens included"""
    slots: NDArray[np.float32]
    """``[tokens, tags]``"""
    themes: NDArray[np.float32]
    """``[pieces, themes + 1]``"""


Answer = Callable[[int, WindowLogits | None], None]
"""Takes the number of a window and what the model said of it; None if the model failed on it."""


def gpu_budget(memory: int, width: int) -> int:
    """Tokens per forward pass on a GPU of so many bytes: a power of two that takes a quarter of them at most.

    12 × 768 on 80 GB: 131,072; on 24 GB: 32,768.
    """
    least, most = GPU_BUDGETS
    room = memory // 4 // (BYTES_PER_TOKEN * width)
    return min(most, max(least, 1 << max(0, room.bit_length() - 1)))


@dataclass(frozen=True, slots=True)
class _Sent:
    """Outputs of a batch on their way to the CPU."""

    chosen: list[int]
    """The places of its windows."""
    parts: list[torch.Tensor]
    """Directives, slots, themes."""
    arrived: torch.cuda.Event | None
    """When they are there; None: they are."""


class Forward:
    """Runs one model on one device.

    A window's answer depends on all its tokens, so that only a window that is the same from end to end is answered from
    memory: the least recently used ones are forgotten first. ``windows`` counts all, ``cached`` those that needed no pass.
    ``budget``: tokens per pass, halved when the memory of the GPU does not suffice; ``reuse``: whether equal windows are run
    once.
    """

    def __init__(
        self,
        model: ZhenglingModel,
        pad_id: int,
        device: torch.device,
        precision: str,
        graph: Callable[..., ZhenglingOutput] | None = None,
    ) -> None:
        """``precision``: ``fp32``, ``bf16``, ``fp16`` or ``int8``; ``graph``: what computes instead of the model."""
        self.model = graph or for_inference(model, device, precision)
        self.pad_id, self.device, self.precision = pad_id, device, precision
        self.budget = _budget(device, model.encoder.config.hidden_size)
        self.windows = self.cached = 0
        self.reuse = True
        self._widest = max(module.out_features for module in model.modules() if isinstance(module, torch.nn.Linear))
        self._answers: OrderedDict[bytes, WindowLogits] = OrderedDict()

    def run(self, rows: Sequence[Row], take: Answer) -> None:
        """Call ``take`` once for each row, in any order."""
        equal: dict[bytes, list[int]] = {}
        for number, (ids, pieces) in enumerate(rows):
            content = ids.tobytes() + pieces.tobytes() if self.reuse else b"%d" % (self.windows + number)
            equal.setdefault(hashlib.blake2b(content, digest_size=16).digest(), []).append(number)
        new = [key for key in equal if not self._from_memory(key, equal[key], take)]
        self.windows += len(rows)
        self.cached += len(rows) - len(new)
        first = [equal[key][0] for key in new]
        for place, logits in self._computed([rows[number] for number in first]):
            for number in equal[new[place]]:
                take(number, logits)
            if logits is not None:
                self._remember(new[place], logits)

    def forget(self) -> None:
        """Forget the answers that are kept."""
        self._answers.clear()

    def keep_memory(self) -> None:
        """On a CPU let what a pass frees stay with this process, see :func:`keep_freed_memory`."""
        if self.device.type == "cpu":
            keep_freed_memory(CPU_BUDGET * self._widest * torch.float32.itemsize)

    def _from_memory(self, key: bytes, numbers: Sequence[int], take: Answer) -> bool:
        if key not in self._answers:
            return False
        self._answers.move_to_end(key)
        for number in numbers:
            take(number, self._answers[key])
        return True

    def _remember(self, key: bytes, logits: WindowLogits) -> None:
        self._answers[key] = logits
        if len(self._answers) > CACHED_WINDOWS:
            self._answers.popitem(last=False)

    def _computed(self, rows: Sequence[Row]) -> Iterator[tuple[int, WindowLogits | None]]:
        """The answers by the rows' places; a batch is laid out while the GPU runs the next one."""
        waiting: _Sent | None = None
        batches = [list(chosen) for chosen in token_batches([len(ids) for ids, _ in rows], self.budget)][::-1]
        while batches:
            chosen = batches.pop()
            sent = self._tried(rows, chosen)
            if isinstance(sent, Exception):
                if len(chosen) > 1:
                    batches = self._smaller([*batches, chosen], sent)
                else:
                    log.warning("the model failed on a window of %d tokens: %s", len(rows[chosen[0]][0]), sent)
                    yield chosen[0], None
                continue
            if waiting:
                yield from _fetched(rows, waiting)
            waiting = sent
        if waiting:
            yield from _fetched(rows, waiting)

    def _tried(self, rows: Sequence[Row], chosen: list[int]) -> _Sent | RuntimeError:
        """The outputs of a batch, or why there are none; a window that found no memory is tried once more in an emptied one."""
        for last in (len(chosen) > 1, True):
            try:
                return self._sent(chosen, self.logits([rows[i] for i in chosen]))
            except RuntimeError as error:
                failure = error.with_traceback(None)  # which holds the tensors of the pass
            if isinstance(failure, torch.OutOfMemoryError):
                torch.cuda.empty_cache()
            if last or not isinstance(failure, torch.OutOfMemoryError):
                break
        return failure

    def _smaller(self, batches: list[list[int]], error: Exception) -> list[list[int]]:
        """The batches with the last, which failed, in halves; with too little memory on the GPU all, and those to come."""
        if not isinstance(error, torch.OutOfMemoryError):
            return [*batches[:-1], *_halves(batches[-1])]
        self.budget = max(1, self.budget // 2)
        log.warning("the memory of the GPU does not suffice: from now on %d tokens at a time", self.budget)
        return [half for batch in batches for half in _halves(batch)]

    @torch.inference_mode()
    def logits(self, rows: Sequence[Row]) -> tuple[torch.Tensor, ...]:
        """Directive, slot and theme logits of one padded batch, on the device, in float32."""
        batch = collate(rows, self.pad_id, self.device)
        given = {"lengths": [len(ids) for ids, _ in rows]} if isinstance(self.model, PackedModel) else {}
        with torch.autocast(self.device.type, AUTOCAST.get(self.precision), enabled=self.precision in AUTOCAST):
            output = self.model(batch.input_ids, batch.attention_mask, batch.pieces, piece_count=batch.piece_count, **given)
        return tuple(output[name].float() for name in ("directives", "slots", "themes"))

    def _sent(self, chosen: list[int], outputs: tuple[torch.Tensor, ...]) -> _Sent:
        """On the way to the CPU behind the batch that made them, and not behind the next one."""
        if self.device.type != "cuda":
            return _Sent(chosen, [part.cpu() for part in outputs], None)
        parts = [part.to("cpu", non_blocking=True) for part in outputs]  # pinned
        return _Sent(chosen, parts, torch.cuda.current_stream(self.device).record_event())


def _budget(device: torch.device, width: int) -> int:
    if device.type != "cuda":
        return CPU_BUDGET if device.type == "cpu" else GPU_BUDGETS[0]
    return gpu_budget(torch.cuda.get_device_properties(device).total_memory, width)


def _halves(batch: list[int]) -> list[list[int]]:
    """The second half, then the first, which is to be taken from the end; one that is not to be halved as it is."""
    half = len(batch) // 2
    return [batch[half:], batch[:half]] if half else [batch]


def _fetched(rows: Sequence[Row], sent: _Sent) -> Iterator[tuple[int, WindowLogits]]:
    if sent.arrived:
        sent.arrived.synchronize()
    directives, slots, themes = (part.numpy() for part in sent.parts)
    for place, i in enumerate(sent.chosen):
        ids, pieces = rows[i]
        count = int(pieces[-1]) + 1
        logits = WindowLogits(  # copies, so that no window keeps its batch alive
            directives[place, : len(ids)].copy(), slots[place, : len(ids)].copy(), themes[place, :count].copy()
        )
        yield i, logits
