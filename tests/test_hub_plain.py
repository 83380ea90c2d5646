"""Stock models learn what ours answers: over BERT and ModernBERT, read by the stock pipelines, and compared with ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import GOLD
from test_hub_base import make_bert
from transformers import pipeline

from zhengling.cli import main
from zhengling.errors import ConfigError, ModelError
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import ParagraphRecord
from zhengling.gold.inline import parse_inline
from zhengling.hub.agreement import read_plainly
from zhengling.hub.lessons import TASKS, lessons_of, theme_targets
from zhengling.hub.plain import build_stock, export_plain
from zhengling.hub.repository import write_repository
from zhengling.hub.teaching import PlainSettings, teach
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.encoders import EncoderSettings, load_encoder
from zhengling.modeling.model import ZhenglingModel
from zhengling.text import read

SOURCE = parse_inline(GOLD, "x").text


@pytest.fixture(scope="module")
def over_bert(tmp_path_factory: pytest.TempPathFactory) -> Extractor:
    encoder, tokenizer = load_encoder(EncoderSettings(base=str(make_bert(tmp_path_factory.mktemp("base") / "bert", SOURCE))))
    torch.manual_seed(0)
    config = ZhenglingConfig(encoder=encoder.config, window=48, overlap=8, thresholds={"boilerplate": 1.1})
    return Extractor(ZhenglingModel(config, encoder), tokenizer, name="bert")


@pytest.mark.parametrize(("kind", "prefix"), [("extractor", "ModernBert"), ("over_bert", "Bert")])
def test_stock_pipelines_read_the_exports(kind: str, prefix: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    extractor: Extractor = request.getfixturevalue(kind)
    before = {name: value.clone() for name, value in extractor.model.state_dict().items()}
    export_plain(extractor, [read(SOURCE)], tmp_path, PlainSettings(epochs=1))
    assert all(torch.equal(value, before[name]) for name, value in extractor.model.state_dict().items())
    for task, layer in (("directives", extractor.config.directives), ("slots", extractor.config.slots)):
        tagger = pipeline("token-classification", model=str(tmp_path / task), aggregation_strategy="simple", device="cpu")
        assert type(tagger.model).__name__ == f"{prefix}ForTokenClassification"
        assert set(tagger.model.config.label2id) == {"O", *(f"{place}-{name}" for name in layer for place in "BI")}
        found = tagger("会议要求，各村要在6月底前查完120处隐患。")
        assert {item["entity_group"] for item in found} <= set(layer)
    reader = pipeline("text-classification", model=str(tmp_path / "themes"), top_k=None, device="cpu")
    assert type(reader.model).__name__ == f"{prefix}ForSequenceClassification"
    assert reader.model.config.problem_type == "multi_label_classification"
    assert {item["label"] for item in reader(["会议要求。"])[0]} == set(extractor.config.theme_outputs)


def test_a_stock_model_starts_from_our_encoder(over_bert: Extractor) -> None:
    ours = over_bert.model.encoder.state_dict()
    for task in TASKS:
        body = build_stock(task, over_bert.model).bert.state_dict()
        assert all(torch.equal(value, ours[name]) for name, value in body.items())


def test_they_learn_the_answers(make_extractor: Callable[..., Extractor]) -> None:
    """Over and over the same paragraphs: the tags come to be those of the lessons."""
    extractor = make_extractor()
    lessons = lessons_of(extractor, [read(SOURCE)])
    models = {task: build_stock(task, extractor.model) for task in TASKS}
    teach(models, extractor, lessons, PlainSettings(epochs=150, lr=2e-2, head_lr=2e-2))
    ids = torch.from_numpy(lessons[1].ids)[None]
    tags = models["directives"](input_ids=ids, attention_mask=torch.ones_like(ids)).logits.argmax(-1)[0].numpy()
    assert (tags[1:-1] == lessons[1].directives[1:-1]).mean() > 0.8


def test_themes_hold_from_one_half_on() -> None:
    config = ZhenglingConfig(thresholds={"economy": 0.65, "party": 0.25, "boilerplate": 0.4})
    scores = {"economy": 0.65, "safety": 0.5, "party": 0.3, "livelihood": 0.0}
    paragraph = ParagraphRecord(start=0, end=1, boilerplate=False, themes=[], scores=scores)
    economy, safety, party, livelihood, boilerplate = theme_targets(paragraph, config)
    assert (round(economy, 6), safety, boilerplate) == (0.5, 0.5, 0.0)
    assert party > 0.5 and livelihood < 0.001
    paragraph = ParagraphRecord(start=0, end=1, boilerplate=True, themes=[], scores=scores)
    assert theme_targets(paragraph, config) == (0.0, 0.0, 0.0, 0.0, 1.0)


def test_slots_and_spans_come_back_to_the_source(extractor: Extractor, tmp_path: Path) -> None:
    export_plain(extractor, [read(SOURCE)], tmp_path, PlainSettings(epochs=1))
    document = parse_inline(GOLD.replace("会议要求", "會(huì)議要求"), "g")
    (found,) = read_plainly(tmp_path, [document], extractor.config)
    assert (found.id, found.text, len(found.paragraphs)) == ("g", document.text, 4)
    for directive in found.directives:
        assert 0 <= directive.start < directive.end <= len(document.text)
        assert all(directive.start <= slot.start < slot.end <= directive.end for slot in directive.slots)


def test_the_command_compares_and_push_takes_the_exports_along(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "g.xml").write_text(GOLD, encoding="utf-8")
    texts, plain = ["--texts", str(tmp_path / "a.txt")], tmp_path / "plain"
    command = ["export-plain", str(model_folder), *texts, "--output", str(plain), "--check", str(tmp_path / "g.xml")]
    assert main([*command, "--epochs", "1"]) == 0
    written = json.loads((plain / "agreement.json").read_text(encoding="utf-8"))
    assert written["learnt_from"] == {"texts": 1, "paragraphs": 4, "tokens": written["learnt_from"]["tokens"]}
    assert "directives exact" in capsys.readouterr().out
    write_repository(model_folder, tmp_path / "repo", "org/tiny", plain)
    card = (tmp_path / "repo" / "README.md").read_text(encoding="utf-8")
    for name, figure in written["plain_against_model"]["figures"].items():
        assert f"| {name} | {100 * figure['value']:.1f} |" in card
    assert {path.name for path in (tmp_path / "repo").iterdir() if path.is_dir()} == set(TASKS)


def test_exports_of_another_model_are_refused(model_folder: Path, extractor: Extractor, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks agreement\.json, directives, slots, themes"):
        write_repository(model_folder, tmp_path / "repo", "org/tiny", tmp_path)
    export_plain(extractor, [read(SOURCE)], tmp_path / "plain", PlainSettings(epochs=1))
    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    (model_folder / "config.json").write_text(json.dumps(config | {"provenance": {"seed": 9}}), encoding="utf-8")
    with pytest.raises(ModelError, match="was exported from another model"):
        write_repository(model_folder, tmp_path / "repo", "org/tiny", tmp_path / "plain")


def test_nothing_to_learn_from_is_told(extractor: Extractor, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hold no paragraph to learn from"):
        export_plain(extractor, [read("")], tmp_path, PlainSettings())
    with pytest.raises(ConfigError, match="must be above 0"):
        export_plain(extractor, [read(SOURCE)], tmp_path, PlainSettings(epochs=0))
