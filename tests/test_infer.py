"""The command infer.py, as a user calls it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from zhengling.cluster.engines import MOST_CLEANERS, default_cleaners

SAMPLES = ROOT / "data" / "samples"


def infer(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "infer.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stderr
    return done


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_record_a_document_in_order_and_in_all_forms(tmp_path: Path, model_folder: Path) -> None:
    outputs = [tmp_path / name for name in ("out.jsonl", "out.csv", "out.html")]
    shown = infer(SAMPLES, "--model", model_folder, *(word for out in outputs for word in ("--output", out)), "--table")
    found = records(outputs[0])
    files = sorted(SAMPLES.glob("*.txt"))
    assert [record["source"] for record in found] == [str(path) for path in files]
    assert all(record["error"] is None and record["paragraphs"] for record in found)
    rows = list(csv.DictReader(outputs[1].open(encoding="utf-8", newline="")))
    told = [(r["source"], str(d["start"]), d["text"]) for r in found for d in r["directives"]]
    assert [(row["source"], row["start"], row["text"]) for row in rows if row["kind"]] == told
    page = outputs[2].read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and all(path.name in page for path in files)
    assert f"{len(files)} documents" in shown.stderr and "require" in shown.stderr
    assert not list(tmp_path.glob("*.part"))


def test_processes_that_clean_change_nothing(tmp_path: Path, model_folder: Path) -> None:
    alone, helped = tmp_path / "alone.jsonl", tmp_path / "helped.jsonl"
    infer(SAMPLES, "--model", model_folder, "--output", alone)
    infer(SAMPLES, "--model", model_folder, "--output", helped, "--cleaners", "2")
    assert alone.read_text(encoding="utf-8") == helped.read_text(encoding="utf-8")


def test_a_process_that_cleans_starts_without_torch() -> None:
    """It runs infer.py under this name first."""
    code = (
        f"import runpy, sys; runpy.run_path({str(ROOT / 'infer.py')!r}, run_name='__mp_main__'); print('torch' in sys.modules)"
    )
    code += "; import zhengling.extraction.cleaning; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_gpu_gets_processes_that_clean_and_a_cpu_none() -> None:
    cores = len(os.sched_getaffinity(0))
    assert default_cleaners(torch.device("cpu"), 1) == 0
    assert default_cleaners(torch.device("cuda"), 1) == min(MOST_CLEANERS, cores - 1)
    assert default_cleaners(torch.device("cuda"), cores) == 0


def test_the_record_has_the_fields_of_the_contract(tmp_path: Path, model_folder: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes("\ufeff各村要在月底前查完隐患。\r\n".encode())
    infer(source, "--model", model_folder, "--output", tmp_path / "o.jsonl")
    [record] = records(tmp_path / "o.jsonl")
    contract = {"source", "id", "model", "version", "characters", "paragraphs", "directives", "error"}
    assert contract <= set(record)
    assert (record["source"], record["id"], record["characters"]) == (str(source), None, 14)
    [paragraph] = record["paragraphs"]
    assert (paragraph["start"], paragraph["end"]) == (0, 12)
    assert list(paragraph["scores"]) == ["economy", "safety", "party", "livelihood"]


def test_a_bad_document_is_a_record_and_the_run_goes_on(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / "1-empty.txt").write_bytes(b"")
    (tmp_path / "2-binary.txt").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "3-good.txt").write_text("各村要查完隐患。", encoding="utf-8")
    (tmp_path / "4-blank.txt").write_text(" \n\n", encoding="utf-8")
    infer(tmp_path, "--model", model_folder, "--output", tmp_path / "o.jsonl", status=1)
    found = records(tmp_path / "o.jsonl")
    assert [Path(record["source"]).name[0] for record in found] == ["1", "2", "3", "4"]
    assert [bool(record["error"]) for record in found] == [True, True, False, True]
    assert found[0]["error"] == found[3]["error"] == "the document holds no text"
    assert found[0]["paragraphs"] == found[0]["directives"] == []


def test_a_repair_can_be_left_out_and_all_are_told(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / "a.txt").write_text("各村(cūn)要查完隱患。", encoding="utf-8")
    done = infer(tmp_path / "a.txt", "--model", model_folder, "--output", tmp_path / "o.jsonl", "--off", "glosses", "--verbose")
    [record] = records(tmp_path / "o.jsonl")
    assert {name: count for name, count in record["repairs"].items() if count} == {"traditional": 1}
    assert "a.txt: utf-8; characters touched: traditional 1; places still damaged: 0" in done.stderr


def test_stdout_is_nothing_but_records(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / "a.txt").write_text("各村要查完隐患。", encoding="utf-8")
    done = infer(tmp_path / "*.txt", "--model", model_folder, "--output", "-")
    assert [json.loads(line)["characters"] for line in done.stdout.splitlines()] == [8]


def test_stdout_is_utf8_whatever_the_locale_and_a_full_one_is_told_in_one_line(tmp_path: Path, model_folder: Path) -> None:
    (tmp_path / "文.txt").write_text("各村要查完隐患。", encoding="utf-8")
    command = [sys.executable, str(ROOT / "infer.py"), "文.txt", "--model", str(model_folder), "--output", "-"]
    chinese = {**os.environ, "PYTHONIOENCODING": "gbk"}
    done = subprocess.run(command, capture_output=True, timeout=300, cwd=tmp_path, env=chinese)
    assert json.loads(done.stdout.decode())["source"] == "文.txt"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=300, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == "infer.py: cannot write to standard output: No space left on device"
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.txt", "--output", "o.jsonl"], "input 'nowhere.txt': there is no such file or folder"),
        (["*.nothing", "--output", "o.jsonl"], "names no document"),
        (["a.exe", "--output", "o.jsonl"], "cannot read .exe"),
        (["a.txt", "--output", "o.doc"], "unknown suffix '.doc'. Expected one of: .jsonl .csv .parquet .html"),
        (["a.txt", "--output", "o.jsonl", "--model", "./none"], "no model folder ./none"),
        (["a.txt", "--output", "o.jsonl", "--device", "meta"], "device 'meta' cannot be used: "),
        (["a.txt", "--output", "o.jsonl", "--device", "xpu"], "device 'xpu' cannot be used: "),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, model_folder: Path
) -> None:
    (tmp_path / "a.txt").write_text("各村要查完隐患。", encoding="utf-8")
    (tmp_path / "a.exe").write_bytes(b"")
    model = [] if "--model" in arguments else ["--model", str(model_folder)]
    command = [sys.executable, str(ROOT / "infer.py"), *arguments, *model]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("infer.py: ") and message in done.stderr
    assert "Traceback" not in done.stderr
