"""A repository stands alone: it answers as the package does where the package is not installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import GOLD
from hub_client import run_client
from huggingface_hub import ModelCard

import zhengling
from zhengling.cli import main
from zhengling.errors import ModelError
from zhengling.extraction.extractor import Extractor
from zhengling.gold.inline import parse_inline
from zhengling.hub.repository import write_repository

TEXTS = [
    parse_inline(GOLD, "x").text * 3,
    "會(huì)議要求，各村要創(chuàng )優(yōu)服務，不得瞞報。\n　　1 9 9 8 年，全縣查完１２０處隱患&nbsp;</p>",
    "各项任务要落实到人?Ｇ?委办公室每月通报一次进展。",
    "浼氳��寮鸿皟锛岃�佹姄濂芥睕鏈熷�煎畧銆�",
    "",
]
PROGRAM = """
from transformers import AutoModel, pipeline
extract = pipeline("directive-extraction", model=ARGUMENTS["model"], trust_remote_code=True, device="cpu", precision="fp32")
model = AutoModel.from_pretrained(ARGUMENTS["model"], trust_remote_code=True)
answers = {"records": extract(ARGUMENTS["texts"]), "of bytes": extract("会议要求".encode("gbk"))["encoding"]}
print(json.dumps({**answers, "model": type(model).__module__.split(".")[-1]}))
"""


def without_model(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key != "model"} for record in records]


def test_remote_code_answers_as_the_package(model_folder: Path, extractor: Extractor, tmp_path: Path) -> None:
    write_repository(model_folder, tmp_path / "repo", "org/tiny")
    arguments = {"model": str(tmp_path / "repo"), "texts": TEXTS}
    answer = run_client(PROGRAM, tmp_path, hidden=("zhengling",), arguments=arguments).value
    ours = json.loads(json.dumps([extractor(text).as_dict() for text in TEXTS]))
    assert without_model(answer["records"]) == without_model(ours)
    assert sum(len(record["directives"]) for record in ours) > 3
    assert answer["of bytes"] == "gb18030" and answer["model"] == "modeling_zhengling"


def test_without_opencc_traditional_characters_stay_and_that_is_told(model_folder: Path, tmp_path: Path) -> None:
    write_repository(model_folder, tmp_path / "repo", "org/tiny")
    arguments = {"model": str(tmp_path / "repo"), "texts": ["各村要查完隱患。", "各村要查完隐患。"]}
    answer = run_client(PROGRAM, tmp_path, hidden=("zhengling", "opencc"), arguments=arguments)
    assert [record["repairs"]["traditional"] for record in answer.value["records"]] == [0, 0]
    assert answer.stderr.count("opencc is not installed: traditional characters stay as they are") == 1


def test_the_package_loads_a_repository_and_its_weights_are_the_model(model_folder: Path, tmp_path: Path) -> None:
    write_repository(model_folder, tmp_path / "repo", "org/tiny")
    same = ("model.safetensors", "tokenizer.json")
    assert all((tmp_path / "repo" / name).read_bytes() == (model_folder / name).read_bytes() for name in same)
    records = [zhengling.load(folder, precision="fp32")(TEXTS[0]).as_dict() for folder in (model_folder, tmp_path / "repo")]
    assert without_model(records[:1]) == without_model(records[1:])


def test_the_card_tells_the_figures_of_the_training(model_folder: Path, tmp_path: Path) -> None:
    figures = {
        "directives exact": {"value": 0.51234, "low": 0.4, "high": 0.6},
        "kind accuracy": {"value": 1.0, "low": 1, "high": 1},
    }
    metrics = {"figures": figures, "signature": {"documents": 3, "data": "abc"}, "provenance": {}}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    write_repository(model_folder, tmp_path / "repo", "org/tiny")
    card = ModelCard.load(tmp_path / "repo" / "README.md")
    assert card.data.model_name == "org/tiny"
    assert [(r.metric_name, r.metric_type, r.metric_value) for r in card.data.eval_results or []] == [
        ("directives exact", "f1", 0.5123),
        ("kind accuracy", "accuracy", 1.0),
    ]
    assert "| directives exact | 51.2 (40.0–60.0) |" in card.text
    metrics["provenance"] = {"seed": 7}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    shutil.rmtree(tmp_path / "repo")
    write_repository(model_folder, tmp_path / "repo", "org/tiny")
    assert ModelCard.load(tmp_path / "repo" / "README.md").data.eval_results is None


def test_the_default_model_keeps_its_own_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", "default", "org/default", "--folder", str(tmp_path / "repo")]) == 0
    card = ModelCard.load(tmp_path / "repo" / "README.md")
    assert card.data.license == "apache-2.0" and card.data.model_name == "org/default"
    assert {result.task_name for result in card.data.eval_results or []} == {"directives, slots and themes"}
    assert "**What it is bad at**" in card.text
    assert capsys.readouterr().out.endswith("nothing was sent\n")
    assert main(["push", "default", "org/default", "--folder", str(tmp_path / "repo")]) == 2
    assert capsys.readouterr().err == f"zhengling: {tmp_path / 'repo'} is not empty. Expected a new folder for the repository\n"


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model in .*: config\.json is missing"):
        write_repository(tmp_path, tmp_path / "repo", "org/x")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(ModelError, match="is not a zhengling model with safetensors"):
        write_repository(tmp_path, tmp_path / "repo", "org/x")
    assert not (tmp_path / "repo").exists()
