"""What a run leaves to look at, and what it says about the code and the machine that made it."""

from __future__ import annotations

import importlib.util
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from zhengling.errors import ConfigError
from zhengling.settings import load_settings
from zhengling.training.plots import draw_curves, draw_reliability
from zhengling.training.provenance import code_version
from zhengling.training.reporting import import_wandb, open_boards
from zhengling.training.settings import TrainSettings
from zhengling.training.thresholds import BINS, calibration_error, reliability
from zhengling.version import VERSION

SCORES = {"a": (np.asarray([0.05, 0.25, 0.28, 0.95, 1.0]), np.asarray([0, 0, 1, 1, 1]))}


def size_of(png: Path) -> tuple[int, int]:
    data = png.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_bins_say_what_the_scores_say_and_what_is_so() -> None:
    bins = reliability(SCORES)
    assert [part.count for part in bins] == [1, 0, 2, *[0] * 6, 2]
    assert (bins[2].score, bins[2].right) == (pytest.approx(0.265), 0.5)
    assert len(bins) == BINS
    assert calibration_error(SCORES) == pytest.approx((0.05 + 2 * 0.235 + 2 * 0.025) / 5)


def test_pictures_of_runs_of_one_epoch_and_of_many(tmp_path: Path) -> None:
    """A diagram per set of scores stands beside the other; nothing empty is drawn."""
    record = {"epoch": 1, "loss": 2.0, "directives exact": 0.5, "slots micro": 0.25, "themes macro": 0.0}
    for name, history in (("one", [record]), ("two", [record, {**record, "epoch": 2, "loss": 1.0}])):
        draw_curves(history, 1, tmp_path / f"{name}.png")
    assert size_of(tmp_path / "one.png") == size_of(tmp_path / "two.png") == (1080, 432)
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()
    draw_reliability({"before": SCORES, "after": SCORES}, tmp_path / "both.png")
    assert size_of(tmp_path / "both.png") == (1008, 480)


def test_the_board_holds_the_figures_and_forgets_what_a_killed_run_wrote_too_much(tmp_path: Path) -> None:
    settings = load_settings(TrainSettings, None, [f"output={tmp_path}"])
    (board,) = open_boards(settings, 0)
    for step in (1, 2, 3):
        board.add({"train/loss": step / 2}, step)
    board.close()
    time.sleep(1.1)  # the files of a board are read in the order of their seconds
    (board,) = open_boards(settings, 1)
    board.add({"train/loss": 0.25}, 2)
    board.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(1, 0.5), (2, 0.25)]
    assert open_boards(load_settings(TrainSettings, None, ["report=[]"]), 0) == []


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed here")
def test_a_board_whose_package_is_missing_is_told() -> None:
    with pytest.raises(ConfigError, match=r"report: wandb is not installed\. Expected: pip install 'zhengling\[wandb\]'"):
        import_wandb()


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


def test_the_code_is_named_by_its_commit_where_there_is_one(tmp_path: Path) -> None:
    """A package inside somebody else's repository that does not hold it has no commit."""
    package = tmp_path / "src" / "zhengling"
    package.mkdir(parents=True)
    for name in ("version.py", "other.py"):
        (package / name).write_text("A = 1\n")
    assert code_version(package) == {"version": VERSION, "commit": None, "changed": None}
    git(tmp_path, "init", "-q")
    assert code_version(package) == {"version": VERSION, "commit": None, "changed": None}
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    assert code_version(package) == {"version": VERSION, "commit": commit, "changed": False}
    (package / "other.py").write_text("A = 2\n")
    assert code_version(package) == {"version": VERSION, "commit": commit, "changed": True}


def test_the_configs_for_the_hub_name_its_models() -> None:
    bases = {
        path.stem: settings.encoder.base
        for path in sorted((ROOT / "configs").glob("*.yaml"))
        if not path.stem.startswith("pretrain")
        and (settings := load_settings(TrainSettings, path)).encoder.base
        and not (ROOT / settings.encoder.base).exists()
    }
    assert bases == {
        "chpo-roberta": "KM4STfulltext/ChpoRoBERTa-mlm",
        "macbert-base": "hfl/chinese-macbert-base",
        "roberta-wwm-ext": "hfl/chinese-roberta-wwm-ext",
        "roberta-wwm-ext-large": "hfl/chinese-roberta-wwm-ext-large",
    }
    assert load_settings(TrainSettings, ROOT / "configs" / "roberta-wwm-ext-large.yaml").gradient_checkpointing
