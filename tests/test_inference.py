"""infer.py and what goes on around it, in this process: the commands of docs/inference.md, tables, values, going on."""

from __future__ import annotations

import datetime
import io
import json
import re
import shlex
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import GOLD, ROOT
from making import docx, pdf

from zhengling.cli import main as zhengling
from zhengling.cluster.command import main as run_infer
from zhengling.extraction.fingerprint import fingerprint
from zhengling.extraction.records import DirectiveRecord, Record, SlotRecord
from zhengling.extraction.valuing import with_own_date, with_values
from zhengling.gold.inline import parse_inline
from zhengling.values.targets import target_value
from zhengling.values.times import time_value

TEXT = parse_inline(GOLD, "gold").text
DOCS = (ROOT / "docs" / "inference.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, block in BLOCKS if not language for line in block.splitlines()]


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reports").mkdir()
    lines = TEXT.split("\n")
    Path("reports/a.txt").write_text(TEXT, encoding="gb18030", newline="")
    Path("reports/b.html").write_text("".join(f"<p>{line}</p>" for line in lines), encoding="utf-8")
    Path("reports/c.docx").write_bytes(docx("".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in lines)))
    Path("reports/d.pdf").write_bytes(pdf(lines))
    rows = "".join(f'{n},"{TEXT}",通知\n' for n in range(3))
    Path("table.csv").write_text("编号,正文,类别\n" + rows, encoding="gb18030", newline="")


def infer(*arguments: object) -> int:
    return run_infer([str(argument) for argument in arguments], "")


def records(name: str) -> list[dict]:
    return [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]


def test_the_commands_of_the_documentation_run(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in COMMANDS:
        called, _, given = command.partition(" < ")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(given).read_bytes() if given else b"")))
        program, *words = shlex.split(called)
        if program == ".venv/bin/zhengling":
            assert zhengling(words) == 0, capsys.readouterr().err
        else:
            assert [program, words.pop(0)] == [".venv/bin/python", "infer.py"]
            model = [] if "--model" in words else ["--model", model_folder]
            assert infer(*words, *model) == 0, capsys.readouterr().err
    shown = capsys.readouterr()
    assert [json.loads(line)["source"] for line in shown.out.splitlines() if line.startswith("{")] == ["-"]
    assert re.search(r"7 records \(0 errors\), \d+ spans looked up, 0 wrong", shown.out)
    assert "this run is finished, nothing is left to do" in shown.err
    ids = [(r["source"], r["id"], r.get("columns")) for r in records("out/checked.jsonl")]
    assert ids[3:5] == [("reports/d.pdf", None, None), ("table.csv:1", None, {"编号": "0", "类别": "通知"})]
    assert {path.name for path in Path("out/texts/reports").iterdir()} == {"b.html.txt", "c.docx.txt", "d.pdf.txt"}
    assert Path("out/texts/reports/d.pdf.txt").read_bytes().decode() == TEXT.removesuffix("\n")
    assert [(row["source"], row["id"], row["类别"]) for row in pq.read_table("out/all.parquet").to_pylist()] == [
        ("reports/a.txt", None, None),
        *((f"table.csv:{n + 1}", str(n), "通知") for n in range(3)),
    ]


def test_the_values_of_the_documentation_are_those_that_are_given() -> None:
    table = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", DOCS.partition("## Values")[2], re.M)
    assert len(table) == 9
    for text, value in table:
        told = json.loads(value)
        given = time_value(text, datetime.date(2023, 3, 10)) if told and "type" in told else target_value(text)
        assert given == told, text


def test_slots_have_values_by_the_date_that_the_document_gives_itself() -> None:
    kinds = (("time", "6月底前"), ("target", "120处"), ("agent", "6月底前"))
    slots = [SlotRecord(kind=kind, start=0, end=1, text="", clean=text, score=1.0) for kind, text in kinds]
    directive = DirectiveRecord(start=0, end=1, kind="require", score=1.0, paragraph=0, text="", clean="", slots=slots)
    record = Record(source="a", model="m", version="1", directives=[directive])
    valued = with_own_date(record, "通知\n2023年3月10日\n")
    assert [slot.value for slot in valued.directives[0].slots] == [
        {"type": "deadline", "start": None, "end": "2023-06-30"},
        {"comparator": "=", "number": 120.0, "unit": "处"},
        None,
    ]
    [later] = with_values(valued, datetime.date(2024, 3, 10)).directives
    assert later.slots[0].value == {"type": "deadline", "start": None, "end": "2024-06-30"}
    assert Record.from_dict(valued.as_dict()) == valued


def test_a_model_with_other_weights_does_not_go_on(
    model_folder: Path, make_extractor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer("reports", "--output", "o.jsonl", "--model", model_folder) == 0
    make_extractor(seed=1).model.save_pretrained(model_folder)
    assert infer("reports", "--output", "o.jsonl", "--model", model_folder, "--resume") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("infer.py: --resume: this is another run than that of o.jsonl.manifest.json: weights was ")


def test_the_fingerprint_is_that_of_weights_and_configuration(make_extractor) -> None:
    same, other = make_extractor(), make_extractor(thresholds={"boilerplate": 0.5})
    assert fingerprint(same) == fingerprint(make_extractor()) != fingerprint(other)
    assert fingerprint(make_extractor(seed=1)) != fingerprint(same)


def test_a_summary_tells_where_the_time_went_and_dates_are_checked(
    model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer("reports", "--output", "o.jsonl", "--model", model_folder, "--progress", "--date", "2023-03-10") == 0
    shown = capsys.readouterr().err
    assert re.search(r"4 documents, [\d,]+ characters/s", shown)
    assert re.search(r"reading [\d.]+ s, cleaning [\d.]+ s, model [\d.]+ s, decoding [\d.]+ s, writing [\d.]+ s", shown)
    with pytest.raises(SystemExit):
        infer("reports", "--output", "o.jsonl", "--date", "someday")
    assert "'someday' is no date. Expected one such as 2023-08-14" in capsys.readouterr().err
