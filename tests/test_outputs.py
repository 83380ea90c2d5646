"""Outputs in all forms, and runs that are cut off: neither a lost nor a doubled record."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet as pq
import pytest
from echo import CARRIED, echo, run

from zhengling.errors import OutputError, ReadError
from zhengling.files.columns import Columns, find_columns
from zhengling.files.manifest import load_manifest, manifest_path
from zhengling.files.sinks import open_sink
from zhengling.files.sources import ReadSettings, iter_documents
from zhengling.scheme.labels import DEFAULT_SCHEME

NAMES = ("o.jsonl", "o.csv", "o.parquet", "o.html")
DOCUMENTS = 50
SECONDS = 0.3
"""About how long a run takes that is not killed."""


@pytest.fixture(autouse=True)
def _table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"text": f"各村要查完{n}处隐患。", "id": f"d{n}", "n": n, "kind": "通知"} for n in range(DOCUMENTS)]
    rows[7] = {"text": None, "id": "d7", "n": 7, "kind": "坏"}
    Path("t.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def in_child(act: Callable[[], object]) -> multiprocessing.process.BaseProcess:
    """A process that does it, with exit status 2 for an :class:`OutputError`, whose message it leaves in ``error.txt``."""

    def child() -> None:
        try:
            act()
        except OutputError as error:
            Path("error.txt").write_text(str(error), encoding="utf-8")
            os._exit(2)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    return process


def contents(names: Sequence[str]) -> dict[str, object]:
    return {n: pq.read_table(n).to_pylist() if n.endswith(".parquet") else Path(n).read_bytes() for n in names}


def left() -> set[str]:
    return {path.name for path in Path().iterdir()} - {"t.jsonl", "error.txt"}


def test_all_forms_tell_the_same_and_carry_columns() -> None:
    done = run(["t.jsonl"], NAMES)
    characters = sum(len(f"各村要查完{n}处隐患。") for n in range(DOCUMENTS) if n != 7)
    assert done.summary.counts() == {"documents": DOCUMENTS, "characters": characters, "directives": DOCUMENTS - 1, "errors": 1}
    lines = [json.loads(line) for line in Path("o.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = list(csv.DictReader(io.StringIO(Path("o.csv").read_text(encoding="utf-8"))))
    table = pq.read_table("o.parquet").to_pylist()
    page = Path("o.html").read_text(encoding="utf-8")
    assert [(r["id"], r["error"]) for r in lines] == [(r["id"], r["error"] or None) for r in rows]
    for line, row in zip(lines, table, strict=True):
        assert {"n": row.pop("n"), "kind": row.pop("kind")} == line.pop("columns")
        assert row.pop("repairs") is None or not line["repairs"]
        line.pop("repairs")
        assert row == line
    assert [(r["kind"], r["column_kind"], r["n"]) for r in rows[6:8]] == [("require", "通知", "6"), ("", "坏", "7")]
    assert page.startswith("<!DOCTYPE html>") and page.count("<article") == DOCUMENTS and page.endswith("</html>\n")
    assert left() == {*NAMES, "o.jsonl.manifest.json"}


@pytest.mark.parametrize("names", [*((name,) for name in NAMES), NAMES], ids=" ".join)
def test_killed_at_random_and_gone_on_with_the_outputs_are_those_of_an_unbroken_run(names: Sequence[str]) -> None:
    run(["t.jsonl"], names)
    unbroken = contents(names)
    for path in left():
        Path(path).unlink()
    chance = random.Random(" ".join(names))
    killed = 0
    while killed < 4:
        process = in_child(lambda: run(["t.jsonl"], names, resume=True, pause=SECONDS / DOCUMENTS, commit=0.01))
        time.sleep(chance.uniform(0, SECONDS))
        process.kill()
        process.join()
        killed += 1
    run(["t.jsonl"], names, resume=True)
    assert contents(names) == unbroken
    assert left() == {*names, f"{names[0]}.manifest.json"}


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_stops_in_one_line_and_the_run_goes_on_when_there_is_room(name: str) -> None:
    run(["t.jsonl"], [name])
    unbroken, unbroken_bytes = contents([name]), Path(name).read_bytes()
    for path in left():
        Path(path).unlink()

    def cramped() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(unbroken_bytes) - 200, resource.RLIM_INFINITY))
        run(["t.jsonl"], [name], commit=0.0)

    process = in_child(cramped)
    process.join()
    assert process.exitcode == 2
    error = Path("error.txt").read_text(encoding="utf-8")
    assert error.startswith(f"cannot write {name}")
    assert error.endswith("what is committed stays: make room and go on with --resume")
    assert run(["t.jsonl"], [name], resume=True).resumed > 0
    assert contents([name]) == unbroken


def write_all(columns: Columns) -> None:
    """All outputs of the documents of t.jsonl, with their columns."""
    for name in NAMES:
        sink = open_sink(name, DEFAULT_SCHEME, columns)
        for document in iter_documents(["t.jsonl"], ReadSettings()):
            text = str(document.content)
            sink.write(replace(echo(document, text), columns=document.columns), text)
        sink.commit()
        sink.finish()
        sink.close()


def test_cells_that_are_no_number_or_of_two_types_go_into_all_forms() -> None:
    cells = [
        {"uid": 2**60 + 1, "n": 1, "big": 2**60 + 1, "x": float("nan"), "l": [float("inf"), {"a": 1}]},
        {"uid": 1.5, "n": 2.5, "big": 2, "x": 0.5, "l": None},
    ]
    Path("t.jsonl").write_text("".join(json.dumps({"text": "各村", **row}) + "\n" for row in cells), encoding="utf-8")
    columns = find_columns(["t.jsonl"], ReadSettings())
    assert columns == {"uid": "string", "n": "double", "big": "int64", "x": "double", "l": "string"}
    write_all(columns)
    lines = [json.loads(line, parse_constant=pytest.fail) for line in Path("o.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["columns"] for line in lines] == [{**cells[0], "x": None, "l": [None, {"a": 1}]}, cells[1]]
    first, second = pq.read_table("o.parquet").select(["uid", "n", "big", "l"]).to_pylist()
    assert first == {"uid": str(2**60 + 1), "n": 1.0, "big": 2**60 + 1, "l": '[null, {"a": 1}]'}
    assert second == {"uid": "1.5", "n": 2.5, "big": 2, "l": None}


def test_a_row_of_csv_stays_one_whatever_line_ends_and_names_its_cells_have() -> None:
    row = {"text": "各村\r要查", "error": "a\rb", "column_error": "c\n", "column_column_error": "d\r\n"}
    Path("t.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    columns = find_columns(["t.jsonl"], ReadSettings())
    write_all(columns)
    [read] = csv.DictReader(io.StringIO(Path("o.csv").read_bytes().decode(), newline=""))
    assert read["text"] == row["text"]
    told = {"column_column_column_error": "a\rb", "column_error": "c\n", "column_column_error": "d\r\n"}
    assert {name: read[name] for name in told} == told
    assert pq.read_table("o.parquet").select(list(told)).to_pylist()[0] == told
    assert Path("o.csv").read_bytes().count(b"\r\n") == 1


def cut_off(names: Sequence[str], inputs: Sequence[str] = ("t.jsonl",)) -> None:
    """A run that is stopped after its first commits."""
    process = in_child(lambda: run(inputs, names, pause=0.01, commit=0.0))
    while (manifest := load_manifest(manifest_path(names[0]))) is None or not (
        manifest.state == "running" and manifest.counts["documents"] >= 3
    ):
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()


def test_names_that_are_not_utf8_go_into_all_forms_and_the_manifest() -> None:
    folder = os.fsdecode("报告".encode("gbk"))
    Path(folder).mkdir()
    Path("t.jsonl").rename(f"{folder}/t.jsonl")
    outputs = [f"{folder}/{name}" for name in NAMES]
    run([f"{folder}/t.jsonl"], outputs)
    assert run([f"{folder}/t.jsonl"], outputs, resume=True).finished
    table = pq.read_table(io.BytesIO(Path(outputs[2]).read_bytes()))
    assert table.column("source")[0].as_py() == r"\xb1\xa8\xb8\xe6/t.jsonl:1"


def test_what_is_committed_is_usable() -> None:
    cut_off(["o.jsonl"])
    manifest = json.loads(Path("o.jsonl.manifest.json").read_text(encoding="utf-8"))
    committed = Path("o.jsonl.part").read_bytes()[: manifest["sinks"]["o.jsonl"]]
    assert [json.loads(line)["id"] for line in committed.splitlines()] == [
        f"d{n}" for n in range(manifest["counts"]["documents"])
    ]


def test_a_run_that_was_cut_off_is_not_written_over_by_mistake() -> None:
    cut_off(["o.csv"])
    with pytest.raises(OutputError, match=r"o.csv.manifest.json tells of a run that is not finished \(\d+ documents done\)"):
        run(["t.jsonl"], ["o.csv"])


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"model": "other"}, "model was 'echo', is 'other'"),
        ({"weights": "1"}, "weights was '0', is '1'"),
        ({"precision": "bf16"}, "options precision was 'fp32', is 'bf16'"),
        ({"runtime": "onnx"}, "options runtime was 'torch', is 'onnx'"),
    ],
)
def test_another_model_does_not_go_on(about: dict[str, str], message: str) -> None:
    cut_off(["o.jsonl"])
    with pytest.raises(OutputError) as caught:
        run(["t.jsonl"], ["o.jsonl"], resume=True, **about)
    assert f"{message}. Expected" in str(caught.value) and "\n" not in str(caught.value)


def test_another_version_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(["o.jsonl"])
    monkeypatch.setattr("zhengling.files.options.VERSION", "2")
    with pytest.raises(OutputError, match=r"version was '.*', is '2'\. Expected"):
        run(["t.jsonl"], ["o.jsonl"], resume=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text-column", "kind"], "options text_column was 'text', is 'kind'. Expected"),
        (["--id-column", "n"], "options id_column was None, is 'n'. Expected"),
        (["--encoding", "gb18030"], "options encoding was None, is 'gb18030'. Expected"),
        (["--date", "2023-03-10"], "options date was None, is '2023-03-10'. Expected"),
        (["--off", "marks", "--off", "forms"], "options off was [], is ['forms', 'marks']. Expected"),
    ],
)
def test_other_options_do_not_go_on(options: list[str], message: str) -> None:
    cut_off(["o.jsonl"])
    with pytest.raises(OutputError) as caught:
        run(["t.jsonl"], ["o.jsonl"], *options, resume=True)
    assert message in str(caught.value)
    assert run(["t.jsonl"], ["o.jsonl"], "--device", "cuda:1", "--commit", "1", resume=True).summary.documents == DOCUMENTS


def test_changed_inputs_do_not_go_on() -> None:
    cut_off(["o.jsonl"])
    with Path("t.jsonl").open("a", encoding="utf-8") as table:
        table.write('{"text": "一"}\n')
    with pytest.raises(OutputError, match=r"inputs size was .* inputs digest was"):
        run(["t.jsonl"], ["o.jsonl"], resume=True)


def test_a_finished_run_has_nothing_left_to_do_and_a_new_one_writes_over_it() -> None:
    run(["t.jsonl"], NAMES)
    before = {name: Path(name).stat().st_mtime_ns for name in left()}
    again = run(["t.jsonl"], NAMES, resume=True)
    assert again.finished and again.summary.documents == DOCUMENTS
    assert {name: Path(name).stat().st_mtime_ns for name in left()} == before
    Path("t.jsonl").write_text('{"text": "各村"}\n', encoding="utf-8")
    assert run(["t.jsonl"], NAMES).summary.documents == 1
    assert pq.read_table("o.parquet").num_rows == 1


@pytest.mark.parametrize("placed", [(), NAMES[:1], NAMES[2:3], NAMES])
def test_a_run_killed_while_its_outputs_are_put_in_place_puts_the_others_there(placed: Sequence[str]) -> None:
    run(["t.jsonl"], NAMES)
    unbroken = contents(NAMES)
    for path in left():
        Path(path).unlink()
    run(["t.jsonl"], NAMES, place=False)
    manifest = load_manifest(Path("o.jsonl.manifest.json"))
    assert manifest is not None and manifest.state == "complete"
    for name in placed:
        open_sink(name, DEFAULT_SCHEME, CARRIED, manifest.sinks[name]).finish()
    Path("o.parquet.part.gone").mkdir()  # and killed while the parts were being removed
    assert run(["t.jsonl"], NAMES, resume=True).resumed == DOCUMENTS
    assert contents(NAMES) == unbroken
    assert left() == {*NAMES, "o.jsonl.manifest.json"}


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_do_not_write_one_output(name: str) -> None:
    process = in_child(lambda: run(["t.jsonl"], [name], pause=0.05, commit=0.0))
    while not Path(f"{name}.manifest.json").exists():
        time.sleep(0.01)
    with pytest.raises(OutputError, match=f"^{name} is being written by another run"):
        run(["t.jsonl"], [name], resume=True)
    process.kill()
    process.join()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["o.doc"], "unknown suffix '.doc'. Expected one of: .jsonl .csv .parquet .html"),
        (["o.csv", "o.csv"], "an output is named twice"),
        (["o.csv", "./o.csv"], "an output is named twice"),
        (["folder.jsonl"], "output 'folder.jsonl' is a folder. Expected the name of a file"),
        (["o.csv", "-"], "--resume cannot go on with standard input or output"),
    ],
)
def test_outputs_that_cannot_be(names: list[str], message: str) -> None:
    Path("folder.jsonl").mkdir()
    with pytest.raises(OutputError, match=message):
        run(["t.jsonl"], names, resume=True)


def ids(name: str) -> list[tuple[str, str | None]]:
    """Of JSON lines or Parquet: the sources and ids of the records."""
    parquet = name.endswith(".parquet")
    rows = pq.read_table(name).to_pylist() if parquet else map(json.loads, Path(name).read_text(encoding="utf-8").splitlines())
    return [(row["source"], row["id"]) for row in rows]


def test_parts_in_an_input_folder_are_no_inputs() -> None:
    Path("q").mkdir()
    for n in range(13):
        Path(f"q/{n:02}.txt").write_text(f"各村要查完{n}处隐患。", encoding="utf-8")
    Path("q/o.parquet.part.gone").mkdir()
    Path("q/o.parquet.part.gone/00000000.parquet").write_bytes(b"PAR1")
    cut_off(["q/o.parquet"], ["q"])
    assert list(Path("q/o.parquet.part").iterdir())
    assert run(["q"], ["q/o.parquet"], commit=0.0, resume=True).summary.counts()["errors"] == 0
    assert ids("q/o.parquet") == [(f"q/{n:02}.txt", None) for n in range(13)]


def write_as_before(path: Path, content: bytes, mtime: int) -> None:
    """Nothing but reading the file tells that it has changed, as when a share comes and goes."""
    path.write_bytes(content)
    os.utime(path, ns=(mtime, mtime))


def test_a_table_that_can_be_read_again_shifts_nothing() -> None:
    table = Path("a.parquet")
    pq.write_table(pyarrow.table({"text": [f"各镇要查完{n}处隐患。" for n in range(9)]}), table)
    readable, mtime = table.read_bytes(), table.stat().st_mtime_ns
    write_as_before(table, bytes(len(readable)), mtime)
    cut_off(["o.jsonl"], ["a.parquet", "t.jsonl"])
    write_as_before(table, readable, mtime)
    assert run(["a.parquet", "t.jsonl"], ["o.jsonl"], resume=True).summary.errors == 2
    assert ids("o.jsonl") == [("a.parquet", None), *((f"t.jsonl:{n + 1}", f"d{n}") for n in range(DOCUMENTS))]


def test_a_table_that_cannot_be_read_again_is_waited_for() -> None:
    table = Path("a.parquet")
    pq.write_table(pyarrow.table({"text": [f"各镇要查完{n}处隐患。" for n in range(DOCUMENTS)]}), table)
    readable, mtime = table.read_bytes(), table.stat().st_mtime_ns
    cut_off(["o.jsonl"], ["a.parquet", "t.jsonl"])
    write_as_before(table, bytes(len(readable)), mtime)
    with pytest.raises(ReadError, match=r"^a\.parquet:\d+ is not there to go on behind: cannot read a\.parquet"):
        run(["a.parquet", "t.jsonl"], ["o.jsonl"], resume=True)
    write_as_before(table, readable, mtime)
    run(["a.parquet", "t.jsonl"], ["o.jsonl"], resume=True)
    rows = [(f"a.parquet:{n + 1}", None) for n in range(DOCUMENTS)]
    assert ids("o.jsonl") == [*rows, *((f"t.jsonl:{n + 1}", f"d{n}") for n in range(DOCUMENTS))]


def test_a_run_of_an_earlier_version_that_did_not_name_its_last_document_is_refused() -> None:
    cut_off(["o.jsonl"])
    manifest = Path("o.jsonl.manifest.json")
    told = json.loads(manifest.read_text(encoding="utf-8"))
    assert told.pop("last") == f"t.jsonl:{told['counts']['documents']}" and told.pop("sizes") == {}
    manifest.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(OutputError, match=r"o\.jsonl\.manifest\.json is of an earlier version"):
        run(["t.jsonl"], ["o.jsonl"], resume=True)


def test_a_run_over_names_that_are_not_utf_8_goes_on() -> None:
    names = [os.fsdecode(f"通知{n}.{'jsonl' if n == 2 else 'txt'}".encode("gbk")) for n in range(9)]
    for name in names:
        Path(name).write_text('{"text": "各村"}\n' * 5, encoding="utf-8")
    run(names, ["o.jsonl"])
    unbroken = contents(["o.jsonl"])
    cut_off(["o.jsonl"], names)
    run(names, ["o.jsonl"], resume=True)
    assert contents(["o.jsonl"]) == unbroken


@pytest.mark.parametrize("second", ["b.csv", "b.parquet", "out/b.html"])
def test_a_second_output_is_not_written_by_another_run_before_the_first_one_is_finished(second: str) -> None:
    Path("out").mkdir()
    run(["t.jsonl"], ["a.jsonl", second])
    unbroken = contents(["a.jsonl", second])
    cut_off(["a.jsonl", second])
    Path("u.jsonl").write_text('{"text": "各村"}\n', encoding="utf-8")
    for names in ([second], ["c.jsonl", second]):
        for resume in (False, True):
            with pytest.raises(OutputError, match=rf"a\.jsonl\.manifest\.json tells of a run .* and writes {second}\. Go on"):
                run(["u.jsonl"], names, resume=resume)
    run(["t.jsonl"], ["a.jsonl", second], resume=True)
    assert contents(["a.jsonl", second]) == unbroken
    run(["u.jsonl"], [second])
    run(["t.jsonl"], ["a.jsonl", second], place=False)
    with pytest.raises(OutputError, match=rf"a\.jsonl\.manifest\.json tells of a run .* and writes {second}\. Go on"):
        run(["u.jsonl"], [second])
    Path("a.jsonl.manifest.json").unlink()  # which is how a run is given up
    assert run(["u.jsonl"], [second]).summary.documents == 1
    assert not Path(f"{second}.lock").exists()


@pytest.mark.parametrize("other", [["-"], ["u.jsonl"]])
def test_a_finished_run_is_forgotten_when_another_one_writes_its_output(
    other: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("各镇".encode())))
    Path("u.jsonl").write_text('{"text": "各镇"}\n', encoding="utf-8")
    run(["t.jsonl"], ["o.jsonl"])
    run(other, ["o.jsonl"] if other == ["-"] else ["p.jsonl", "o.jsonl"])
    assert len(ids("o.jsonl")) == 1
    assert not run(["t.jsonl"], ["o.jsonl"], resume=True).resumed
    assert len(ids("o.jsonl")) == DOCUMENTS


def test_a_finished_run_whose_outputs_are_not_what_it_wrote_is_not_called_finished() -> None:
    run(["t.jsonl"], ["a.jsonl", "b.csv"])
    size = Path("b.csv").stat().st_size
    Path("b.csv").write_bytes(bytes(size + 1))
    with pytest.raises(OutputError, match=rf"b\.csv has {size + 1} bytes\. Expected what the run of a\.jsonl\.manifest\.json"):
        run(["t.jsonl"], ["a.jsonl", "b.csv"], resume=True)
    Path("b.csv").write_bytes(bytes(size))
    assert run(["t.jsonl"], ["a.jsonl", "b.csv"], resume=True).finished
    Path("a.jsonl").unlink()
    with pytest.raises(OutputError, match=r"a\.jsonl is not there"):
        run(["t.jsonl"], ["a.jsonl", "b.csv"], resume=True)


def test_an_output_that_was_put_in_place_and_is_gone_ends_no_run() -> None:
    run(["t.jsonl"], ["o.jsonl"], place=False)
    Path("o.jsonl.part").unlink()
    with pytest.raises(OutputError, match=r"o\.jsonl is not there"):
        run(["t.jsonl"], ["o.jsonl"], resume=True)
