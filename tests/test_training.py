"""Training: what it leaves, that a killed run goes on to the same figures, and what it says of wrong settings."""

from __future__ import annotations

import json
import logging
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import GOLD, ROOT
from transformers import PreTrainedTokenizerBase

import zhengling
from zhengling.errors import ConfigError, GoldError, LabelError, ModelError
from zhengling.gold.inline import parse_inline
from zhengling.gold.loading import load_gold, load_places
from zhengling.modeling.encoders import EncoderSettings
from zhengling.modeling.transitions import SENTENCE_MARKS, token_classes
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.modeling.windows import plan_windows, window_ids
from zhengling.scheme.labels import LabelScheme
from zhengling.settings import load_settings
from zhengling.training.augmentation import final_marks, without_final_marks
from zhengling.training.building import build_model, schedule
from zhengling.training.development import Development
from zhengling.training.examples import Alignment, build_example, labelled_windows
from zhengling.training.gold_notes import tell_of_gold
from zhengling.training.judging import judge
from zhengling.training.loop import train
from zhengling.training.settings import Data, Labels, Model, Optim, TrainSettings
from zhengling.training.thresholds import calibration_error, choose_temperature, choose_thresholds
from zhengling.training.trainer import Trainer

SMOKE = ROOT / "configs" / "smoke.yaml"


def overrides(gold: Path, output: Path, *more: str) -> list[str]:
    return [f"data.train=[{gold}]", f"data.dev=[{gold}]", f"output={output}", *more]


def figures(output: Path) -> dict:
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    metrics["signature"].pop("model")
    for measured in ("seconds", "tokens_per_second"):
        metrics["run"].pop(measured)
    return metrics


def sentence_ends(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    return token_classes(tokenizer, len(tokenizer)) == SENTENCE_MARKS


def test_a_run_leaves_a_model_that_loads_and_its_figures(gold_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    metrics = train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, output, "weights=fp16")))
    assert sorted(path.name for path in output.iterdir()) == [
        "checkpoint", "checkpoint.old", "curves.png", "gold.json", "log.jsonl", "metrics.json", "model", "reliability.png",
        "settings.json", "tensorboard",
    ]  # fmt: skip
    assert [record["epoch"] for record in metrics["history"]] == [1, 2]
    assert metrics["history"][1]["loss"] < metrics["history"][0]["loss"]
    assert set(metrics["figures"]) >= {"directives exact", "slots micro", "themes macro", "theme party"}
    extractor = zhengling.load(output / "model")
    assert extractor.config.provenance["train"]["documents"] == 24
    table = extractor.model.directive_transitions.float().exp()
    assert torch.allclose(table.sum(-1), torch.ones(table.shape[:-1]), atol=0.01) and table.std() > 0.01
    assert extractor.config.transition_weight == 0.6
    assert set(extractor.config.thresholds) == {"economy", "safety", "party", "livelihood", "boilerplate"}


def test_it_learns_what_is_there_to_learn(gold_folder: Path, tmp_path: Path) -> None:
    """Twenty-four documents that differ in two numbers: after some epochs the model must know them by heart."""
    more = (
        "optim.epochs=24",
        "optim.lr=3e-3",
        "optim.head_lr=3e-3",
        "model.dropout=0.0",
        "encoder.width=64",
        "encoder.inner=96",
    )
    metrics = train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", *more)))
    values = {name: figure["value"] for name, figure in metrics["figures"].items()}
    assert values["directives exact"] > 0.95
    assert values["slots micro"] > 0.9
    assert values["theme safety"] == values["theme economy"] == 1.0


