"""The mean of models: its weights, what it leaves, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_training import SMOKE, overrides

import zhengling
from zhengling.cli import main
from zhengling.errors import CheckpointError, ConfigError, ModelError
from zhengling.settings import load_settings
from zhengling.training.averaging import average, mean_weights
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings


def trained(gold: Path, output: Path, *more: str) -> Path:
    train(load_settings(TrainSettings, SMOKE, overrides(gold, output, "optim.epochs=1", *more)))
    return output / "model"


@pytest.fixture(scope="module")
def models(gold_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Two runs that differ in a rate, and their gold."""
    folder = tmp_path_factory.mktemp("runs")
    return trained(gold_folder, folder / "a"), trained(gold_folder, folder / "b", "optim.head_lr=1e-4"), gold_folder


def test_the_mean_lies_between_and_is_a_model(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    one, other, gold = models
    output = tmp_path / "mean"
    assert main(["average", str(one), str(other), "--dev", str(gold), "--output", str(output)]) == 0
    assert sorted(path.name for path in output.iterdir()) == ["metrics.json", "model", "reliability.png"]
    weights, first, second = (load_file(folder / "model.safetensors") for folder in (output / "model", one, other))
    assert weights.keys() == first.keys()
    moved = [name for name in weights if not torch.equal(first[name], second[name])]
    assert "theme_head.bias" in moved and "token_classes" not in moved
    for name in moved:
        assert torch.allclose(weights[name], (first[name] + second[name]) / 2, atol=1e-6), name
    extractor = zhengling.load(output / "model")
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["provenance"] == extractor.config.provenance
    assert metrics["figures"].keys() >= {"directives exact", "slots micro", "themes macro"}
    assert metrics["calibration_error"].keys() == {"at_temperature_1", "calibrated"}
    assert extractor("各单位要于6月底前完成整改。").characters == 14


def test_the_mean_knows_its_parents(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    one, other, gold = models
    provenance = average([one, other], [str(gold)], tmp_path / "mean", "fp16")["provenance"]
    assert load_file(tmp_path / "mean" / "model" / "model.safetensors")["theme_head.bias"].dtype == torch.float16
    parents = provenance["average_of"]
    assert [parent["model"] for parent in parents] == [str(one), str(other)]
    assert len({parent["fingerprint"] for parent in parents}) == 2
    assert provenance["train"] == parents[0]["train"] and provenance["train"]["documents"] == 24


def test_thresholds_are_chosen_anew(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """A theme without paragraphs to choose by has the default one, whatever a parent had."""
    one, other, gold = models
    odd = tmp_path / "odd"
    shutil.copytree(one, odd)
    config = json.loads((odd / "config.json").read_text(encoding="utf-8"))
    config["thresholds"] = dict.fromkeys(config["thresholds"], 0.97)
    config["theme_temperature"] = 3.3
    (odd / "config.json").write_text(json.dumps(config), encoding="utf-8")
    average([odd, other], [str(gold)], tmp_path / "a")
    average([other, one], [str(gold)], tmp_path / "b")
    first, second = (zhengling.load(tmp_path / name / "model").config for name in ("a", "b"))
    assert first.thresholds == second.thresholds and 0.97 not in first.thresholds.values()
    assert first.theme_temperature == second.theme_temperature


def test_numbers_are_averaged_and_classes_kept() -> None:
    states = [{"weight": torch.tensor([1.0, number]), "classes": torch.tensor([7])} for number in (2.0, 4.0, 9.0)]
    mean = mean_weights(states)
    assert mean["weight"].tolist() == [1.0, 5.0] and mean["classes"].tolist() == [7]


def test_what_cannot_be_averaged_is_refused(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    one, other, gold = models
    for given in ([one], [one, one], [one, other, one]):
        with pytest.raises(ConfigError, match="Expected at least two models, each once"):
            average(given, [str(gold)], tmp_path / "x")
    wide = trained(gold, tmp_path / "wide", "model.convolution=7")
    with pytest.raises(ModelError, match=r"differ in convolution\. Expected"):
        average([one, wide], [str(gold)], tmp_path / "x")
    with pytest.raises(ConfigError, match=r"is there\. Expected an output without a model"):
        average([one, other], [str(gold)], one.parent)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"cannot be written .*\. Expected a folder"):
        average([one, other], [str(gold)], tmp_path / "file")


def test_models_that_class_tokens_otherwise_are_refused(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    one, other, gold = models
    shutil.copytree(other, tmp_path / "classes")
    weights = load_file(other / "model.safetensors")
    weights["token_classes"] += 1
    save_file(weights, tmp_path / "classes" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="differ in classes of tokens"):
        average([one, tmp_path / "classes"], [str(gold)], tmp_path / "x")


def test_heads_that_began_apart_are_told(
    models: tuple[Path, Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, _, gold = models
    apart = trained(gold, tmp_path / "apart", "seed=2")
    with caplog.at_level("WARNING", "zhengling.training.averaging"):
        average([one, apart], [str(gold)], tmp_path / "mean")
    assert "did not begin with the same weights" in caplog.text
    child = trained(gold, tmp_path / "child", f"start={one}", "seed=2")
    caplog.clear()
    average([one, child], [str(gold)], tmp_path / "with-child")
    assert "did not begin with the same weights" not in caplog.text
    average([apart, child], [str(gold)], tmp_path / "strangers")
    assert "did not begin with the same weights" in caplog.text
