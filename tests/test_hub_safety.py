"""Nothing that comes with a model is run or unpickled without being asked for, and no question is put on the terminal."""

from __future__ import annotations

import builtins
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from test_hub_base import make_bert

import zhengling
from zhengling.errors import ModelError
from zhengling.hub.repository import write_repository
from zhengling.modeling.encoders import EncoderSettings, load_encoder


class _Touch:
    """Unpickling one of these writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.open, (str(self.path), os.O_CREAT)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks on the terminal fails the test."""

    def refuse(prompt: str = "") -> str:
        raise AssertionError(f"asked on the terminal: {prompt}")

    monkeypatch.setattr(builtins, "input", refuse)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_bert(tmp_path / "bert", "各村要查完隐患。")


def spoil(path: Path, marker: Path) -> None:
    """Append to a Python file, or make it, a line that writes the marker."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{before}\nopen({str(marker)!r}, 'w').close()\n", encoding="utf-8")


@pytest.mark.parametrize("legacy", [True, False])
def test_a_pickle_that_runs_code_is_not_unpickled(base: Path, tmp_path: Path, legacy: bool) -> None:
    weights = torch.load(base / "pytorch_model.bin", weights_only=True)
    marker = tmp_path / "marker"
    content = {**weights, "bert.extra": _Touch(marker)}
    if legacy:
        (base / "pytorch_model.bin").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, base / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"the \.bin of '.*' holds more than weights and was not loaded"):
        load_encoder(EncoderSettings(base=str(base)))
    assert not marker.exists()


def test_a_base_with_code_is_refused(base: Path, tmp_path: Path, silent: None) -> None:
    marker = tmp_path / "marker"
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (base / "config.json").write_text(json.dumps(config), encoding="utf-8")
    spoil(base / "own.py", marker)
    with pytest.raises(ModelError, match=r"cannot load '.*': The repository .* contains custom code"):
        load_encoder(EncoderSettings(base=str(base)))
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["BertTokenizer", "OwnTokenizer"])
def test_the_code_of_a_tokenizer_is_left_alone(base: Path, tmp_path: Path, silent: None, kind: str) -> None:
    """A tokenizer that transformers knows is its own; one that it does not know is refused."""
    marker = tmp_path / "marker"
    settings = {"tokenizer_class": kind, "auto_map": {"AutoTokenizer": ["own.OwnTokenizer", None]}}
    (base / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    spoil(base / "own.py", marker)
    if kind == "BertTokenizer":
        assert type(load_encoder(EncoderSettings(base=str(base)))[1]).__name__ == "BertTokenizer"
    else:
        with pytest.raises(ModelError, match=r"encoder\.base: cannot load"):
            load_encoder(EncoderSettings(base=str(base)))
    assert not marker.exists()


def test_the_code_of_a_known_kind_of_base_is_left_alone(base: Path, tmp_path: Path, silent: None) -> None:
    marker = tmp_path / "marker"
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (base / "config.json").write_text(json.dumps(config), encoding="utf-8")
    spoil(base / "own.py", marker)
    encoder, _ = load_encoder(EncoderSettings(base=str(base)))
    assert type(encoder).__name__ == "BertModel" and not marker.exists()


def test_the_package_runs_no_code_of_a_repository(model_folder: Path, tmp_path: Path, silent: None) -> None:
    marker, repo = tmp_path / "marker", tmp_path / "repo"
    write_repository(model_folder, repo, "org/tiny")
    for path in repo.glob("*.py"):
        spoil(path, marker)
    assert zhengling.load(repo, precision="fp32")("各村要查完隐患。").error is None
    assert not marker.exists()


def test_weights_of_a_model_are_never_unpickled(model_folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (model_folder / "model.safetensors").unlink()
    (model_folder / "pytorch_model.bin").write_bytes(pickle.dumps({"x": _Touch(marker)}))
    with pytest.raises(ModelError, match=r"cannot load the model .*: it has no model\.safetensors"):
        zhengling.load(model_folder)
    assert not marker.exists()
