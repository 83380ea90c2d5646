"""More than one process: actors on a Ray cluster of two nodes, and accelerate launch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import ROOT

from zhengling.cluster.chunks import by_number, by_size
from zhengling.errors import ModelError, ReadError
from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.extraction.records import Record
from zhengling.files.sources import SourceDocument

SENTENCES = "会议强调，各镇要在6月底前完成第{0}批隐患排查。不得漏报。我们将投入{0}万元，推进“{0}号工程”建设。\n"
SMALL_GROUPS = [
    sys.executable, "-c",
    "import sys; import zhengling.cluster.ray_engine as engine; engine.CPU_BUFFER = 3000; "
    "from zhengling.cluster.command import main; sys.exit(main(sys.argv[2:], ''))",
]  # fmt: skip
"""infer.py, but that a few documents make a group, so that many are on their way at once."""
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]


def documents(number: int, paragraphs: int) -> list[SourceDocument]:
    return [
        SourceDocument(f"d{n}", "".join(SENTENCES.format(n * paragraphs + i) for i in range(1 + n % paragraphs)), id=str(n))
        for n in range(number)
    ]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.jsonl"
    rows = [{"text": each.content, "id": each.id, "n": number} for number, each in enumerate(documents(200, 5))]
    rows[77]["text"] = None
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def local(table: Path, model_folder: Path, tmp_path: Path) -> str:
    """What the local engine writes of the table."""
    place = tmp_path / "local.jsonl"
    wait(infer(table, "--model", model_folder, "--output", place), status=1)
    return place.read_text(encoding="utf-8")


def infer(*arguments: object, launch: list[str] | None = None, **environment: str) -> subprocess.Popen[str]:
    command = [*(launch or [sys.executable]), str(ROOT / "infer.py"), *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def wait(process: subprocess.Popen[str], status: int = 0) -> str:
    _, said = process.communicate(timeout=300)
    assert process.returncode == status, said
    return said


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes on this machine."""
    pytest.importorskip("ray", reason="needs the extra ray")
    import ray
    from ray.cluster_utils import Cluster

    try:
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        made.add_node(num_cpus=1)
        ray.init(address=made.address, log_to_driver=False)
    except (OSError, RuntimeError, TimeoutError, ray.exceptions.RayError) as error:  # no shared memory, no own address, …
        pytest.skip(f"Ray cannot start two nodes on this machine: {error}")
    yield made
    ray.shutdown()
    made.shutdown()


def actors() -> list[psutil.Process]:
    """The processes of actors on the nodes of this test's cluster."""
    return [each for each in psutil.Process().children(recursive=True) if " ".join(each.cmdline()).startswith("ray::MapWorker")]


def parts(value: Any) -> tuple[Any, list[float]]:
    """A record without its scores, and these: their fourth decimal hangs on the windows that share a batch."""
    if isinstance(value, float):
        return None, [value]
    if isinstance(value, dict | list):
        found = [parts(each) for each in (value.values() if isinstance(value, dict) else value)]
        bare = [each for each, _ in found]
        return dict(zip(value, bare, strict=True)) if isinstance(value, dict) else bare, [x for _, more in found for x in more]
    return value, []


def same(found: list[Record], expected: list[Record]) -> bool:
    (one, scores), (other, wanted) = (parts([record.as_dict() for record in records]) for records in (found, expected))
    return one == other and len(scores) > 1000 and scores == pytest.approx(wanted, abs=2e-4)


def test_no_record_is_lost_or_doubled_when_an_actor_is_killed(cluster: Any, model_folder: Path) -> None:
    from zhengling.cluster.ray_engine import ActorSettings, RayEngine

    given = documents(200, 12)
    extractor = load(model_folder, device="cpu")
    expected = [record for _, record, _ in Engine(extractor).records(given)]
    engine = RayEngine(ActorSettings(model=str(model_folder), device="cpu"), extractor, actors=2, group=3000)
    found, killed = [], []
    for document, record, text in engine.records(given):
        assert text == given[len(found)].content and document.id == str(len(found))
        found.append(record)
        if len(found) == 20:
            killed = actors()[:1]
            killed[0].send_signal(signal.SIGKILL)
    assert same(found, expected)
    assert killed and not killed[0].is_running()
    assert engine.stats.documents == 200 and engine.stats.windows > 0 and engine.stats.model > 0


