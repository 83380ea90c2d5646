"""Pictures of a run: how it learnt, and whether its scores mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zhengling.training.thresholds import BINS, Scores, calibration_error, reliability
from zhengling.training.trainer import CHOSEN_BY


def draw_curves(history: Sequence[Mapping[str, Any]], best: int, path: Path) -> None:
    """Loss and the figures that the checkpoint is chosen by, over epochs, as a PNG; ``best``: the epoch that was kept."""
    picture = Figure(figsize=(9, 3.6), layout="constrained")
    losses, scores = picture.subplots(1, 2)
    epochs = [record["epoch"] for record in history]
    of_losses = [float("nan") if record["loss"] is None else record["loss"] for record in history]  # none before training
    losses.plot(epochs, of_losses, marker=".", color="black")
    losses.set(xlabel="epoch", ylabel="loss in training")
    for name in CHOSEN_BY:
        scores.plot(epochs, [100 * record[name] for record in history], marker=".", label=name)
    scores.axvline(best, color="grey", linestyle=":", label=f"kept: epoch {best}")
    scores.set(xlabel="epoch", ylabel="F1 on dev, percent", ylim=(0, 100))
    scores.legend(fontsize="small")
    for axes in (losses, scores):
        axes.xaxis.get_major_locator().set_params(integer=True)
    picture.savefig(path, dpi=120)


def draw_reliability(scores: Mapping[str, Scores], path: Path) -> None:
    """Score against share that is right, one diagram for each of ``scores`` with its calibration error, as a PNG."""
    picture = Figure(figsize=(4.2 * len(scores), 4), layout="constrained")
    for axes, (title, values) in zip(picture.subplots(1, len(scores), squeeze=False)[0], scores.items(), strict=True):
        _diagram(axes, values)
        axes.set_title(f"{title}: calibration error {calibration_error(values):.3f}", fontsize="medium")
    picture.savefig(path, dpi=120)


def _diagram(axes: Axes, scores: Scores) -> None:
    bins = [part for part in reliability(scores) if part.count]
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.bar([part.score for part in bins], [part.right for part in bins], width=0.8 / BINS, color="steelblue", alpha=0.7)
    for part in bins:
        axes.annotate(str(part.count), (part.score, part.right), ha="center", va="bottom", fontsize="x-small")
    axes.set(xlabel="score of a theme in a paragraph", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.08))
