"""The engine in the processes that ``accelerate launch`` starts, one on each GPU of a machine.

Every process reads all inputs and answers each n-th group of documents; the first one collects the answers and writes.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from itertools import islice

import torch
import torch.distributed as dist

from zhengling.cluster.chunks import Answer, by_number, without_content
from zhengling.extraction.engine import Engine
from zhengling.files.sources import SourceDocument
from zhengling.modeling.launch import process_state

GROUP = 64
"""Documents that are answered and collected together."""
PATIENCE = datetime.timedelta(days=7)
"""How long a process waits for the slowest; one that dies is noticed by ``accelerate launch``, which ends the others."""


def own_device() -> str | None:
    """The device of this process where there are several, None where it is the only one."""
    state = process_state()
    return str(state.device) if state.num_processes > 1 else None


class ProcessEngine:
    """One engine in each process of a launch; all must call the same methods in the same order."""

    def __init__(self, engine: Engine, group: int = GROUP) -> None:
        """``group``: documents at a time, the same in all processes."""
        state = process_state()
        self.number, self.index, self.first = state.num_processes, state.process_index, state.is_main_process
        self.engine, self.group = engine, group
        self.stats = engine.stats
        """Of this process; documents, characters and errors of all of them in the first."""
        self.precision, self.runtime = engine.precision, engine.runtime
        self._link = dist.new_group(backend="gloo", timeout=PATIENCE)

    def told(self, documents: Iterable[SourceDocument]) -> Iterable[SourceDocument]:
        """The documents that the first process means to read, in all of them."""
        said = [documents]
        dist.broadcast_object_list(said, src=0, group=self._link)
        return said[0]

    def records(self, documents: Iterable[SourceDocument]) -> Iterator[Answer]:
        """In the first process, per document, in order, itself without its content, its record and its text.

        The others answer their groups and give nothing back. ``documents`` must be the same in all.
        """
        mine = islice(by_number(iter(documents), self.group), self.index, None, self.number)
        answered = without_content(self.engine.records(document for documents in mine for document in documents))
        last = False
        while not last:
            answers = list(islice(answered, self.group))
            everyone = self._collected(answers)
            last = self._any(len(answers) < self.group)
            for number, part in enumerate(everyone):
                for answer in part:
                    if number != self.index:
                        self.stats.count(answer[1])
                    yield answer

    def _collected(self, answers: list[Answer]) -> list[list[Answer]]:
        """In the first process the answers of all; in the others nothing."""
        everyone: list[list[Answer]] | None = [[] for _ in range(self.number)] if self.first else None
        dist.gather_object(answers, everyone, dst=0, group=self._link)
        return everyone or []

    def _any(self, value: bool) -> bool:
        flag = torch.tensor(int(value))
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=self._link)
        return bool(flag)
