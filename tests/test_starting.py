"""A run that goes on from a trained model: what it keeps, what is new, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from test_training import SMOKE, overrides
from transformers import PreTrainedTokenizerBase

import zhengling
from zhengling.errors import ConfigError, ModelError
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.fingerprint import fingerprint
from zhengling.gold.loading import load_gold
from zhengling.modeling.model import ZhenglingModel
from zhengling.scheme.labels import LabelScheme
from zhengling.settings import load_settings
from zhengling.training.building import build_model, count_tags
from zhengling.training.examples import Alignment, build_example
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings

OWN = LabelScheme(
    directives=("require", "pledge", "ask"), slots=("time", "agent", "target", "programme"), themes=("party", "water", "safety")
)


@pytest.fixture(scope="module")
def parent(gold_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows something."""
    output = tmp_path_factory.mktemp("parent") / "run"
    more = ("optim.epochs=8", "optim.lr=3e-3", "optim.head_lr=3e-3")
    train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, output, *more)))
    return output / "model"


def started(parent: Path, gold_folder: Path, scheme: LabelScheme) -> tuple[ZhenglingModel, PreTrainedTokenizerBase]:
    """The model as it is before its first step."""
    settings = load_settings(TrainSettings, SMOKE, [*overrides(gold_folder, Path("unused")), f"start={parent}"])
    model, tokenizer = build_model(settings, scheme, [])
    return model.eval(), tokenizer


def logits(model: ZhenglingModel, extractor: Extractor) -> dict[str, torch.Tensor]:
    ids = torch.tensor([extractor.tokenizer("各村要于六月底前完成整改，不得瞒报。")["input_ids"]])
    with torch.inference_mode():
        output = model(ids, torch.ones_like(ids), torch.zeros_like(ids), piece_count=1)
    return {name: getattr(output, name)[0] for name in ("directives", "slots", "themes")}


def test_it_begins_as_the_model_that_it_starts_from(parent: Path, gold_folder: Path) -> None:
    old = zhengling.load(parent, device="cpu", precision="fp32")
    model, tokenizer = started(parent, gold_folder, LabelScheme())
    count_tags(
        model, tokenizer, [build_example(d, tokenizer, LabelScheme(), 96, Alignment()) for d in load_gold([gold_folder])]
    )
    state, before = model.state_dict(), old.model.state_dict()
    assert state.keys() == before.keys()
    assert [name for name in state if not torch.equal(state[name], before[name])] == []


def test_a_step_of_nothing_changes_no_figure(parent: Path, gold_folder: Path, tmp_path: Path) -> None:
    more = (f"start={parent}", "optim.epochs=1", "optim.lr=1e-12", "optim.head_lr=1e-12", "seed=5")
    metrics = train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", *more)))
    before = json.loads((parent.parent / "metrics.json").read_text(encoding="utf-8"))
    values = [{name: figure["value"] for name, figure in each["figures"].items()} for each in (before, metrics)]
    assert values[0] == pytest.approx(values[1]) and values[0]["directives overlap"] > 0.5
    from_parent = zhengling.load(tmp_path / "run" / "model").config.provenance["start"]
    assert from_parent["fingerprint"] == fingerprint(zhengling.load(parent)) and from_parent["train"]["documents"] == 24
    assert metrics["provenance"]["start"] == from_parent
    before_training = metrics["history"][0]
    assert (before_training["epoch"], before_training["steps"], before_training["loss"]) == (0, 0, None)
    assert before_training["score"] == pytest.approx(metrics["history"][1]["score"]) and metrics["best_epoch"] == 0


