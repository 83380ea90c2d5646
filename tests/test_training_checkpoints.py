"""What may happen between two checkpoints: Ctrl-C, a full disk, a damaged checkpoint. The run goes on to the same figures."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from accelerate import Accelerator
from conftest import ROOT
from test_training import SMOKE, figures, overrides

from zhengling.errors import CheckpointError, ConfigError
from zhengling.settings import load_settings
from zhengling.training.checkpoints import Checkpoints, flaw, replace_files, seal
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings
from zhengling.training.stopping import Interrupted, StopRequest

MORE = ("optim.epochs=2", "save_every=1", "optim.batch_tokens=384", "encoder.width=8", "encoder.inner=12")


def go(gold: Path, output: Path, *more: str) -> None:
    train(load_settings(TrainSettings, SMOKE, overrides(gold, output, *MORE, *more)))


@pytest.fixture(scope="module")
def unbroken(gold_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The figures of a run that nothing happened to."""
    output = tmp_path_factory.mktemp("unbroken") / "run"
    go(gold_folder, output)
    return figures(output)


@contextmanager
def once_there(path: Path, act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` in a thread as soon as ``path`` exists."""

    def wait() -> None:
        deadline = time.monotonic() + 240
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def interrupt(gold: Path, output: Path) -> Interrupted:
    """Start a run and press Ctrl-C once there are two checkpoints."""
    with (
        pytest.raises(Interrupted) as stopped,
        once_there(output / "checkpoint.old", lambda: os.kill(os.getpid(), signal.SIGINT)),
    ):
        go(gold, output)
    return stopped.value


@pytest.fixture(scope="module")
def broken(gold_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped by Ctrl-C; to be copied."""
    output = tmp_path_factory.mktemp("broken") / "run"
    stopped = interrupt(gold_folder, output)
    assert stopped.status == 130
    assert re.match(r"stopped at epoch \d after step \d+, ", str(stopped))
    assert str(stopped).endswith(f"saved in {output / 'checkpoint'}. To go on: resume=true")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return output


def test_ctrl_c_finishes_the_step_and_the_run_goes_on_to_the_same_figures(
    gold_folder: Path, broken: Path, tmp_path: Path, unbroken: dict
) -> None:
    output = shutil.copytree(broken, tmp_path / "run")
    assert [flaw(output / name) for name in ("checkpoint", "checkpoint.old")] == [None, None]
    assert not (output / "metrics.json").exists()
    go(gold_folder, output, "resume=true")
    assert figures(output) == unbroken


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    gold_folder: Path, broken: Path, tmp_path: Path, unbroken: dict, caplog: pytest.LogCaptureFixture
) -> None:
    output = shutil.copytree(broken, tmp_path / "run")
    with (output / "checkpoint" / "optimizer.bin").open("r+b") as file:
        file.truncate(1000)
    with caplog.at_level(logging.INFO, "zhengling"):
        go(gold_folder, output, "resume=true")
    last, before = output / "checkpoint", output / "checkpoint.old"
    told = f"{last} is damaged (optimizer.bin: not what was written): going on from {before}"
    assert told in [record.getMessage() for record in caplog.records]
    assert figures(output) == unbroken
    assert [flaw(last), flaw(before)] == [None, None]


def test_a_full_disk_ends_the_run_and_leaves_the_last_checkpoint(
    gold_folder: Path, broken: Path, tmp_path: Path, unbroken: dict
) -> None:
    """Files may not grow beyond 20,000 bytes, which the state of the optimizer does."""
    output = shutil.copytree(broken, tmp_path / "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(CheckpointError) as caught:
            go(gold_folder, output, "resume=true")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value).startswith(f"{output / 'checkpoint.new'} cannot be written (")
    assert str(caught.value).endswith("Make room, then go on from the last checkpoint: resume=true")
    assert not (output / "checkpoint.new").exists()
    assert flaw(output / "checkpoint") is None
    go(gold_folder, output, "resume=true")
    assert figures(output) == unbroken


def test_without_a_whole_checkpoint_nothing_is_begun_anew(gold_folder: Path, tmp_path: Path) -> None:
    for name in ("checkpoint", "checkpoint.old"):
        (tmp_path / "run" / name).mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"no checkpoint to go on from: .*checkpoint was not written to its end"):
        go(gold_folder, tmp_path / "run", "resume=true")


def test_a_run_goes_on_with_nothing_but_what_it_was_begun_with(gold_folder: Path, broken: Path, tmp_path: Path) -> None:
    output = shutil.copytree(broken, tmp_path / "run")
    before = (output / "settings.json").read_text(encoding="utf-8")
    other = shutil.copytree(gold_folder, tmp_path / "other")
    (other / "d00.xml").unlink()
    wrong = ("seed=2", "optim.lr=1e-4", "optim.epochs=3", "labels.themes=[economy, safety, party, livelihood, 防汛]")
    with pytest.raises(ConfigError) as caught:
        go(gold_folder, output, "resume=true", *wrong, f"data.dev=[{other}]")
    for told in (
        f"{output} holds a run that was begun otherwise: ",
        "seed is 2, was 1; ",
        "optim.lr is 0.0001, was 0.001; ",
        "optim.epochs is 3, was 2; ",
        "gold.dev.documents is 23, was 24; ",
        "labels.themes is ['economy', 'safety', 'party', 'livelihood', '防汛'], was ",
    ):
        assert told in str(caught.value)
    assert "gold.train" not in str(caught.value) and "data.dev" not in str(caught.value)
    assert (output / "settings.json").read_text(encoding="utf-8") == before


def test_a_run_goes_on_elsewhere_and_from_before_all_was_written_down(
    gold_folder: Path, broken: Path, tmp_path: Path, unbroken: dict
) -> None:
    output, gold = shutil.copytree(broken, tmp_path / "run"), shutil.copytree(gold_folder, tmp_path / "gold")
    old = json.loads((output / "settings.json").read_text(encoding="utf-8"))
    del old["data"]["drop_final_marks"]
    (output / "settings.json").write_text(json.dumps(old), encoding="utf-8")
    (output / "gold.json").rename(tmp_path / "gold.json")
    with pytest.raises(ConfigError, match=rf"data\.train is \['{gold}'\], was \['{gold_folder}'\]"):
        go(gold, output, "resume=true")
    (tmp_path / "gold.json").rename(output / "gold.json")
    go(gold, output, "resume=true", "save_every=3", "optim.micro_tokens=384")
    assert figures(output)["figures"] == unbroken["figures"]


def test_the_exit_status_after_ctrl_c_is_130(gold_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("train_script", ROOT / "train.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    arguments = [str(SMOKE), *overrides(gold_folder, tmp_path / "run", *MORE)]
    with once_there(tmp_path / "run" / "checkpoint", lambda: os.kill(os.getpid(), signal.SIGINT)):
        assert script.main(arguments) == 130
    assert "train.py: stopped at epoch" in capsys.readouterr().err


def test_a_seal_tells_what_was_changed(tmp_path: Path) -> None:
    assert flaw(tmp_path) == "was not written to its end (whole.json is missing)"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.bin").write_bytes(b"abc")
    seal(tmp_path)
    assert json.loads((tmp_path / "whole.json").read_text()) == {"sub/a.bin": [3, 0x352441C2]}
    assert flaw(tmp_path) is None
    (tmp_path / "sub" / "a.bin").write_bytes(b"abd")
    assert flaw(tmp_path) == "is damaged (sub/a.bin: not what was written)"
    (tmp_path / "sub" / "a.bin").unlink()
    assert flaw(tmp_path) == "is damaged (sub/a.bin: missing)"


def test_two_generations_are_kept(tmp_path: Path) -> None:
    """The last save is in ``checkpoint``, the one before in ``checkpoint.old``, an unfinished one is never looked at."""
    accelerator = Accelerator(cpu=True)
    checkpoints = Checkpoints(tmp_path, accelerator)
    assert checkpoints.load() is None
    (tmp_path / "checkpoint.new").mkdir()
    assert checkpoints.load() is None
    contents = []
    for _ in range(3):
        checkpoints.save()
        contents.append((tmp_path / "checkpoint" / "whole.json").stat().st_ino)
    kept = [(tmp_path / name / "whole.json").stat().st_ino for name in ("checkpoint.old", "checkpoint")]
    assert kept == contents[1:]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "checkpoint.old"]
    assert checkpoints.load() == tmp_path / "checkpoint"


def test_a_second_signal_does_what_it_always_did() -> None:
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert request.number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)


def test_files_are_replaced_one_by_one(tmp_path: Path) -> None:
    for folder, content in (("place", "old"), ("new", "new")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(content)
    (tmp_path / "place" / "b").write_text("kept")
    replace_files(tmp_path / "new", tmp_path / "place")
    assert {path.name: path.read_text() for path in (tmp_path / "place").iterdir()} == {"a": "new", "b": "kept"}
    assert not (tmp_path / "new").exists()
