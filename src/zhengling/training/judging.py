"""A model as it is stored: its numbers rounded, calibrated and scored on the development documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from zhengling.extraction.extractor import Extractor
from zhengling.modeling.model import ZhenglingModel
from zhengling.scoring.report import Report
from zhengling.training.checkpoints import save_model
from zhengling.training.development import Development
from zhengling.training.plots import draw_reliability
from zhengling.training.thresholds import Scores, calibrate, calibration_error


def _round(model: ZhenglingModel) -> None:
    """Round what is stored to 16 bits; the encoder's tables of rotary angles are not, they are made anew when it is loaded."""
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


@dataclass(frozen=True, slots=True)
class Judged:
    """A model with the numbers that are stored, its temperature and thresholds, and what it scores with them."""

    extractor: Extractor
    weights: str
    report: Report
    raw: Scores
    """Theme scores at temperature 1."""
    calibrated: Scores

    def as_dict(self) -> dict[str, Any]:
        """Figures and calibration errors, as they go into ``metrics.json``."""
        errors = {"at_temperature_1": calibration_error(self.raw), "calibrated": calibration_error(self.calibrated)}
        return {**self.report.as_dict(), "calibration_error": {name: round(value, 4) for name, value in errors.items()}}

    def store(self, place: Path) -> None:
        """Write the model and its tokenizer to a folder."""
        model = self.extractor.model
        save_model(model.half() if self.weights == "fp16" else model, self.extractor.tokenizer, place)

    def draw(self, path: Path) -> None:
        """The reliability of the theme scores as a picture."""
        draw_reliability(
            {"temperature 1": self.raw, f"temperature {self.extractor.config.theme_temperature}": self.calibrated}, path
        )


def judge(
    model: ZhenglingModel,
    tokenizer: PreTrainedTokenizerBase,
    development: Development,
    *,
    name: str,
    device: torch.device,
    weights: str,
) -> Judged:
    """Round the weights as they will be stored (``fp32`` or ``fp16``), calibrate on the documents and score."""
    if weights == "fp16":
        _round(model)
    extractor = Extractor(model, tokenizer, name=name, device=device)
    raw, calibrated = calibrate(extractor, development.documents)
    return Judged(extractor, weights, development.report(extractor, model=name), raw, calibrated)
