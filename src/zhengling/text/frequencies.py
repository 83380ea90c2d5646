"""How likely is a stretch of Chinese? Costs of characters and character pairs, from a table that the package carries.

The table (``frequencies.bin``, made by :mod:`zhengling.text.build_table`) is LZMA over these arrays, little-endian:
the numbers of characters, of pairs and of triples, the characters by falling frequency, their costs, pairs per first
character, gaps between the second characters (high bytes, low bytes), costs of the pairs, and of the triples the gaps between
the first, the third and the second characters (high bytes, low bytes). A cost is ``-ln p`` in steps.
"""

from __future__ import annotations

import lzma
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PATH = Path(__file__).with_name("frequencies.bin")
STEP = 0.4
"""The grain of a cost, in nats."""
BACK_OFF = 3.0
"""What a pair that the table does not know costs on top of its second character."""
UNKNOWN = 15.0
"""What a character that the table does not know costs."""
CLASSES = {
    **dict.fromkeys(map(ord, "0123456789"), "0"),
    **dict.fromkeys([*range(0x41, 0x5B), *range(0x61, 0x7B)], "a"),
}
"""Digits count as one character, Latin letters as another."""


_NONE: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Costs in nats: of a character by itself, and of a pair's second character after its first.

    ``triples`` gives, by the characters before and after, the middle ones that the pairs alone would get wrong if
    their second byte was lost.
    """

    singles: dict[str, float]
    pairs: dict[str, dict[str, float]]
    triples: dict[str, str]

    def cost(self, first: str, second: str) -> float:
        """The cost of ``second`` after ``first``; both simplified, digits as ``0`` and Latin letters as ``a``."""
        found = self.pairs.get(first, _NONE).get(second)
        return self.singles.get(second, UNKNOWN) + BACK_OFF if found is None else found

    def cost_of(self, text: str, before: str = "\n") -> float:
        """The cost of a text, its classes folded here, after the character ``before``."""
        text = (before + text).translate(CLASSES)
        return sum(map(self.cost, text, text[1:]))


@cache
def frequencies() -> Frequencies:
    """The table that the package carries, loaded once and only when a repair needs it."""
    return unpack(lzma.decompress(PATH.read_bytes()))


def unpack(raw: bytes) -> Frequencies:
    """Unpack a table that is no longer compressed."""
    characters, pairs, triples = struct.unpack_from("<III", raw)
    cursor = 12

    def take(kind: str, size: int) -> NDArray[np.integer]:
        nonlocal cursor
        array = np.frombuffer(raw, dtype=kind, count=size, offset=cursor)
        cursor += array.nbytes
        return array

    codes = take("<u2", characters)
    single_costs = take("u1", characters) * STEP
    rows = take("<u2", characters).astype(np.int64)
    gaps = take("u1", pairs).astype(np.int64) << 8
    gaps = gaps | take("u1", pairs)
    pair_costs = take("u1", pairs) * STEP
    running = np.cumsum(gaps)
    filled = rows[rows > 0]
    starts = np.cumsum(filled) - filled
    second = running - np.repeat(running[starts] - gaps[starts], filled)
    names = [chr(code) for code in codes.tolist()]
    seconds = list(map(names.__getitem__, second.tolist()))
    costs = pair_costs.tolist()
    ends = np.cumsum(rows).tolist()
    found = {
        name: dict(zip(seconds[end - size : end], costs[end - size : end], strict=True))
        for name, size, end in zip(names, rows.tolist(), ends, strict=True)
        if size
    }
    halves = [take("u1", triples).astype(np.int64) for _ in range(6)]
    high = [(halves[k] << 8 | halves[k + 1]) for k in (0, 2, 4)]
    columns = [map(names.__getitem__, ids.tolist()) for ids in (np.cumsum(high[0]), high[2], high[1])]
    singles = dict(zip(names, single_costs.tolist(), strict=True))
    middles: dict[str, str] = {}
    for before, middle, after in zip(*columns, strict=True):
        middles[before + after] = middles.get(before + after, "") + middle
    return Frequencies(singles, found, middles)
