"""Where the figures of a run are drawn while it goes on: TensorBoard and, if asked for, Weights & Biases."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from torch.utils.tensorboard import SummaryWriter

from zhengling.errors import ConfigError
from zhengling.training.settings import TrainSettings


class Board(Protocol):
    """Takes figures by name and step."""

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Figures at a step."""

    def close(self) -> None:
        """Write what is not written yet."""


class TensorBoard:
    """Event files in ``tensorboard/``."""

    def __init__(self, folder: Path, step: int) -> None:
        """``step``: where the run goes on; what an earlier process wrote of later steps is not shown."""
        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Figures at a step."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is not written yet."""
        self.writer.close()


class WandB:
    """A run of Weights & Biases, named as the output folder is; its settings come from the environment (``WANDB_MODE``, …)."""

    def __init__(self, folder: Path, settings: TrainSettings) -> None:
        self.run = import_wandb().init(
            project="zhengling", name=folder.name, dir=str(folder), config=asdict(settings), resume="allow", id=_run_id(folder)
        )

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Figures at a step."""
        self.run.log(dict(values), step=step)

    def close(self) -> None:
        """Write what is not written yet."""
        self.run.finish()


def import_wandb() -> Any:
    """The package; raises :class:`ConfigError` where it is not installed."""
    try:
        return importlib.import_module("wandb")
    except ImportError as error:
        raise ConfigError("report: wandb is not installed. Expected: pip install 'zhengling[wandb]'") from error


def _run_id(folder: Path) -> str:
    return "".join(character if character.isalnum() else "-" for character in str(folder)).strip("-")


def open_boards(settings: TrainSettings, step: int) -> list[Board]:
    """The boards that ``report`` names, for a run that stands at ``step``."""
    folder = Path(settings.output)
    boards: list[Board] = []
    if "tensorboard" in settings.report:
        boards.append(TensorBoard(folder, step))
    if "wandb" in settings.report:
        boards.append(WandB(folder, settings))
    return boards
