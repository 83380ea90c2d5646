"""All outputs of a run, which go forward together: what is committed is committed in every one of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from zhengling.errors import OutputError
from zhengling.extraction.records import Record
from zhengling.files.claims import Claims, check_unclaimed
from zhengling.files.durable import swept_path
from zhengling.files.manifest import Manifest, Run, check_placed, gone_on_with, manifest_path, remove_manifests, sizes
from zhengling.files.sinks import STDOUT, Sink, check_output, in_place, open_sink, work_path
from zhengling.files.summary import Summary
from zhengling.scheme.labels import LabelScheme


def check_outputs(names: Sequence[str], *, resume: bool, resumable: bool) -> None:
    """Raise :class:`OutputError` early for what cannot be written, or gone on with.

    ``resumable``: whether the inputs can be read again.
    """
    files = _files(names)
    for name in names:
        check_output(name)
        if name in files and Path(name).is_dir():
            raise OutputError(f"output {name!r} is a folder. Expected the name of a file")
    if len({name if name == STDOUT else os.path.realpath(name) for name in names}) < len(names):
        raise OutputError(f"an output is named twice: {' '.join(names)}. Expected different files")
    if resume and (STDOUT in names or not resumable):
        raise OutputError("--resume cannot go on with standard input or output. Expected files")
    check_unclaimed(files, resume=resume)


def written_by(names: Sequence[str]) -> list[str]:
    """The files and folders that a run with these outputs writes, none of which is an input of it."""
    work = [work_path(Path(name)) for name in _files(names)]
    return [*names, *map(str, work), *(str(swept_path(path)) for path in work)]


def _files(names: Sequence[str]) -> list[str]:
    return [name for name in names if name != STDOUT]


class Outputs:
    """Takes records; what was committed survives a kill, and a run that is opened with ``resume`` goes on behind it.

    ``summary`` counts what was written, before the kill too; ``last`` names the document whose record was written last;
    ``finished`` says that nothing is left to do.
    """

    def __init__(
        self, run: Run, scheme: LabelScheme, *, resume: bool = False, resumable: bool = True, commit_every: float = 10.0
    ) -> None:
        """``commit_every`` seconds; ``resumable`` is false where standard input or output is among inputs and outputs.

        Raises :class:`OutputError` if ``run`` is another than the one to go on with, or another run has the outputs.
        """
        self.sinks: dict[str, Sink] = {}
        self.commit_every, self._committed = commit_every, time.monotonic()
        self.seconds = 0.0
        """Spent on writing."""
        with ExitStack() as stack:
            self._claims = stack.enter_context(Claims(_files(run.outputs)))
            check_unclaimed(_files(run.outputs), resume=resume)
            found = gone_on_with(run) if resume else None
            if found is None:
                remove_manifests(_files(run.outputs))
            self.manifest = found or (Manifest(path=manifest_path(run.outputs[0]), run=run) if resumable else None)
            self.summary = Summary.of(self.manifest.counts if self.manifest else {})
            self.resumed = self.summary.documents
            self.last = self.manifest.last if self.manifest else None
            self.finished = self.manifest is not None and self.manifest.state == "finished"
            self.complete = self.manifest is not None and self.manifest.state != "running"
            self._claims.done = self.manifest is None or self.finished
            self._begin(run, scheme, stack)
            self._files = stack.pop_all()

    def _begin(self, run: Run, scheme: LabelScheme, stack: ExitStack) -> None:
        if self.manifest is not None and not self.finished:
            self._claims.write(self.manifest.path)
        for name in self._unfinished(run.outputs):
            committed = self.manifest.sinks.get(name) if self.manifest else None
            self.sinks[name] = open_sink(name, scheme, run.columns, committed)
            stack.callback(self.sinks[name].close)
        if not self.complete:
            self.commit()

    def _unfinished(self, names: Sequence[str]) -> Sequence[str]:
        """The outputs to open: all, or after the last record those that are not in their places yet."""
        if not self.complete or self.manifest is None:
            return names
        placed = [name for name in names if self.finished or in_place(name)]
        check_placed(self.manifest, placed)
        return [name for name in names if name not in placed]

    def write(self, record: Record, text: str) -> None:
        """Write a record to all outputs, and commit when it is time."""
        with self._timed():
            for sink in self.sinks.values():
                sink.write(record, text)
        self.summary.write(record, text)
        self.last = record.source
        if time.monotonic() - self._committed >= self.commit_every:
            self.commit()

    def commit(self) -> None:
        """Bring all that was written to the disk, and say so in the manifest."""
        with self._timed():
            committed = {name: sink.commit() for name, sink in self.sinks.items()}
            if self.manifest:
                self.manifest.sinks |= committed
                self.manifest.counts, self.manifest.last = self.summary.counts(), self.last
            self._save()
        self._committed = time.monotonic()

    def seal(self) -> None:
        """The last commit: all records are there."""
        self.complete = True
        self.commit()

    def finish(self) -> None:
        """Put all outputs in their places, after the last commit."""
        if self.finished:
            return
        if not self.complete:
            self.seal()
        with self._timed():
            for sink in self.sinks.values():
                sink.finish()
            if self.manifest:
                self.manifest.sizes = sizes(self.manifest.run.outputs)
            self.finished = True
            self._save()
            self._claims.done = True

    def _save(self) -> None:
        if self.manifest:
            self.manifest.state = "finished" if self.finished else "complete" if self.complete else "running"
            self.manifest.save()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._files.close()
