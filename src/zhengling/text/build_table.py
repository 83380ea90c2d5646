"""Count characters and character pairs of clean Chinese text into the table that the repairs weigh their guesses by.

Run:    python -m zhengling.text.build_table FOLDER [--match 'gov_*'] [--weighty 'gov_*'] [--limit 3000000]
Reads:  every .txt, .jsonl and .jsonl.xz file of FOLDER (JSON lines: the key "text")
Leaves: src/zhengling/text/frequencies.bin, about 300 kB: counts only, no sentence can be read out of it
"""

from __future__ import annotations

import argparse
import json
import lzma
import struct
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhengling.text.characters import fold
from zhengling.text.frequencies import CLASSES, PATH, STEP, Frequencies, unpack
from zhengling.text.gbk import lost_pair_cost, pair_bytes, row
from zhengling.text.traditional import simplify

CHARACTERS = 6_500
PAIRS = 260_000
TRIPLES = 30_000
"""How many of the most frequent characters, pairs and triples the table keeps."""
RAREST = 2
"""A triple that occurs less often is not looked at."""


def lines_of(folder: Path, patterns: list[str], weighty: list[str], limit: int) -> Iterator[str]:
    """The lines of the folder's files, from each file about ``limit`` characters spread over the whole of it.

    Files whose name fits one of ``weighty`` are counted four times.
    """
    for path in sorted(folder.iterdir()):
        if not path.name.endswith((".txt", ".jsonl", ".jsonl.xz")) or not any(fnmatch(path.name, p) for p in patterns):
            continue
        data = path.read_bytes()
        raw = lzma.decompress(data) if path.suffix == ".xz" else data
        lines = raw.decode("utf-8").splitlines()
        step = max(1, sum(map(len, lines)) // limit)
        for line in lines[::step]:
            text = json.loads(line)["text"] if ".jsonl" in path.name else line
            yield from [text] * (4 if any(fnmatch(path.name, p) for p in weighty) else 1)


def build(lines: Iterable[str]) -> bytes:
    """The table, compressed, see :mod:`zhengling.text.frequencies` for its layout."""
    codes = _codes(lines)
    planes, index = _pair_planes(codes)
    header, names, costs = planes[0], planes[1], planes[2:]
    raw = b"".join((header, struct.pack("<I", 0), names, *costs))
    triples = find_triples(codes, unpack(raw))
    a, b, x = (index[np.array([ord(triple[k]) for triple in triples], dtype=np.int64)] for k in (0, 2, 1))
    order = np.lexsort((x, b, a))
    columns = (np.diff(a[order], prepend=0), b[order], x[order])
    halves = (half for column in columns for half in (column >> 8, column & 0xFF))
    split = [half.astype("u1").tobytes() for half in halves]
    raw = b"".join((header, struct.pack("<I", len(triples)), names, *costs, *split))
    return lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)


def _codes(lines: Iterable[str]) -> NDArray[np.int64]:
    """The code points of the lines, simplified, folded into their classes, without spaces."""
    text = simplify(fold("\n".join(lines))).translate(CLASSES)
    codes = np.frombuffer("".join(text.split(" ")).encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    return codes[codes < 0x10000]


def _pair_planes(codes: NDArray[np.int64]) -> tuple[list[bytes], NDArray[np.int64]]:
    """The arrays of the table without triples, and the index of each code point, -1 for one left out."""
    pairs, counts = np.unique(codes[:-1] * 0x10000 + codes[1:], return_counts=True)
    singles = np.bincount(codes, minlength=0x10000)
    kept = np.argsort(-singles, kind="stable")[:CHARACTERS]
    kept = kept[singles[kept] > 0]
    index = np.full(0x10000, -1, dtype=np.int64)
    index[kept] = np.arange(len(kept))
    first, second = index[pairs >> 16], index[pairs & 0xFFFF]
    known = (first >= 0) & (second >= 0) & (counts > 1)
    first, second, pairs, counts = first[known], second[known], pairs[known], counts[known]
    best = np.argsort(-counts, kind="stable")[:PAIRS]
    best = best[np.lexsort((second[best], first[best]))]
    pair_cost = -np.log(counts[best] / singles[pairs[best] >> 16])
    single_cost = -np.log(singles[kept] / singles.sum())
    rows = np.bincount(first[best], minlength=len(kept))
    gaps = np.diff(second[best], prepend=0)  # within a row they are positive
    starts = (np.cumsum(rows) - rows)[rows > 0]
    gaps[starts] = second[best][starts]
    gaps = gaps.astype("<u2")
    planes = [
        struct.pack("<II", len(kept), len(best)),
        kept.astype("<u2").tobytes(),
        _quantised(single_cost),
        rows.astype("<u2").tobytes(),
        (gaps >> 8).astype("u1").tobytes(),
        (gaps & 0xFF).astype("u1").tobytes(),
        _quantised(pair_cost),
    ]
    return planes, index


def find_triples(codes: NDArray[np.int64], table: Frequencies) -> list[str]:
    """Three characters whose middle one a byte slip may cut in two and the pairs alone would then restore wrongly.

    Of the characters that share the first byte and could have lost the second one before this third character, the
    middle one is the most frequent, yet not the one that the costs of pairs choose.
    """
    keys = (codes[:-2] << 32) | (codes[1:-1] << 16) | codes[2:]
    keys = keys[(codes[1:-1] >= 0x4E00) & (codes[1:-1] < 0xA000)]
    found, counts = np.unique(keys, return_counts=True)
    often = counts >= RAREST
    winners: dict[tuple[str, int, int | None, str], tuple[int, str]] = {}
    for key, count in zip(found[often].tolist(), counts[often].tolist(), strict=True):
        before, middle, after = chr(key >> 32), chr(key >> 16 & 0xFFFF), chr(key & 0xFFFF)
        pair, following = pair_bytes(middle), pair_bytes(after)
        lead = None if after.isascii() or following is None else following[0]
        known = all(map(table.singles.__contains__, (before, middle, after)))
        if pair is None or not known or lost_pair_cost(pair[1], lead) > 0:
            continue
        place = (before, pair[0], lead, after)
        winners[place] = max(winners.get(place, (0, "")), (count, middle))
    wrong = []
    for (before, first, lead, after), (count, middle) in winners.items():
        choice = min(
            (table.cost(before, simple) + table.cost(simple, after) + lost_pair_cost(trail, lead), simple)
            for trail, _, simple in row(first)
        )
        if choice[1] != middle:
            wrong.append((count, before + middle + after))
    return [triple for _, triple in sorted(wrong, reverse=True)[:TRIPLES]]


def _quantised(cost: NDArray[np.float64]) -> bytes:
    return np.clip(np.rint(cost / STEP), 0, 255).astype("u1").tobytes()


def main() -> None:
    """The command, see the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--match", action="append", help="only files of this name pattern; may be repeated")
    parser.add_argument("--weighty", action="append", help="files of this name pattern count four times")
    parser.add_argument("--limit", type=int, default=3_000_000, help="characters to take from each file (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=PATH)
    options = parser.parse_args()
    table = build(lines_of(options.folder, options.match or ["*"], options.weighty or [], options.limit))
    options.output.write_bytes(table)
    print(f"{options.output}: {len(table):,} bytes")


if __name__ == "__main__":
    main()
