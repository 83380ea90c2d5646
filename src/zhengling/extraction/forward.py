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
from zhengling.modeling.model import ZhenglingModel, ZhenglingOutput

log = logging.getLogger(__name__)
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
CPU_BUDGET, GPU_BUDGET = 2048, 32_768
"""Tokens per forward pass, padding counted. On a CPU more is no faster; on a GPU more fills it."""
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


class Forward:
    """Runs one model on one device.

    A window's answer depends on all its tokens, so that only a window that is the same from end to end is answered from
    memory: the least recently used ones are forgotten first. ``windows`` counts all, ``cached`` those that needed no pass.
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
        self.budget = CPU_BUDGET if device.type == "cpu" else GPU_BUDGET
        self.windows = self.cached = 0
        self._answers: OrderedDict[bytes, WindowLogits] = OrderedDict()

    def run(self, rows: Sequence[Row], take: Answer) -> None:
        """Call ``take`` once for each row, in any order."""
        equal: dict[bytes, list[int]] = {}
        for number, (ids, pieces) in enumerate(rows):
            key = hashlib.blake2b(ids.tobytes() + pieces.tobytes(), digest_size=16).digest()
            equal.setdefault(key, []).append(number)
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
        """The answers by the rows' places; a batch is fetched when the next one is on its way."""
        waiting: tuple[list[int], tuple[torch.Tensor, ...]] | None = None
        batches = [list(chosen) for chosen in token_batches([len(ids) for ids, _ in rows], self.budget)][::-1]
        while batches:
            chosen = batches.pop()
            try:
                outputs = self.logits([rows[i] for i in chosen])
            except RuntimeError as error:  # too little memory, mostly
                if len(chosen) > 1:
                    batches += [chosen[len(chosen) // 2 :], chosen[: len(chosen) // 2]]
                    continue
                log.warning("the model failed on a window of %d tokens: %s", len(rows[chosen[0]][0]), error)
                yield chosen[0], None
                continue
            if waiting:
                yield from self._fetched(rows, *waiting)
            waiting = chosen, outputs
        if waiting:
            yield from self._fetched(rows, *waiting)

    @torch.inference_mode()
    def logits(self, rows: Sequence[Row]) -> tuple[torch.Tensor, ...]:
        """Directive, slot and theme logits of one padded batch, on the device, in float32."""
        batch = collate(rows, self.pad_id, self.device)
        with torch.autocast(self.device.type, AUTOCAST.get(self.precision), enabled=self.precision in AUTOCAST):
            output = self.model(batch.input_ids, batch.attention_mask, batch.pieces, piece_count=batch.piece_count)
        return tuple(output[name].float() for name in ("directives", "slots", "themes"))

    @staticmethod
    def _fetched(
        rows: Sequence[Row], chosen: Sequence[int], outputs: tuple[torch.Tensor, ...]
    ) -> Iterator[tuple[int, WindowLogits]]:
        directives, slots, themes = (part.cpu().numpy() for part in outputs)
        for place, i in enumerate(chosen):
            ids, pieces = rows[i]
            count = int(pieces[-1]) + 1
            yield (
                i,
                WindowLogits(  # copies, so that no window keeps its batch alive
                    directives[place, : len(ids)].copy(), slots[place, : len(ids)].copy(), themes[place, :count].copy()
                ),
            )
