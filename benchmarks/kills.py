"""Kill batch runs at random times, go on with them, and count the records that were lost or doubled.

Run:    make bench-kills [ARGS="--kills 50 --documents 60 --interval 0.02"]
Reads:  data/samples, cut into rows of a table
Writes: benchmarks/kills.json
Each run is a process of its own with the code of infer.py and a tiny model, killed by SIGKILL. One that is gone on with and
killed again until it ends is compared, row by row, with a run that nobody killed.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import platform
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.fingerprint import fingerprint
from zhengling.files.batch import run_batch
from zhengling.files.inputs import Inputs
from zhengling.files.manifest import load_manifest, manifest_path
from zhengling.files.options import parse, plan, read_settings
from zhengling.files.outputs import Outputs, written_by
from zhengling.files.sinks import SUFFIXES
from zhengling.files.sources import iter_documents
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.encoders import EncoderSettings, new_encoder_config
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.version import VERSION

ROOT = Path(__file__).parent.parent
BUFFER = 1000
"""Characters that the engine takes at a time: so few that a run has many commits."""


@dataclass
class Count:
    """What came of the kills of one kind of output."""

    kills: int = 0
    runs: int = 0
    """Runs that came to their end."""
    lost: int = 0
    doubled: int = 0
    committed: list[int] = field(default_factory=list)
    """Documents that were committed at each kill."""

    def as_dict(self) -> dict[str, Any]:
        """For the file; of the commits the least, the median and the most."""
        spread = (min(self.committed), statistics.median(self.committed), max(self.committed))
        return {**vars(self), "committed": dict(zip(("least", "median", "most"), spread, strict=True))}


def tiny_extractor(texts: Sequence[str]) -> Extractor:
    """Two layers of eight dimensions, random weights wide enough to find directives."""
    torch.manual_seed(0)
    tokenizer = character_tokenizer(count_characters(texts), 2000)
    shape = EncoderSettings(layers=2, width=8, inner=12, heads=2, local_attention=8)
    config = ZhenglingConfig(encoder=new_encoder_config(shape, tokenizer), thresholds={"boilerplate": 1.1})
    model = ZhenglingModel(config)
    torch.nn.init.normal_(model.directive_head.classifier.weight, std=2.0)
    return Extractor(model, tokenizer, name="tiny")


def write_table(path: Path, documents: int) -> list[str]:
    """A table of so many rows, each a line of a sample; returns their texts."""
    samples = [Path(name).read_text(encoding="utf-8") for name in sorted((ROOT / "data/samples").glob("0[1348]*.txt"))]
    lines = [line for sample in samples for line in sample.splitlines() if line.strip()]
    texts = [lines[n % len(lines)][:200] for n in range(documents)]
    rows = (json.dumps({"id": n, "text": text, "n": n}, ensure_ascii=False) for n, text in enumerate(texts))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return texts


def infer(extractor: Extractor, table: Path, output: Path, interval: float) -> None:
    """What infer.py --resume does."""
    options = parse([str(table), "--output", str(output), "--resume", "--commit", str(interval)], "")
    inputs = Inputs(options.inputs, leave_out=written_by(options.output))
    engine = Engine(extractor, buffer=BUFFER)
    about = {"model": extractor.name, "weights": fingerprint(extractor)}
    run = plan(options, inputs, inputs.survey(), **about, precision=engine.precision, runtime=engine.runtime)
    with Outputs(run, extractor.config.scheme, resume=True, commit_every=options.commit) as outputs:
        if not outputs.complete:
            documents = iter_documents(inputs.files(), read_settings(options), after=outputs.last)
            run_batch(engine, documents, [outputs], progress=False)
        outputs.finish()


def rows_of(output: Path) -> Counter[str]:
    """The rows of an output, each with how often it is there."""
    if output.suffix == ".parquet":
        return Counter(map(repr, pq.read_table(output).to_pylist()))
    text = output.read_text(encoding="utf-8")
    return Counter(text.split("<article" if output.suffix == ".html" else "\n"))


def kill_runs(extractor: Extractor, folder: Path, suffix: str, options: argparse.Namespace) -> Count:
    """Kill runs with one kind of output until there are enough kills and the last run has come to its end."""
    table, chance, count = folder / "table.jsonl", random.Random(f"{options.seed} {suffix}"), Count()
    fork = multiprocessing.get_context("fork")
    began = time.monotonic()
    unbroken = folder / f"unbroken{suffix}"
    _ended(fork.Process(target=infer, args=(extractor, table, unbroken, options.interval)))
    longest = time.monotonic() - began
    expected = rows_of(unbroken)
    while True:
        output = folder / f"{count.runs}{suffix}"
        process = fork.Process(target=infer, args=(extractor, table, output, options.interval))
        process.start()
        if count.kills < options.kills:
            process.join(chance.uniform(0, longest))
            process.kill()
        process.join()
        if process.exitcode == -9:
            manifest = load_manifest(manifest_path(str(output)))
            count.committed.append(manifest.counts.get("documents", 0) if manifest else 0)
            count.kills += 1
            continue
        if process.exitcode != 0:
            raise RuntimeError(f"the run on {output} ended with exit status {process.exitcode}")
        found = rows_of(output)
        count.runs += 1
        count.lost += sum((expected - found).values())
        count.doubled += sum((found - expected).values())
        if count.kills >= options.kills:
            return count


def _ended(process: Any) -> None:
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the unbroken run ended with exit status {process.exitcode}")


def main() -> None:
    """Kill runs with every kind of output, print and write the counts."""
    arguments = argparse.ArgumentParser(prog="benchmarks.kills", description=__doc__)
    arguments.add_argument("--kills", type=int, default=50, help="for each kind of output (default: %(default)s)")
    arguments.add_argument("--documents", type=int, default=60, help="of a run (default: %(default)s)")
    arguments.add_argument("--interval", type=float, default=0.02, help="seconds between commits (default: %(default)s)")
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    logging.getLogger("zhengling").setLevel(logging.ERROR)
    torch.set_num_threads(1)  # and never run in this process: threads do not survive a fork
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    with tempfile.TemporaryDirectory() as name:
        extractor = tiny_extractor(write_table(Path(name, "table.jsonl"), options.documents))
        sinks = {}
        for suffix in SUFFIXES:
            sinks[suffix] = kill_runs(extractor, Path(name), suffix, options).as_dict()
            print(f"{suffix}: {sinks[suffix]}", flush=True)
            result = {"version": VERSION, "machine": machine, **vars(options), "sinks": sinks}
            (ROOT / "benchmarks" / "kills.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