def test_a_killed_run_goes_on_to_the_same_figures(gold_folder: Path, tmp_path: Path) -> None:
    more = ("optim.epochs=3", "save_every=2", "optim.accumulate=2", "optim.average=0.9")
    whole = tmp_path / "whole"
    train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, whole, *more)))
    broken = tmp_path / "broken"
    command = [sys.executable, str(ROOT / "train.py"), str(SMOKE), *overrides(gold_folder, broken, *more)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 240
    while not (broken / "checkpoint" / "whole.json").exists():
        assert process.poll() is None and time.monotonic() < deadline, process.stderr and process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (broken / "metrics.json").exists()
    subprocess.run([*command, "resume=true"], check=True, timeout=300, capture_output=True)
    assert figures(broken) == figures(whole)


def test_a_run_whose_loss_is_no_number_stops_before_it_is_saved(gold_folder: Path, tmp_path: Path) -> None:
    more = ("optim.epochs=3", "save_every=3")
    with pytest.raises(ModelError, match=r"the loss is nan and the norm of the gradient nan\. .* with a lower optim\.lr"):
        train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", *more, "optim.lr=1e30")))
    assert not list((tmp_path / "run").glob("checkpoint*"))  # one was due at step 3


def test_the_averaged_weights_are_what_is_scored(gold_folder: Path, tmp_path: Path) -> None:
    """After the first step they are the weights themselves, after each further one they move towards them by 1 - decay."""
    settings = load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", "optim.average=0.75"))
    gold, scheme = load_gold(settings.data.train), LabelScheme()
    model, tokenizer = build_model(settings, scheme, gold)
    examples = [build_example(d, tokenizer, scheme, settings.model.window, Alignment()) for d in gold]
    trainer = Trainer(settings, Accelerator(cpu=True), model, tokenizer, examples)
    name, expected = "theme_head.bias", None
    for batch in trainer.batches(0)[:3]:
        trainer.step(trainer.stepper.prepare([batch]))
        now = dict(model.named_parameters())[name].detach()
        expected = now.clone() if expected is None else expected * 0.75 + now * 0.25
    assert expected is not None
    assert torch.allclose(dict(trainer.scored().named_parameters())[name], expected)
    assert not torch.allclose(expected, dict(model.named_parameters())[name])


def test_a_place_can_be_read_several_times_per_epoch(gold_folder: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "x.xml").write_text(GOLD * 30, encoding="utf-8")
    places = f"data.train=[{gold_folder}, {extra}]"
    counts = []
    for times in (1, 3):
        more = (places, f"data.repeat={{{extra}: {times}}}", "optim.epochs=1")
        counts.append(train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / str(times), *more)))["steps"])
    assert 1.5 < counts[1] / counts[0] < 3


def test_marks_at_ends_of_paragraphs_are_left_out_and_no_others() -> None:
    gold = parse_inline(
        '<p t="none">甲。<d k="require">要乙，丙</d>。</p>\n<p t="party">丁</p>\n<p t="none">戊<d k="require">要己！</d></p>',
        "x",
    )
    tokenizer = character_tokenizer(count_characters([gold.text]), 100)
    example = build_example(gold, tokenizer, LabelScheme(), 64, Alignment())
    windows = labelled_windows([example], tokenizer, 64, 8, sentence_ends(tokenizer))
    generator = np.random.default_rng(1)
    read = [tokenizer.decode(w.ids) for w in without_final_marks(windows, final_marks(tokenizer), 1.0, generator)]
    assert ["".join(text.split()) for text in read] == ["[CLS]甲。要乙，丙[SEP]丁[SEP]戊要己！[SEP]"]
    (thinned,) = without_final_marks(windows, final_marks(tokenizer), 1.0, generator)
    assert thinned.directives.tolist()[3:7] == [1, 2, 2, 2]
    assert len(thinned.ids) == len(thinned.pieces) == len(thinned.slots) == len(windows[0].ids) - 1
    some = [without_final_marks(windows, final_marks(tokenizer), 0.3, generator) for _ in range(400)]
    assert 80 < sum(len(found[0].ids) < len(windows[0].ids) for found in some) < 160
    assert without_final_marks(windows, final_marks(tokenizer), 0.0, generator) == windows
    assert without_final_marks(windows, (), 1.0, generator) == windows


def test_a_mark_where_a_long_paragraph_is_cut_stays() -> None:
    gold = parse_inline(f'<p t="none">{"甲乙丙丁。" * 20}</p>', "x")
    tokenizer = character_tokenizer(count_characters([gold.text]), 100)
    example = build_example(gold, tokenizer, LabelScheme(), 22, Alignment())
    windows = labelled_windows([example], tokenizer, 22, 5, sentence_ends(tokenizer))
    thinned = without_final_marks(windows, final_marks(tokenizer), 1.0, np.random.default_rng(1))
    cut = [len(before.ids) - len(after.ids) for before, after in zip(windows, thinned, strict=True)]
    assert sum(window.ids[-2] == final_marks(tokenizer)[0] for window in windows) > 2
    assert cut == [0] * (len(windows) - 1) + [1]


