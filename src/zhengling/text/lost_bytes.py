"""Which character was it, if only the first of its two bytes is left?"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

from zhengling.text.frequencies import BACK_OFF, UNKNOWN, frequencies
from zhengling.text.gbk import lost_pair_cost, row

CHEAPEST = 0.5
"""The least that a next character costs."""
MARKS = frozenset("，。、；：“”（）！？《》‘’【】〔〕〈〉…—·")
"""The characters that a slip begins with."""
_NONE: dict[str, float] = {}


@lru_cache(maxsize=4096)
def completion(last: str, lead: int, after: str, following: int | None) -> tuple[float, str]:
    """The likeliest character of a lead byte's row between two others, and its cost; empty if the row is."""
    table = frequencies()
    known = table.pairs.get(last, _NONE)
    bound, best = float("inf"), ""
    for simple in known.keys() & _by_weight(lead).keys():
        if known[simple] + CHEAPEST < bound:
            for trail, clean, _ in _by_weight(lead)[simple]:
                new = known[simple] + table.cost(simple, after) + lost_pair_cost(trail, following)
                if (new, clean) < (bound, best):
                    bound, best = new, clean
    for cost, trail, clean, simple in _by_cost(lead):
        if cost + CHEAPEST >= bound:
            break
        if simple not in known:
            new = cost + table.cost(simple, after) + lost_pair_cost(trail, following)
            if new < bound:
                bound, best = new, clean
    return bound, best


@cache
def marks_of(lead: int) -> tuple[tuple[int, str, str], ...]:
    """The punctuation in a lead byte's row: trail bytes, characters, what these are weighed as."""
    return tuple(entry for entry in row(lead) if entry[1] in MARKS)


@cache
def _by_weight(lead: int) -> dict[str, list[tuple[int, str, str]]]:
    entries: dict[str, list[tuple[int, str, str]]] = {}
    for entry in row(lead):
        entries.setdefault(entry[2], []).append(entry)
    return entries


@cache
def _by_cost(lead: int) -> list[tuple[float, int, str, str]]:
    """The entries of a lead byte's row, the cheapest first, each with its cost after a character it is no pair with."""
    single = frequencies().singles.get
    return sorted((single(simple, UNKNOWN) + BACK_OFF, trail, clean, simple) for trail, clean, simple in row(lead))


def named(lead: int, characters: Iterable[str]) -> list[tuple[int, str, str]]:
    """The entries of a lead byte's row that are weighed as one of these characters."""
    entries = _by_weight(lead)
    return [entry for character in characters for entry in entries.get(character, ())]
