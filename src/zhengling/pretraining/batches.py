"""The batches of a run, each made by seed and step alone, while the device is busy with the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from zhengling.errors import ReadError
from zhengling.extraction.ahead import one_ahead
from zhengling.pretraining.corpus import TokenizedCorpus
from zhengling.pretraining.masking import IGNORED, SpanMasker
from zhengling.pretraining.settings import Optim


@dataclass(frozen=True, slots=True)
class MaskedBatch:
    """Sequences with hidden tokens, and what was hidden."""

    inputs: torch.Tensor
    """Token ids, ``[sequences, length]``."""
    places: torch.Tensor
    """Where the hidden tokens are in the flattened ``inputs``, ``[hidden]``; known here so that no device is asked for it."""
    targets: torch.Tensor
    """The hidden tokens, ``[hidden]``."""

    @classmethod
    def of(cls, inputs: NDArray[np.int64], labels: NDArray[np.int64]) -> MaskedBatch:
        """From what :class:`SpanMasker` gives."""
        places = np.flatnonzero(labels != IGNORED)
        return cls(*map(torch.from_numpy, (np.ascontiguousarray(inputs), places, labels.reshape(-1)[places])))

    def move(self, change: Callable[[torch.Tensor], torch.Tensor]) -> MaskedBatch:
        """The batch with ``change`` applied to each tensor."""
        return MaskedBatch(change(self.inputs), change(self.places), change(self.targets))


class Batches:
    """One process's part of the batch of every step from ``first`` on."""

    def __init__(self, corpus: TokenizedCorpus, masker: SpanMasker, optim: Optim, seed: int) -> None:
        """Raises :class:`ReadError` if the corpus does not fill one batch."""
        self.corpus, self.masker, self.optim, self.seed = corpus, masker, optim, seed
        self.per_epoch = corpus.usual_sequences(optim.length) // optim.sequences
        if not self.per_epoch:
            raise ReadError(f"the corpus is smaller than one step of {optim.sequences} sequences of {optim.length} tokens")

    def steps(self, first: int, mine: slice, *, pin: bool) -> Iterator[MaskedBatch]:
        """The batches of the steps from ``first`` to the last; ``mine``: which sequences; ``pin``: in pinned memory."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as thread:
            yield from one_ahead(thread, self._made(first, mine, pin=pin))

    def _made(self, first: int, mine: slice, *, pin: bool) -> Iterator[MaskedBatch]:
        epoch, sequences = -1, np.empty((0, 0), dtype=np.uint16)
        size = self.optim.sequences
        for step in range(first, self.optim.steps):
            if step // self.per_epoch != epoch:
                epoch = step // self.per_epoch
                sequences = self.corpus.sequences(self.optim.length, self.seed, epoch)
            rows = np.arange(size) + step % self.per_epoch * size
            batch = sequences[rows % len(sequences)]  # an epoch whose draw was a small one begins again
            generator = np.random.default_rng((self.seed, 7, step))
            inputs, labels = self.masker(batch.astype(np.int64), generator)
            masked = MaskedBatch.of(inputs[mine], labels[mine])
            yield masked.move(torch.Tensor.pin_memory) if pin else masked
