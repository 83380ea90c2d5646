"""A byte slip before each common mark, in simplified and traditional text, with and without glosses and folding."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from zhengling.text import read
from zhengling.text.damage import Damaged, damage
from zhengling.text.damage_bytes import slip_at
from zhengling.text.traditional import simplify

MARKS = "，。、；：“”（）！？《》"
PER_CELL = 60
DRAWN = 600
"""Marks drawn per condition from all that there are."""
CONDITIONS = {
    "simplified": ((), False),
    "simplified, folded": ((), True),
    "with glosses": (("glosses",), True),
    "traditional": (("traditional",), False),
    "traditional, folded": (("traditional",), True),
    "traditional with glosses": (("traditional", "glosses"), True),
}


def measure_slips(texts: Sequence[str]) -> dict[str, Any]:
    """Per mark and condition the share of stretches that come back exactly."""
    rows: dict[str, list[str]] = {}
    made = restored = 0
    for mark in MARKS:
        rows[mark] = []
        for name, (kinds, folded) in CONDITIONS.items():
            chance = random.Random(f"{mark} {name}")
            outcomes = list(_outcomes(texts, mark, kinds, folded, chance))
            made += len(outcomes)
            restored += sum(outcomes)
            rows[mark].append(f"{sum(outcomes)}/{len(outcomes)}")
    return {
        "conditions": list(CONDITIONS),
        "rows": rows,
        "made": made,
        "restored": restored / made,
        "anywhere": {name: _anywhere(texts, *condition) for name, condition in CONDITIONS.items()},
    }


def _anywhere(texts: Sequence[str], kinds: Sequence[str], folded: bool) -> dict[str, int]:
    """Slips before marks drawn from all that there are, each as likely as the other: made and restored."""
    chance = random.Random(len(kinds) + folded)
    versions = [damage(text, kinds, seed) for seed, text in enumerate(texts)]
    places = [(version, at) for version in versions for at, character in enumerate(version.text) if character in MARKS]
    drawn = (came_back(*place, folded) for place in chance.sample(places, min(DRAWN, len(places))))
    outcomes = [outcome for outcome in drawn if outcome is not None]
    return {"made": len(outcomes), "restored": sum(outcomes)}


def _outcomes(texts: Sequence[str], mark: str, kinds: Sequence[str], folded: bool, chance: random.Random):  # type: ignore[no-untyped-def]
    chosen = [text for text in texts if mark in text]
    for seed in range(PER_CELL if chosen else 0):
        damaged = damage(chance.choice(chosen), kinds, seed)
        places = [at for at, character in enumerate(damaged.text) if character == mark]
        if places:
            outcome = came_back(damaged, chance.choice(places), folded)
            if outcome is not None:
                yield outcome


def came_back(damaged: Damaged, place: int, folded: bool) -> bool | None:
    """Whether a slip made at ``place`` is undone exactly; None if none can be made there."""
    slip = slip_at(damaged.text, place, "gbk", "?", folded)
    if slip is None:
        return None
    text = damaged.text[:place] + slip[0] + damaged.text[place + len(slip[1]) :]
    return read(text).text == simplify(damaged.truth.text)
