"""How varied a language is: distinct n-grams of characters over all of them (Li et al. 2016), on equal amounts of text."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zhengling.scheme.annotation import Document
from zhengling.text import read

SIZES = (1, 2, 3, 4)
"""The lengths of the n-grams, in characters."""
SAMPLES = 5
"""How many samples the ratios are the mean of."""


@dataclass(frozen=True, slots=True)
class Variety:
    """The ratios of two collections, each by length of n-gram, on samples of the same number of characters."""

    characters: int
    ours: dict[int, float]
    beside: dict[int, float]


def compare_variety(ours: Iterable[Document], beside: Iterable[Document]) -> Variety:
    """Both collections as the reader cleans them, cut down to the size of the smaller one.

    The ratio falls as a text grows, so that two are comparable on samples of the same size alone; damage and traditional
    characters would pass for variety.
    """
    lines, other = _lines(ours), _lines(beside)
    size = min(sum(map(len, lines)), sum(map(len, other)))
    return Variety(size, _mean_ratios(lines, size), _mean_ratios(other, size))


def _lines(documents: Iterable[Document]) -> list[str]:
    """The paragraphs of the cleaned texts that are no boilerplate."""
    found = []
    for document in documents:
        clean = read(document.text)
        spans = [clean.aligned.from_source(p.start, p.end) for p in document.paragraphs if not p.boilerplate]
        found += [clean.text[start:end] for start, end in spans if start < end]
    return found


def _mean_ratios(lines: Sequence[str], size: int) -> dict[int, float]:
    samples = [sample(lines, size, seed) for seed in range(SAMPLES)]
    return {n: sum(distinct(lines, n) for lines in samples) / SAMPLES for n in SIZES}


def sample(lines: Sequence[str], size: int, seed: int) -> list[str]:
    """Lines in random order up to ``size`` characters, the last one cut; all of them if there are fewer."""
    chosen: list[str] = []
    for line in random.Random(seed).sample(lines, len(lines)):
        if size <= 0:
            break
        chosen.append(line[:size])
        size -= len(line)
    return chosen


def distinct(lines: Iterable[str], n: int) -> float:
    """Distinct n-grams over all n-grams, none across the end of a line; 0 where there is none."""
    grams = [line[at : at + n] for line in lines for at in range(len(line) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0