def test_training_leaves_marks_out_and_the_same_ones_each_time(gold_folder: Path, tmp_path: Path) -> None:
    batches = {}
    for share in (0, 1):
        settings = load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path, f"data.drop_final_marks={share}"))
        gold, scheme = load_gold(settings.data.train), LabelScheme()
        model, tokenizer = build_model(settings, scheme, gold)
        examples = [build_example(d, tokenizer, scheme, settings.model.window, Alignment()) for d in gold]
        trainer = Trainer(settings, Accelerator(cpu=True), model, tokenizer, examples)
        batches[share], again = ([[w.ids.tolist() for w in batch] for batch in trainer.batches(1)] for _ in range(2))
        assert batches[share] == again
    left, all_of_them = (sum(len(ids) for batch in batches[share] for ids in batch) for share in (1, 0))
    assert 0 < all_of_them - left <= sum(len(document.paragraphs) for document in gold)


def test_a_folder_with_a_checkpoint_is_not_run_over(gold_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"Expected resume=true to go on, or another output=…"):
        train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run")))


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_loads(path: Path) -> None:
    from zhengling.pretraining.settings import PretrainSettings

    if path.name.startswith("pretrain"):
        load_settings(PretrainSettings, path).check()
    else:
        load_settings(TrainSettings, path).check()
    assert path.read_text(encoding="utf-8").startswith("# "), "the head of a config says purpose and command"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.learning_rate=1", "Key 'learning_rate' not in 'Optim'"),
        ("optim.epochs=many", "optim.epochs"),
        ("optim.epochs", "got 'optim.epochs', expected key=value"),
        ("data.train=my/gold", "data.train is no list. Expected one, such as data.train=[a, b]"),
        ("data.repeat=[my/gold]", "command line: got a list. Expected keys with their values"),
    ],
)
def test_a_wrong_key_or_value_is_told_by_its_name(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(TrainSettings, SMOKE, [override])
    assert message in str(caught.value)


def test_a_misspelt_key_in_a_file_is_told_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("optim:\n  ephocs: 3\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(TrainSettings, tmp_path / "c.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'c.yaml'}: Key 'ephocs' not in 'Optim'")
    assert str(caught.value).endswith("(at optim.ephocs)")
    with pytest.raises(ConfigError, match="no configuration file"):
        load_settings(TrainSettings, tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=f"cannot read {tmp_path}: Is a directory"):
        load_settings(TrainSettings, tmp_path)
    (tmp_path / "list.yaml").write_text("- data/train\n")
    with pytest.raises(ConfigError, match=r"list\.yaml: got a list\. Expected keys with their values"):
        load_settings(TrainSettings, tmp_path / "list.yaml")
    (tmp_path / "gbk.yaml").write_bytes("output: 会议\n".encode("gbk"))
    with pytest.raises(ConfigError, match=r"gbk\.yaml: not UTF-8 at byte 8\. Expected a YAML file in UTF-8"):
        load_settings(TrainSettings, tmp_path / "gbk.yaml")


def test_all_contradictions_come_in_one_message() -> None:
    wrong = ["model.overlap=200", "model.convolution=4", "data.dev=[]", "weights=int4", "optim.average=1", "data.repeat={a: 2}"]
    wrong += ["report=[paper]", "optim.micro_tokens=-1", "model.local_features=1", "data.drop_final_marks=2"]
    with pytest.raises(ConfigError) as caught:
        load_settings(TrainSettings, SMOKE, wrong).check()
    assert str(caught.value).count("\n  ") == 10


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=-1", "seed (-1) must be at least 0"),
        ("seed=4294967296", "seed (4294967296) must be at most 4294967295"),
        ("model.dropout=2", "model.dropout (2.0) is a share"),
        ("model.overlap=-1", "model.overlap (-1) must be at least 0"),
        ("model.convolution=-1", "model.convolution (-1) must be at least 1"),
        ("encoder.heads=3", "encoder.width (32) must be a multiple of twice encoder.heads (6)"),
        ("encoder.global_every=0", "encoder.global_every (0) must be at least 1"),
        ("optim.lr=-1", "optim.lr (-1.0) must be at least 0"),
        ("optim.lr=.nan", "optim.lr (nan) must be at least 0"),
        ("optim.clip=0", "optim.clip (0.0) must be above 0"),
        ("labels.themes=[none, 防汛, boilerplate]", "labels.themes: got boilerplate, none. Expected other names"),
    ],
)
def test_a_value_out_of_its_range_is_told_before_the_run(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(TrainSettings, SMOKE, [override]).check()
    assert str(caught.value).startswith(f"contradictions in the settings:\n  {message}")


def test_the_shape_of_a_base_is_its_own() -> None:
    load_settings(TrainSettings, SMOKE, ["encoder.heads=3", "encoder.base=org/base"]).check()


def test_texts_that_are_both_learnt_and_chosen_by_are_told(gold_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    gold = load_gold([gold_folder])
    with caplog.at_level(logging.WARNING, "zhengling"):
        tell_of_gold(gold[:3], gold[3:])
        assert not caplog.records
        tell_of_gold(gold[:3], gold[2:])
    assert "data.train and data.dev share 1 document, such as d02" in caplog.text


def test_an_unknown_label_in_gold_stops_before_training(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text('<p t="sports">甲</p>', encoding="utf-8")
    with pytest.raises(LabelError, match="x, line 1: unknown themes label 'sports'"):
        train(load_settings(TrainSettings, SMOKE, overrides(tmp_path / "x.xml", tmp_path / "run")))


def test_every_key_is_read_somewhere() -> None:
    """A setting that no line of the package looks at would change nothing and say nothing."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
    names = [field.name for kind in (TrainSettings, Data, Labels, Model, Optim, EncoderSettings) for field in fields(kind)]
    assert [name for name in names if not re.search(rf"\w\.{name}\b", code.replace(f"self.{name}", ""))] == []


def test_a_place_is_loaded_once_and_two_documents_of_one_id_are_refused(gold_folder: Path, tmp_path: Path) -> None:
    places = load_places([gold_folder / "d00.xml", gold_folder / "d01.xml"])
    assert {place: [d.id for d in documents] for place, documents in places.items()} == {
        str(gold_folder / "d00.xml"): ["d00"],
        str(gold_folder / "d01.xml"): ["d01"],
    }
    (tmp_path / "d00.xml").write_text(GOLD, encoding="utf-8")
    with pytest.raises(GoldError, match="two gold documents have the id 'd00'"):
        load_places([gold_folder, tmp_path])


def test_a_missing_base_is_told(gold_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"encoder\.base: cannot load 'org/missing'"):
        train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", "encoder.base=org/missing")))


def test_gold_that_does_not_fit_is_accounted_for() -> None:
    """A directive longer than a window is learnt in parts; a paragraph that cleaning empties is lost; both are told."""
    long = "甲" * 60
    gold = parse_inline(f'<p t="none"><d k="require">{long}</d></p>\n<p t="none">\u200b</p>', "x")
    tokenizer = character_tokenizer(count_characters([gold.text]), 50)
    account = Alignment()
    example = build_example(gold, tokenizer, LabelScheme(), 32, account)
    assert (account.paragraphs, account.directives) == (len(example.document.paragraphs), 1)
    assert account.cut == [f"x [0, 60) '{'甲' * 24}…'"]
    windows = labelled_windows([example], tokenizer, 32, 8, sentence_ends(tokenizer))
    learnt = [int((w.directives >= 0).sum()) for w in windows]
    assert sum(learnt) == len(example.document.ids)


def test_documents_without_paragraphs_are_told_and_do_no_harm(
    gold_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("train", "dev"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"bare-{name}.xml").write_text("来源：柳湾发布\n", encoding="utf-8")
        shutil.copy(gold_folder / "d00.xml", tmp_path / name)
    more = (f"data.train=[{tmp_path / 'train'}]", f"data.dev=[{tmp_path / 'dev'}]", "optim.epochs=1")
    with caplog.at_level(logging.WARNING, "zhengling"):
        metrics = train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run", *more)))
    assert metrics["provenance"]["dev"]["documents"] == 2
    told = [record.getMessage() for record in caplog.records]
    for name in ("train", "dev"):
        assert f"data.{name}: no paragraph, and so nothing to learn or to choose by, in 1 document, such as bare-{name}" in told
    bare = f"data.train=[{tmp_path / 'train' / 'bare-train.xml'}]"
    with pytest.raises(GoldError, match=r"data\.train: no document has a paragraph, got 1 document, such as bare-train\. Exp"):
        train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "other", bare)))


def test_the_rate_rises_and_falls() -> None:
    assert [round(schedule(step, 2, 6), 3) for step in range(7)] == [0.333, 0.667, 1.0, 0.75, 0.5, 0.25, 0.0]


def test_the_rate_reaches_zero_with_the_last_step(gold_folder: Path, tmp_path: Path) -> None:
    """Shorter windows make more steps of the later epochs: the schedule must know."""
    more = ("optim.epochs=3", "optim.batch_tokens=200", "model.window=64", "model.overlap=8")
    settings = load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path, *more))
    gold, scheme = load_gold(settings.data.train), LabelScheme()
    model, tokenizer = build_model(settings, scheme, gold)
    examples = [build_example(d, tokenizer, scheme, settings.model.window, Alignment()) for d in gold]
    trainer = Trainer(settings, Accelerator(cpu=True), model, tokenizer, examples)
    steps = [len(trainer.batches(epoch)) for epoch in range(3)]
    assert len(set(steps)) > 1
    last, behind = (trainer.scheduler.lr_lambdas[0](step) for step in (sum(steps) - 1, sum(steps)))
    assert 0 < last < 0.1 and behind == 0


def test_training_reads_the_windows_that_inference_reads() -> None:
    """A long paragraph is cut at ends of sentences in both."""
    gold = parse_inline(f'<p t="none">{"各村要守好堤防，要管好用火。甲乙丙！" * 30}</p>', "x")
    tokenizer = character_tokenizer(count_characters([gold.text]), 100)
    example = build_example(gold, tokenizer, LabelScheme(), 64, Alignment())
    ends = sentence_ends(tokenizer)
    learnt = labelled_windows([example], tokenizer, 64, 16, ends)
    plan = plan_windows(example.document.paragraphs, 64, 16, ends[example.document.ids])
    special = tokenizer.cls_token_id, tokenizer.sep_token_id
    assert [w.ids.tolist() for w in learnt] == [window_ids(window, example.document, *special)[0].tolist() for window in plan]
    assert len(learnt) > 8 and all(ends[window.ids[-2]] for window in learnt)


def test_a_model_is_judged_as_it_is_loaded(gold_folder: Path, tmp_path: Path) -> None:
    """Weights are rounded, the encoder's tables of angles, which are not stored, are not."""
    settings = load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path))
    gold, scheme = load_gold(settings.data.train), LabelScheme()
    model, tokenizer = build_model(settings, scheme, gold)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    assert any("inv_freq" in name for name in before)
    device = torch.device("cpu")
    judged = judge(model, tokenizer, Development(gold, scheme), name="x", device=device, weights="fp16")
    assert [name for name, buffer in model.named_buffers() if not torch.equal(buffer, before[name])] == []
    ids = torch.tensor([tokenizer("各村要于六月底前完成整改。")["input_ids"]])
    with torch.inference_mode():
        own = judged.extractor.model(ids, torch.ones_like(ids), torch.zeros_like(ids), piece_count=1)
        judged.store(tmp_path / "model")
        loaded = zhengling.load(tmp_path / "model", device="cpu", precision="fp32").model
        stored = loaded(ids, torch.ones_like(ids), torch.zeros_like(ids), piece_count=1)
    assert torch.equal(own.themes, stored.themes) and torch.equal(own.slots, stored.slots)


def test_thresholds_are_the_middle_of_the_best() -> None:
    import numpy as np

    probabilities = np.asarray([0.1, 0.2, 0.3, 0.6, 0.65, 0.7, 0.72, 0.8])
    labels = np.asarray([0, 0, 0, 1, 1, 1, 1, 1])
    scores = {"a": (probabilities, labels), "rare": (probabilities, labels * 0)}
    assert choose_thresholds(scores, {"a": 0.5, "rare": 0.4}) == {"a": 0.5, "rare": 0.4}
    assert choose_thresholds({"a": (probabilities / 2, labels)}, {"a": 0.5}) == {"a": 0.25}


def test_the_temperature_makes_scores_honest() -> None:
    """Scores whose logits are twice as large as they may be."""
    import numpy as np

    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, 20_000)
    labels = (generator.random(20_000) < 1 / (1 + np.exp(-logits))).astype(int)
    sure = {"a": (1 / (1 + np.exp(-2 * logits)), labels)}
    temperature = choose_temperature(sure)
    assert temperature == pytest.approx(2.0, rel=0.08)
    honest = {"a": (1 / (1 + np.exp(-2 * logits / temperature)), labels)}
    assert calibration_error(honest) < 0.015 < 0.05 < calibration_error(sure)
    assert calibration_error({"a": (np.asarray([0.25, 0.25, 0.85]), np.asarray([0, 1, 1]))}) == pytest.approx(0.65 / 3)