def test_thresholds_of_themes_that_dev_lacks_stay(parent: Path, gold_folder: Path, tmp_path: Path) -> None:
    """And a training that only makes it worse leaves the model that it started from."""
    changed = tmp_path / "changed"
    shutil.copytree(parent, changed)
    config = json.loads((changed / "config.json").read_text(encoding="utf-8"))
    config["thresholds"]["party"] = 0.21
    (changed / "config.json").write_text(json.dumps(config), encoding="utf-8")
    more = (f"start={changed}", "optim.epochs=1", "optim.lr=0.3", "optim.head_lr=0.3")
    train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", *more)))
    new, old = zhengling.load(tmp_path / "run" / "model"), zhengling.load(changed)
    assert new.config.thresholds["party"] == 0.21
    assert torch.equal(new.model.theme_head.bias, old.model.theme_head.bias)


def test_heads_keep_the_labels_that_both_have(parent: Path, gold_folder: Path) -> None:
    old = zhengling.load(parent, device="cpu", precision="fp32")
    model, _ = started(parent, gold_folder, OWN)
    new, before = logits(model, old), logits(old.model.eval(), old)
    assert new["directives"].shape[-1] == 7 and new["themes"].shape[-1] == 4
    assert torch.allclose(new["directives"][:, [0, 1, 2, 3, 4]], before["directives"][:, [0, 1, 2, 5, 6]], atol=1e-5)
    assert torch.allclose(new["themes"][:, [0, 2, 3]], before["themes"][:, [2, 1, 4]], atol=1e-5)
    order = [0, 3, 4, 1, 2, 5, 6, 7, 8]
    assert torch.equal(model.slot_head.classifier.weight, old.model.slot_head.classifier.weight[order])
    assert torch.equal(model.slot_head.classifier.bias, old.model.slot_head.classifier.bias[order])
    assert torch.equal(model.slot_head.local.weight, old.model.slot_head.local.weight)
    embedding, of_old = model.directive_embedding.weight, old.model.directive_embedding.weight
    assert torch.equal(embedding[:, [0, 1, 2, 3, 4]], of_old[:, [0, 1, 2, 5, 6]])
    assert not model.directive_transitions.any() and not model.slot_transitions.any()  # to be counted


def test_other_labels_are_learnt_from_there(parent: Path, tmp_path: Path) -> None:
    gold = '<p t="water"><d k="ask"><time>今年</time>请各村查河</d>。</p>\n<p t="none">此页无话。</p>\n'
    (tmp_path / "a.xml").write_text(gold * 20, encoding="utf-8")
    labels = "labels={directives: [require, pledge, ask], slots: [time, agent], themes: [party, water]}"
    more = (f"start={parent}", labels, "optim.epochs=12", "optim.lr=3e-3", "optim.head_lr=3e-3", "model.dropout=0.0")
    metrics = train(load_settings(TrainSettings, SMOKE, overrides(tmp_path / "a.xml", tmp_path / "run", *more)))
    assert metrics["figures"]["directives exact"]["value"] > 0.9 and metrics["figures"]["theme water"]["value"] > 0.9
    table = zhengling.load(tmp_path / "run" / "model").model.slot_transitions.float().exp()
    assert table.sum(-1).std() < 0.2 and table.std() > 0.01


def test_what_does_not_fit_is_refused(parent: Path, gold_folder: Path, tmp_path: Path) -> None:
    def run(*more: str) -> None:
        train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", *more)))

    with pytest.raises(ConfigError, match=r"start \(default\) brings its encoder, got encoder\.base \(x/y\)"):
        run("start=default", "encoder.base=x/y")
    with pytest.raises(
        ConfigError, match=r"start: model\.convolution: got 3, .* has 5; model\.local_features: got 8, .* has 4"
    ):
        run(f"start={parent}", "model.convolution=3", "model.local_features=8")
    with pytest.raises(ConfigError, match=r"lies in output .*, which the run writes"):
        train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, parent.parent, f"start={parent}", "resume=true")))
    with pytest.raises(ModelError, match="no model folder"):
        run(f"start={tmp_path / 'none'}")
    encoder = tmp_path / "encoder"
    shutil.copytree(ROOT / "data" / "encoders" / "compact", encoder)
    with pytest.raises(ModelError, match=r"its config\.json is not a zhengling model"):
        run(f"start={encoder}")