def test_no_record_is_lost_or_doubled_when_a_node_is_lost(cluster: Any, model_folder: Path) -> None:
    """The raylet of a node and all that it started are killed; its actor has room again on a node that joins."""
    from zhengling.cluster.ray_engine import ActorSettings, RayEngine

    def working() -> list[Any]:
        raylets = {node: node.all_processes["raylet"][0].process.pid for node in cluster.worker_nodes}
        return [node for node, pid in raylets.items() if {each.pid for each in actors()} & _below(pid)]

    given = documents(200, 12)
    extractor = load(model_folder, device="cpu")
    expected = [record for _, record, _ in Engine(extractor).records(given)]
    engine = RayEngine(ActorSettings(model=str(model_folder), device="cpu"), extractor, actors=2, group=3000)
    found = []
    for document, record, _ in engine.records(given):
        assert document.id == str(len(found))
        found.append(record)
        if len(found) == 20:
            cluster.remove_node(working()[0], allow_graceful=False)
            assert not cluster.worker_nodes
            cluster.add_node(num_cpus=1)
    assert same(found, expected)


def _below(pid: int) -> set[int]:
    return {each.pid for each in psutil.Process(pid).children(recursive=True)}


class Unreadable(list[SourceDocument]):
    """Documents that cannot be read to their end."""

    def __iter__(self) -> Iterator[SourceDocument]:
        yield from documents(2, 2)
        raise ReadError("the disk is gone")


def test_what_goes_wrong_elsewhere_is_told_as_here(cluster: Any, extractor: Extractor, tmp_path: Path) -> None:
    from zhengling.cluster.ray_engine import ActorSettings, RayEngine

    engine = RayEngine(ActorSettings(model=str(tmp_path / "nothing"), device="cpu"), extractor, actors=1)
    with pytest.raises(ModelError, match=r"cannot be started: .*no model folder"):
        list(engine.records(documents(3, 2)))
    with pytest.raises(ReadError, match="the disk is gone"):
        list(RayEngine(ActorSettings(device="cpu"), load(device="cpu"), actors=1).records(Unreadable()))


def test_a_killed_run_on_ray_goes_on_and_writes_what_the_local_engine_writes(
    cluster: Any, table: Path, local: str, model_folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "ray.jsonl"
    more = ("--model", model_folder, "--engine", "ray", "--actors", "2", "--commit", "0", "--output", place)
    process = infer(table, *more, launch=SMALL_GROUPS, RAY_ADDRESS=cluster.address)
    part = place.with_name("ray.jsonl.part")
    deadline = time.monotonic() + 200
    while not part.exists() or part.stat().st_size < 2000:
        assert process.poll() is None and time.monotonic() < deadline, process.stderr and process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    said = wait(infer(table, *more, "--resume", launch=SMALL_GROUPS, RAY_ADDRESS=cluster.address), status=1)
    assert "200 documents" in said and "1 errors" in said
    assert place.read_text(encoding="utf-8") == local


def test_the_processes_of_a_launch_write_what_one_writes(table: Path, local: str, model_folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "two.jsonl"
    more = ("--model", model_folder, "--output", place, "--output", tmp_path / "two.csv", "--verbose", "--commit", "0")
    process = infer(table, *more, launch=LAUNCH, OMP_NUM_THREADS="1")
    cleaned = []
    assert process.stderr
    for line in process.stderr:  # both processes tell of each document that they clean
        cleaned += [line.partition(": ")[0]] if line.startswith(f"{table}:") and "touched" in line else []
        if place.with_name("two.jsonl.part").exists() and place.with_name("two.jsonl.part").stat().st_size > 20_000:
            break
    for part in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        part.kill()  # the launcher gives each process a session of its own
    process.communicate()
    assert not place.exists() and cleaned
    process = infer(table, *more, "--resume", launch=LAUNCH, OMP_NUM_THREADS="1")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1 and said.count("200 documents") == 1 and said.count("1 errors, by 2 processes") == 1, said
    again = [line.partition(": ")[0] for line in said.splitlines() if line.startswith(f"{table}:") and "touched" in line]
    assert 70 < len(again) < 200 and len(set(again)) == len(again)  # each process cleans its own documents
    assert place.read_text(encoding="utf-8") == local


def test_groups_end_where_they_are_full() -> None:
    given = [SourceDocument(f"d{size}", "要" * size) for size in (0, 1, 5, 3, 2, 9, 1)]
    sizes = [[len(each.content) for each in group] for group in by_size(given, 6)]
    assert sizes == [[0, 1, 5], [3, 2], [9], [1]]
    assert list(by_number(iter("abcde"), 2)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(by_size([], 10)) == list(by_number(iter(""), 2)) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-", "--engine", "ray"], "standard input can be read by one process only"),
        ([".", "--actors", "2"], "--actors 2 with --engine local"),
        ([".", "--engine", "ray", "--actors", "0"], "--actors 0 with --engine ray"),
        ([".", "--cleaners", "-1"], "--cleaners -1 with --engine local"),
        ([".", "--engine", "ray", "--cleaners", "2"], "--cleaners 2 with --engine ray"),
        ([".", "--engine", "ray", "--device", "cuda:1"], "--device cuda:1 with --engine ray"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: list[str], told: str, tmp_path: Path) -> None:
    process = infer(*options, "--output", tmp_path / "o.jsonl")
    assert told in wait(process, status=2)
