"""The Label Studio project that ``zhengling label`` writes, and its way back after the labelling."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import GOLD, ROOT

from zhengling.cli import main
from zhengling.errors import LabelError
from zhengling.exchange.drafts import Drafts
from zhengling.exchange.label_studio_project import labelling_config
from zhengling.extraction.annotation import annotate
from zhengling.extraction.extractor import Extractor
from zhengling.gold.inline import parse_inline
from zhengling.gold.loading import load_gold
from zhengling.scheme.labels import LabelScheme
from zhengling.version import VERSION

TEXT = "\U00020bb7林\t" + parse_inline(GOLD, "g").text.replace("\n", "\r\n")


def exported(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks as Label Studio exports them once an annotator has submitted each prediction as it was."""
    return [
        {
            "id": 100 + number,
            "data": task["data"],
            "annotations": [{"id": number, "result": task["predictions"][0]["result"][::-1], "was_cancelled": False}],
            "predictions": [],
        }
        for number, task in enumerate(tasks)
    ]


def test_texts_become_a_project_and_come_back_as_gold(
    tmp_path: Path, model_folder: Path, extractor: Extractor, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(TEXT.encode("gb18030"))
    (tmp_path / "in" / "b.txt").write_bytes(TEXT.replace("\r\n", "\n").encode("utf-8-sig"))
    (tmp_path / "in" / "c.txt").write_bytes(b"")
    out = tmp_path / "label"
    assert main(["label", str(tmp_path / "in"), "--model", str(model_folder), "--output", str(out)]) == 1
    assert f"1 errors: {out / 'config.xml'}, {out / 'tasks.json'}\n" in capsys.readouterr().out
    tasks = json.loads((out / "tasks.json").read_text(encoding="utf-8"))
    assert [task["data"]["text"] for task in tasks] == [TEXT, TEXT.replace("\r\n", "\n")]
    (tmp_path / "export.json").write_text(json.dumps(exported(tasks)), encoding="utf-8")
    gold = tmp_path / "gold"
    assert main(["import", str(tmp_path / "export.json"), "--format", "label-studio", "--output", str(gold)]) == 0
    documents = load_gold([gold])
    assert [document.id for document in documents] == [str(tmp_path / "in" / name) for name in ("a.txt", "b.txt")]
    expected = annotate(extractor, documents)
    assert sum(len(document.slots) for document in expected) > 0
    assert [(d.text, d.paragraphs, d.directives) for d in documents] == [(d.text, d.paragraphs, d.directives) for d in expected]


@pytest.mark.parametrize("output", ["gold", "gold.jsonl"])
def test_answers_become_gold_for_a_text_editor(
    output: str, tmp_path: Path, model_folder: Path, extractor: Extractor, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(TEXT.encode("gb18030"))
    (tmp_path / "in" / "d.txt").write_bytes(b"")
    gold = tmp_path / output
    arguments = ["--format", "gold", "--model", str(model_folder), "--output", str(gold)]
    assert main(["label", str(tmp_path / "in" / "a.txt"), str(tmp_path / "in" / "d.txt"), *arguments]) == 1
    assert f"1 errors; to be corrected: {gold}; start={model_folder} " in capsys.readouterr().out
    (document,) = load_gold([gold])
    assert (document.id, document.text) == (str(tmp_path / "in" / "a.txt"), TEXT)
    (expected,) = annotate(extractor, [document])
    assert (document.paragraphs, document.directives) == (expected.paragraphs, expected.directives)
    assert sum(len(directive.slots) for directive in document.directives) > 0


def test_names_that_gold_cannot_say_or_has_twice_lose_no_answer(
    tmp_path: Path, model_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = tmp_path / "in" / ("某某市人民政府办公室文件汇编" * 3) / ("二〇二三年会议纪要" * 4)
    texts.mkdir(parents=True)
    names = ['a"<b>.txt', "a &b.txt", "a+b.txt", "\udcbb\udce1.txt"]
    for name in names:
        (texts / name).write_bytes(TEXT.encode())
    for output, renamed in ((tmp_path / "gold", 2), (tmp_path / "gold.jsonl", 1)):
        caplog.clear()
        assert (
            main(["label", str(tmp_path / "in"), "--format", "gold", "--model", str(model_folder), "--output", str(output)])
            == 0
        )
        ids = sorted(document.id.replace(f"{texts}/", "") for document in load_gold([output]))
        number = "~2" if output.suffix == "" else ""
        assert ids == sorted(["a &b.txt", f"a+b.txt{number}", "a__b_.txt", r"\xbb\xe1.txt"])
        assert f"{renamed} documents have another id" in caplog.text


def test_corrections_are_not_written_over(tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode())
    for output in ("gold", "gold.jsonl"):
        arguments = [
            "label",
            str(tmp_path),
            "--format",
            "gold",
            "--model",
            str(model_folder),
            "--output",
            str(tmp_path / output),
        ]
        assert main(arguments) == 0
        assert "1 documents" in capsys.readouterr().out
        assert main(arguments) == 2
        assert f"{tmp_path / output} is there and may hold corrections" in capsys.readouterr().err
        assert main(["strip", str(tmp_path / output), "--output", str(tmp_path / "texts")]) == 0
        (text,) = (tmp_path / "texts").iterdir()
        assert text.read_bytes() == TEXT.encode()
        text.unlink()


def test_labels_that_cannot_be_tags_are_told_before_the_model_runs(tmp_path: Path) -> None:
    scheme = LabelScheme(directives=("a",), slots=("单位", "p", "who"), themes=("水 利", "none", "water"))
    with pytest.raises(LabelError, match="cannot be tags: 单位, p, 水 利, none"):
        Drafts(tmp_path / "gold", scheme)
    Drafts(tmp_path / "gold.jsonl", scheme)


def test_predictions_are_as_label_studio_documents_them(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode())
    main(["label", str(tmp_path / "a.txt"), "--model", str(model_folder), "--output", str(tmp_path)])
    task = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))[0]
    prediction = task["predictions"][0]
    assert set(task) == {"data", "predictions"}
    assert prediction["model_version"] == f"{model_folder} {VERSION}"
    places = {result["id"]: (result["value"]["start"], result["value"]["end"]) for result in prediction["result"]}
    tags = {tag.get("name"): tag for tag in ElementTree.parse(tmp_path / "config.xml").getroot()}
    scores = []
    for result in prediction["result"]:
        value = result["value"]
        assert TEXT[value["start"] : value["end"]] == value["text"]
        assert (result["to_name"], places[result["id"]]) == ("text", (value["start"], value["end"]))
        assert set(value[result["type"]]) <= {label.get("value") for label in tags[result["from_name"]]}
        assert tags[result["from_name"]].tag.lower() == result["type"]
        if "parentID" in result:
            outer = places[result["parentID"]]
            assert outer[0] <= value["start"] < value["end"] <= outer[1]
        else:
            assert result["from_name"] in ("paragraph", "themes")
        scores += [result["score"]] if result["from_name"] in ("directive", "slot") else []
    assert scores and prediction["score"] == pytest.approx(sum(scores) / len(scores), abs=1e-4)


def test_the_interface_has_a_tag_for_each_layer() -> None:
    """Tags and attributes as labelstud.io/tags documents them; labels are escaped."""
    scheme = LabelScheme(directives=("a&b",), slots=("<时间>",), themes=("民生",))
    root = ElementTree.fromstring(labelling_config(scheme))
    assert [(tag.tag, tag.get("name"), tag.get("toName"), [child.get("value") for child in tag]) for tag in root[1:]] == [
        ("Labels", "directive", "text", ["a&b"]),
        ("Labels", "slot", "text", ["<时间>"]),
        ("Labels", "paragraph", "text", ["paragraph", "boilerplate"]),
        ("Text", "text", None, []),
        ("Choices", "themes", "text", ["民生"]),
    ]
    assert root[4].get("value") == "$text"
    assert {key: root[5].get(key) for key in ("choice", "perRegion", "visibleWhen", "whenLabelValue")} == {
        "choice": "multiple",
        "perRegion": "true",
        "visibleWhen": "region-selected",
        "whenLabelValue": "paragraph",
    }


def test_make_label_runs_the_command_or_says_what_it_needs() -> None:
    make = ["make", "--dry-run", "--old-file=.venv/.ready", "-C", str(ROOT), "label"]
    shown = subprocess.run([*make, "TEXTS=data/samples"], capture_output=True, text=True, check=True).stdout
    assert "zhengling label data/samples --output out/label" in shown
    refused = subprocess.run(make, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "TEXTS is not set. Expected make label TEXTS=folder" in refused.stderr
    assert "make label " in subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
