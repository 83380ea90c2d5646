"""Each kind of damage, and all of them mixed: how much comes back, at the right place, how fast."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from opencc import OpenCC

from zhengling.gold.inline import read_inline
from zhengling.text import AlignedText, read
from zhengling.text.characters import chinese_marks, fold
from zhengling.text.damage import KINDS, Damaged, damage

MIXED = ("partly_traditional", "forms", "markup", "glosses", "slips_folded", "spaced_digits", "invisible")
MIXES = {
    "glosses in traditional text": ("traditional", "glosses"),
    "slips in traditional text": ("traditional", "slips_folded"),
    "slips with glosses": ("slips_folded", "glosses"),
    "glosses, then slips": ("glosses", "slips_folded"),
    "seven kinds mixed": MIXED,
}


HELD_OUT = "z249"
"""The first document on which no cost, cue or threshold of the repairs was set."""


def documents(folder: Path) -> list[str]:
    """Our own held-out documents as clean text: lines stripped, characters in their usual form, no blank line."""
    texts = []
    for path in sorted(path for path in folder.rglob("*.xml") if path.stem >= HELD_OUT):
        lines = (line.strip() for line in fold(read_inline(path).text).split("\n"))
        text = chinese_marks("\n".join(" ".join(line.split()) for line in lines if line))
        texts.append(text)
    return texts


def measure_kinds(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Per kind of damage: shares of characters restored and offsets right, F1 of paragraphs, characters per second."""
    read("加强??管理")  # loads the frequency table
    rows = {"none": _measure(texts, ())}
    rows |= {name: _measure(texts, (name,)) for name in KINDS}
    return rows | {name: _measure(texts, kinds) for name, kinds in MIXES.items()}


def _measure(texts: Sequence[str], kinds: Sequence[str]) -> dict[str, float]:
    counts = np.zeros(3)
    breaks = np.zeros(3)
    seconds = 0.0
    size = 0
    for seed, text in enumerate(texts):
        damaged = damage(text, kinds, seed)
        began = time.perf_counter()
        clean = read(damaged.text)
        seconds += time.perf_counter() - began
        size += len(damaged.text)
        counts += compare(damaged.truth, clean.aligned)
        breaks += _breaks(damaged, [clean.to_source(*span) for span in clean.paragraphs])
    agreed, found, wanted = breaks
    return {
        "restored": counts[1] / counts[0],
        "offsets": counts[2] / max(counts[1], 1),
        "paragraphs": 2 * agreed / max(found + wanted, 1),
        "speed": size / seconds,
    }


def compare(truth: AlignedText, found: AlignedText) -> tuple[int, int, int]:
    """Characters of the truth that are no space, those found at their place, and those of them with exact offsets."""
    total = restored = exact = 0
    at = 0
    for character, start, end in zip(truth.text, truth.starts.tolist(), truth.ends.tolist(), strict=True):
        if character.isspace():
            continue
        total += 1
        while at < len(found.text) and found.ends[at] <= start and (found.ends[at] < start or found.starts[at] < start):
            at += 1
        for candidate in range(at, min(at + 4, len(found.text))):
            if found.text[candidate] == character and found.starts[candidate] <= max(end, start + 1):
                restored += 1
                exact += found.starts[candidate] == start and found.ends[candidate] == end
                at = candidate + (found.ends[candidate] <= end)
                break
    return total, restored, exact


def _breaks(damaged: Damaged, spans: Sequence[tuple[int, int]]) -> tuple[int, int, int]:
    """Paragraph starts after the first: agreed, found, wanted."""
    wanted = set()
    cursor = 0
    for line in damaged.truth.text.split("\n"):
        if line.strip() and cursor:
            wanted.add(int(damaged.truth.starts[cursor]))
        cursor += len(line) + 1
    found = {start for start, end in spans[1:] if np.any((damaged.truth.starts < end) & (damaged.truth.ends > start))}
    found.discard(int(damaged.truth.starts[0]))
    return len(found & wanted), len(found), len(wanted)


def measure_mixed_speed(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Characters per second of OpenCC alone and of the whole chain, in the same run."""
    converter = OpenCC("t2s")
    rows = {}
    for name, kinds in {"clean": (), "traditional": ("traditional",), "mixed": MIXED}.items():
        damaged = [damage(text, kinds, seed).text for seed, text in enumerate(texts)]
        size = sum(map(len, damaged))
        rows[name] = {
            "opencc": size / _best_of_three(lambda all_=damaged: [converter.convert(text) for text in all_]),
            "chain": size / _best_of_three(lambda all_=damaged: [read(text) for text in all_]),
        }
    return rows


def _best_of_three(work) -> float:  # type: ignore[no-untyped-def]
    """Seconds of one core's time."""
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)
