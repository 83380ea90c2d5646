"""The corpus as one array of tokens, and its packed sequences in a seeded order."""

from __future__ import annotations

import json
import logging
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from zhengling.errors import ReadError
from zhengling.text import read

log = logging.getLogger(__name__)
SUFFIXES = (".jsonl", ".jsonl.xz", ".txt")


def corpus_files(folder: Path) -> list[Path]:
    """The text files of a folder in the order of their names; raises :class:`ReadError` if there are none."""
    files = sorted(path for path in folder.glob("*") if path.name.endswith(SUFFIXES))
    if not files:
        raise ReadError(f"no corpus in {folder}. Expected files that end in {' '.join(SUFFIXES)}")
    return files


def read_lines(path: Path) -> Iterator[str]:
    """The clean texts of one UTF-8 file, one per line; raises :class:`ReadError` with the line that cannot be read."""
    number = 0
    try:
        with (lzma.open if path.suffix == ".xz" else open)(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                clean = read(_text_of(line, ".jsonl" in path.name, f"{path}, line {number}")).text.strip()
                if clean:
                    yield clean
    except (lzma.LZMAError, EOFError) as error:
        raise ReadError(f"{path}: damaged behind line {number} ({error}). Expected a whole .xz file") from error


def _text_of(line: bytes, is_json: bool, where: str) -> str:
    try:
        text = line.decode("utf-8-sig")
        record = json.loads(text) if is_json else {"text": text}
    except UnicodeDecodeError as error:
        raise ReadError(f"{where}: not UTF-8 at byte {error.start} of the line") from error
    except json.JSONDecodeError as error:
        raise ReadError(f"{where}: not JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(found := record.get("text"), str):
        raise ReadError(f"{where}: expected a JSON object with a string under 'text', got {record!r:.60}")
    return found


@dataclass(frozen=True, slots=True)
class TokenizedCorpus:
    """All tokens of all texts, each text followed by the separator."""

    tokens: NDArray[np.uint16]
    """Shape ``[tokens]``."""
    bounds: NDArray[np.int64]
    """Shape ``[texts + 1]``: text ``i`` is ``tokens[bounds[i]:bounds[i + 1]]``."""
    weights: NDArray[np.float64]
    """Shape ``[texts]``: how many times a text is read per epoch."""

    def save(self, path: Path) -> None:
        """Write one ``.npz``."""
        np.savez(path, tokens=self.tokens, bounds=self.bounds, weights=self.weights)

    @classmethod
    def load(cls, path: Path) -> TokenizedCorpus:
        """Read what :meth:`save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["tokens"], arrays["bounds"], arrays["weights"])

    def usual_sequences(self, length: int) -> int:
        """How many sequences of ``length`` tokens an epoch has on average, less a tenth."""
        return int((np.diff(self.bounds) * self.weights).sum() * 0.9) // length

    def sequences(self, length: int, seed: int, epoch: int) -> NDArray[np.uint16]:
        """One epoch, shape ``[sequences, length]``: texts drawn by weight, shuffled, laid end to end and cut."""
        generator = np.random.default_rng((seed, epoch))
        copies = np.floor(self.weights + generator.random(len(self.weights))).astype(np.int64)
        order = generator.permutation(np.repeat(np.arange(len(copies)), copies))
        sizes = np.diff(self.bounds)[order]
        ends = np.cumsum(sizes)
        positions = np.arange(ends[-1]) + np.repeat(self.bounds[order] - (ends - sizes), sizes)
        whole = len(positions) // length * length
        return self.tokens[positions[:whole]].reshape(-1, length)


def _weight(name: str, weights: Mapping[str, float]) -> float:
    starts = [start for start in weights if name.startswith(start)]
    return weights[max(starts, key=len)] if starts else 1.0


def tokenize_corpus(folder: Path, tokenizer: PreTrainedTokenizerBase, weights: Mapping[str, float]) -> TokenizedCorpus:
    """Read, clean and tokenize every file of ``folder``; raises :class:`ReadError` if there is no text in them."""
    files = corpus_files(folder)
    unused = [start for start in weights if not any(path.name.startswith(start) for path in files)]
    if unused:
        raise ReadError(f"corpus.weights names {unused}, but no file of {folder} starts so. Files: {[p.name for p in files]}")
    pieces: list[NDArray[np.uint16]] = []
    sizes: list[int] = []
    text_weights: list[float] = []
    for path in files:
        first = len(sizes)
        for batch in _batches(read_lines(path), 2000):
            for ids in tokenizer(batch, add_special_tokens=False)["input_ids"]:
                pieces.append(np.asarray([*ids, tokenizer.sep_token_id], dtype=np.uint16))
                sizes.append(len(ids) + 1)
        text_weights += [_weight(path.name, weights)] * (len(sizes) - first)
        log.info(
            "%s: %d texts, %d tokens, weight %g",
            path.name,
            len(sizes) - first,
            sum(sizes[first:]),
            _weight(path.name, weights),
        )
    if not pieces:
        raise ReadError(f"no text in {folder}: its files hold blank lines at most")
    return TokenizedCorpus(np.concatenate(pieces), np.cumsum([0, *sizes]), np.asarray(text_weights))


def _batches(items: Iterator[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
