"""Two processes on the CPU (gloo): the same run as one, also when they are killed in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from test_training import SMOKE, figures, overrides

from zhengling.settings import load_settings
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings

MORE = ("optim.epochs=2", "save_every=3", "model.dropout=0.0", "encoder.width=8", "encoder.inner=12", "optim.average=0.9")
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]


def two(gold: Path, output: Path, *more: str) -> subprocess.Popen[str]:
    """A run of two processes."""
    command = [*LAUNCH, str(ROOT / "train.py"), str(SMOKE), *overrides(gold, output, *MORE, *more)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=580)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def whole(gold_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("two") / "run"
    said = wait(two(gold_folder, output))
    assert said.count("device cpu, 2 processes, precision fp32") == 1, said
    return output


def test_two_processes_come_to_the_metrics_of_one(gold_folder: Path, whole: Path, tmp_path: Path) -> None:
    """The same batches, split, with their labels weighed as in one batch; dropout is off. What is left is the order of sums."""
    train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", *MORE)))
    one, both = figures(tmp_path / "run"), figures(whole)
    assert (one["run"].pop("processes"), both["run"].pop("processes")) == (1, 2)
    assert one["run"] == both["run"]
    assert [record["loss"] for record in both["history"]] == pytest.approx([r["loss"] for r in one["history"]], abs=2e-4)
    for name, figure in one["figures"].items():
        assert both["figures"][name]["value"] == pytest.approx(figure["value"], abs=0.01), name
    assert both["calibration_error"]["at_temperature_1"] == pytest.approx(
        one["calibration_error"]["at_temperature_1"], abs=1e-3
    )


def test_two_processes_that_are_killed_go_on_to_the_same_figures(gold_folder: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    process = two(gold_folder, output)
    deadline = time.monotonic() + 580
    while not (output / "checkpoint" / "whole.json").exists():
        assert process.poll() is None and time.monotonic() < deadline, process.stdout and process.stdout.read()
        time.sleep(0.02)
    launcher = psutil.Process(process.pid)
    for part in [*launcher.children(recursive=True), launcher]:  # the launcher gives each worker a session of its own
        part.kill()
    process.communicate()
    assert not (output / "metrics.json").exists()
    assert "resumed" in wait(two(gold_folder, output, "resume=true"))
    assert figures(output) == figures(whole)
    assert json.loads((output / "settings.json").read_text(encoding="utf-8"))["resume"] is True
