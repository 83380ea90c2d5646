"""Paragraphs that repeat one another: near-duplicates by MinHash (Broder 1997), and stretches shared word for word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from datasketch import MinHash, MinHashLSH

from zhengling.scheme.annotation import Document

SHORTEST = 30
"""Characters that a paragraph must have to be a near-duplicate of another."""
SHINGLE = 5
ALIKE = 0.6
"""The Jaccard similarity of shingles from which on two paragraphs are near-duplicates."""
PERMUTATIONS = 256
"""Of each signature: the standard error of an estimate near 0.6 is 0.03."""
STRETCH = 15
"""Characters that a shared stretch must have."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph of a document; ``line`` counts from 1."""

    document: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two paragraphs that are near-duplicates, with the estimated similarity."""

    first: Passage
    second: Passage
    similarity: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch that paragraphs of several documents share."""

    text: str
    documents: tuple[str, ...]


def passages(documents: Iterable[Document]) -> list[Passage]:
    """All paragraphs."""
    return [
        Passage(document.id, document.text.count("\n", 0, paragraph.start) + 1, document.text[paragraph.start : paragraph.end])
        for document in documents
        for paragraph in document.paragraphs
    ]


def near_duplicates(found: Sequence[Passage]) -> list[Pair]:
    """The pairs of long paragraphs whose estimated similarity is at least :data:`ALIKE`, the most alike first."""
    long = [passage for passage in found if len(passage.text) >= SHORTEST]
    index = MinHashLSH(ALIKE, PERMUTATIONS, weights=(0.1, 0.9))  # a candidate too many is only compared, one too few is lost
    pairs: list[Pair] = []
    signatures: list[MinHash] = []
    for number, passage in enumerate(long):
        signature = MinHash(PERMUTATIONS, seed=1)
        signature.update_batch([shingle.encode() for shingle in _grams(passage.text, SHINGLE)])
        for other in index.query(signature):
            similarity = signature.jaccard(signatures[other])
            if similarity >= ALIKE:
                pairs.append(Pair(long[other], passage, float(similarity)))
        index.insert(number, signature)
        signatures.append(signature)
    return sorted(
        pairs, key=lambda pair: (-pair.similarity, pair.first.document, pair.first.line, pair.second.document, pair.second.line)
    )


def shared_stretches(found: Sequence[Passage]) -> list[Stretch]:
    """The stretches of at least :data:`STRETCH` characters that several documents hold, the longest first.

    A stretch within a longer one is left out unless more documents hold it.
    """
    holders: dict[str, set[str]] = defaultdict(set)
    texts: dict[str, str] = defaultdict(str)
    for passage in found:
        texts[passage.document] += passage.text + "\n"
        for gram in _grams(passage.text, STRETCH):
            holders[gram].add(passage.document)
    stretches: dict[str, Stretch] = {}
    for text in {text for passage in found for text in _shared(passage, holders)}:
        among = set.intersection(*(holders[gram] for gram in _grams(text, STRETCH)))
        stretches[text] = Stretch(text, tuple(sorted(name for name in among if text in texts[name])))
    kept: list[Stretch] = []
    for text in sorted(stretches, key=lambda text: (-len(text), text)):
        if not any(text in longer.text and stretches[text].documents == longer.documents for longer in kept):
            kept.append(stretches[text])
    return kept


def _shared(passage: Passage, holders: dict[str, set[str]]) -> Iterator[str]:
    """For each other document, the longest stretches of the passage whose grams it holds all."""
    since: dict[str, int] = {}
    for at in range(len(passage.text) - STRETCH + 2):
        here = holders.get(passage.text[at : at + STRETCH], set()) - {passage.document}
        for name in sorted(since.keys() - here):
            yield passage.text[since.pop(name) : at + STRETCH - 1]
        for name in here:
            since.setdefault(name, at)


def _grams(text: str, size: int) -> set[str]:
    return {text[at : at + size] for at in range(len(text) - size + 1)}
