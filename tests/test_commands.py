"""The command ``zhengling``, the README's tables, and what the Makefile promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GOLD, ROOT
from test_infer import infer

from zhengling.cli import main
from zhengling.gold.inline import parse_inline


def test_texts_stripped_run_and_looked_up(tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g.xml").write_text(GOLD.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert main(["strip", str(tmp_path / "g.xml"), "--output", str(tmp_path / "texts")]) == 0
    text = parse_inline(GOLD, "g").text.replace("\n", "\r\n")
    assert (tmp_path / "texts" / "g.txt").read_bytes().decode() == text
    infer(tmp_path / "texts", "--model", model_folder, "--output", tmp_path / "o.jsonl")
    assert main(["verify", str(tmp_path / "o.jsonl")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("spans looked up, 0 wrong")


def test_a_span_that_moved_is_found(tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(parse_inline(GOLD, "g").text, encoding="utf-8")
    infer(tmp_path / "a.txt", "--model", model_folder, "--output", tmp_path / "o.jsonl")
    record = json.loads((tmp_path / "o.jsonl").read_text(encoding="utf-8"))
    record["directives"][0]["text"] += "？"
    (tmp_path / "o.jsonl").write_text(json.dumps(record), encoding="utf-8")
    assert main(["verify", str(tmp_path / "o.jsonl")]) == 2
    shown = capsys.readouterr()
    assert "says" in shown.out and "1 spans of" in shown.err


def test_a_text_with_broken_bytes_is_looked_up_and_a_source_that_is_gone_is_counted(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = parse_inline(GOLD, "g").text.encode()
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_bytes(text + text[:-2])
    infer(tmp_path / "*.txt", "--model", model_folder, "--output", tmp_path / "o.jsonl")
    assert main(["verify", str(tmp_path / "o.jsonl")]) == 0
    (tmp_path / "b.txt").unlink()
    assert main(["verify", str(tmp_path / "o.jsonl")]) == 2
    shown = capsys.readouterr()
    both = re.findall(r"3 records \(0 errors\), (\d+) spans looked up, 0 wrong(.*)", shown.out)
    assert [int(spans) / 3 for spans, _ in both[:1]] == [int(spans) / 2 for spans, _ in both[1:]]
    assert [gone for _, gone in both] == ["", ", 1 sources cannot be read"]
    assert f"cannot read the source {tmp_path}/b.txt" in shown.out and "1 sources of" in shown.err


def test_evaluation_prints_the_table_and_writes_it(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "g.xml").write_text(GOLD, encoding="utf-8")
    arguments = ["evaluate", str(tmp_path / "g.xml"), "--model", str(model_folder), "--output", str(tmp_path / "e.json")]
    assert main(arguments) == 0
    written = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    shown = capsys.readouterr().out
    assert all(f"| {name} |" in shown for name in written["figures"])
    assert written["signature"]["documents"] == 1


def test_two_annotators_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, raw in (("a", GOLD), ("b", GOLD.replace('k="prohibit"', 'k="require"').replace("economy livelihood", "economy"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "g.xml").write_text(raw, encoding="utf-8")
    assert main(["agree", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    shown = capsys.readouterr().out
    assert "| directives exact | 100.0 |" in shown
    assert "| kind accuracy | 66.7 |" in shown
    assert "| theme livelihood | 0.0 |" in shown


def test_texts_that_differ_cannot_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, raw in (("a", GOLD), ("b", GOLD.replace("120", "121"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "g.xml").write_text(raw, encoding="utf-8")
    assert main(["agree", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert capsys.readouterr().err.endswith("cannot be compared: the texts of g differ\n")


def test_broken_gold_is_told_in_one_line(tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g.xml").write_text('<p t="none">甲', encoding="utf-8")
    assert main(["evaluate", str(tmp_path), "--model", str(model_folder)]) == 2
    assert capsys.readouterr().err == "zhengling: g, line 1: <p> is never closed\n"


def test_the_readme_shows_the_figures_that_commands_wrote() -> None:
    subprocess.run([sys.executable, str(ROOT / "benchmarks" / "readme.py"), "--check"], check=True)


def test_make_prints_its_targets() -> None:
    shown = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    assert all(f"make {target} " in shown for target in ("demo", "test", "train", "evaluate", "pretrain", "lint"))


def test_reading_text_needs_no_torch() -> None:
    code = "import sys, zhengling.text, zhengling.gold.inline, zhengling.scheme.bio; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
