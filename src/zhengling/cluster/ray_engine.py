"""The engine as actors on a Ray cluster.

One task reads, on the machine where ``infer.py`` runs; its groups of documents go to actors all over the cluster, each with
the model on a GPU or a processor core of its own; their answers come back in the order of the documents. What is lost with
a worker is done again by Ray. Sinks and resuming are those of the local engine, so that no record is written twice.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from zhengling.cluster.chunks import Answer, by_size, without_content
from zhengling.errors import ConfigError, ModelError
from zhengling.extraction.engine import CPU_BUFFER, GPU_BUFFER, Engine, EngineStats
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.files.sources import SourceDocument

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

try:
    import ray
    import ray.data
except ModuleNotFoundError as error:
    raise ConfigError(
        f"--engine ray needs {error.name}, which is not installed. Expected: pip install 'zhengling[ray]'"
    ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class ActorSettings:
    """What each actor loads, and how it reads texts."""

    model: str | None = None
    device: str = "auto"
    precision: str = "auto"
    runtime: str = "torch"
    encoding: str | None = None
    off: tuple[str, ...] = ()
    name: str = ""
    """What records call the model."""


class EngineActor:
    """An engine that answers groups of documents; Ray makes it anew where its process died."""

    def __init__(self, settings: ActorSettings) -> None:
        logging.getLogger("zhengling").setLevel(logging.WARNING)
        torch.set_num_threads(1)
        extractor = load(settings.model, device=settings.device, precision=settings.precision, runtime=settings.runtime)
        extractor.name = settings.name
        self.extractor, self.settings = extractor, settings

    def __call__(self, groups: pa.Table) -> pa.Table:
        """Rows of :func:`row` to rows of the same numbers."""
        answers = [self._answers(pickle.loads(group)) for group in groups["data"].to_pylist()]
        return pa.table({"number": groups["number"], "data": pa.array(answers, pa.large_binary())})

    def _answers(self, documents: list[SourceDocument]) -> bytes:
        engine, forward = Engine(self.extractor, encoding=self.settings.encoding, off=self.settings.off), self.extractor.forward
        before = forward.windows, forward.cached
        answers = list(without_content(engine.records(documents)))
        engine.stats.windows, engine.stats.cached = forward.windows - before[0], forward.cached - before[1]
        return pickle.dumps((answers, engine.stats))


class GroupReader:
    """The groups of documents as rows, from where ``infer.py`` was started."""

    def __init__(self, documents: Iterable[SourceDocument], size: int) -> None:
        self.documents, self.size, self.folder = documents, size, Path.cwd()

    def __call__(self, _: pa.Table) -> Iterator[pa.Table]:
        """A table of one row for each group."""
        with contextlib.chdir(self.folder):
            for number, group in enumerate(by_size(self.documents, self.size)):
                yield row(number, pickle.dumps(group))


def row(number: int, data: bytes) -> pa.Table:
    """What travels: the number of a group, and its documents or their answers."""
    return pa.table({"number": [number], "data": pa.array([data], pa.large_binary())})


class RayEngine:
    """Records of documents by actors on the cluster that ``RAY_ADDRESS`` names, or on this machine alone."""

    def __init__(
        self, settings: ActorSettings, extractor: Extractor, *, actors: int | None = None, group: int | None = None
    ) -> None:
        """``extractor``: the same model on this machine; CPUs have its precision and runtime, GPUs bf16 for ``auto``.

        ``actors``: None for one on each GPU of the cluster, or where it has none, on each processor core but one; ``group``:
        characters or bytes of documents that go to an actor together, None: by the device.
        """
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS", "local")
            ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
        resources = ray.cluster_resources()
        cores = int(resources.get("CPU", 1))
        self.gpus = 0 if settings.device == "cpu" else int(resources.get("GPU", 0))
        self.actors = actors or self.gpus or max(1, cores - 1)
        self.group = group or (GPU_BUFFER if self.gpus else CPU_BUFFER)
        self.precision, self.runtime = extractor.precision, extractor.runtime
        if self.gpus:
            self.precision, self.runtime = "bf16" if settings.precision == "auto" else settings.precision, "torch"
        model = settings.model
        self.settings = replace(
            settings,
            model=str(Path(model).resolve()) if model and Path(model).exists() else model,
            name=extractor.name,
            device="cuda" if self.gpus else "cpu",
            precision=self.precision,
            runtime=self.runtime,
        )
        self.stats = EngineStats()

    def records(self, documents: Iterable[SourceDocument]) -> Iterator[Answer]:
        """Per document, in order, itself without its content, its record and its text as decoded.

        ``documents`` must survive pickling, and be the same each time they are gone through. Raises what reading or loading
        the model raised where it ran, and :class:`ModelError` for actors that cannot be started.
        """
        expected = 0
        try:
            for number, data in self._rows(documents):
                if number != expected:
                    raise AssertionError(f"Ray gave back group {number}. Expected {expected}")
                expected += 1
                answers, stats = pickle.loads(data)
                self.stats.add(stats)
                yield from answers
        except ray.exceptions.RayTaskError as error:
            raise _cause(error) from error
        except ray.exceptions.RayActorError as error:
            raise ModelError(f"an actor on the Ray cluster cannot be started: {_last_line(error)}") from error

    def _rows(self, documents: Iterable[SourceDocument]) -> Iterator[tuple[int, bytes]]:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.raise_original_map_exception = True
        context.execution_options.preserve_order = True
        context.target_max_block_size = self.group  # a block of several groups would keep actors waiting
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        share: dict[str, Any] = {"num_gpus": 1} if self.gpus else {"num_cpus": 1}
        groups = ray.data.from_items([0]).map_batches(
            GroupReader(documents, self.group).__call__, batch_format="pyarrow", num_cpus=0, label_selector=here
        )
        answers = groups.map_batches(
            EngineActor,
            fn_constructor_args=(self.settings,),
            batch_format="pyarrow",
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=self.actors),
            **share,
        )
        for item in answers.iter_rows():
            yield item["number"], item["data"]


def _cause(error: Exception) -> Exception:
    """What was raised where the task ran."""
    cause: Any = error
    while isinstance(cause, ray.exceptions.RayTaskError) and isinstance(cause.cause, Exception):
        cause = cause.cause
    return cause


def _last_line(error: Exception) -> str:
    return [line for line in str(error).splitlines() if line.strip()][-1].strip()
