"""The loss of a batch as the sum of what its parts add, however it is cut over processes and forward passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from zhengling.modeling.model import IGNORED, ZhenglingModel, ZhenglingOutput
from zhengling.training.examples import LabelledWindow, TrainingBatch


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many labels of each layer a batch is learnt from: what its sums of losses are divided by."""

    directives: int
    slots: int
    themes: int

    @classmethod
    def of(cls, windows: Sequence[LabelledWindow]) -> LabelCounts:
        """The labels of all windows of a batch, whichever process has them."""
        return cls(
            sum(int((window.directives != IGNORED).sum()) for window in windows),
            sum(int((window.slots != IGNORED).sum()) for window in windows),
            sum(window.themes.size for window in windows),
        )


def share_of_loss(model: ZhenglingModel, output: ZhenglingOutput, batch: TrainingBatch, whole: LabelCounts) -> torch.Tensor:
    """What ``batch`` adds to the loss of the batch it is a part of, a scalar.

    The shares of all parts add up to the loss that the model's ``forward`` gives for the ``whole`` batch at once.
    """
    inputs = batch.inputs
    sums = model.loss_sums(output, inputs.input_ids, inputs.pieces, batch.directives, batch.slots, batch.themes)
    known = whole.directives, whole.slots, whole.themes
    return torch.stack([each / max(1, count) for each, count in zip(sums, known, strict=True)]).sum()
