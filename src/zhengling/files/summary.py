"""What a run did, for the screen and for the manifest."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from zhengling.extraction.records import Record

if TYPE_CHECKING:  # the engine brings torch with it
    from zhengling.extraction.engine import EngineStats

TABLE_ROWS = 100
"""How many documents the table on the screen shows."""


@dataclass(slots=True)
class Summary:
    """Counts over all records of a run, those from before it was gone on with too."""

    documents: int = 0
    characters: int = 0
    directives: int = 0
    errors: int = 0
    rows: list[tuple[str, Counter[str]]] = field(default_factory=list)
    """Per document its name and its directives by kind, with ``characters`` among them (of the first 100 of this start)."""

    def write(self, record: Record, text: str) -> None:
        """Count one record."""
        self.documents += 1
        self.characters += record.characters
        self.directives += len(record.directives)
        self.errors += record.error is not None
        if len(self.rows) < TABLE_ROWS:
            self.rows.append(
                (record.source, Counter(characters=record.characters) + Counter(d.kind for d in record.directives))
            )

    def counts(self) -> dict[str, int]:
        """The sums, from which :meth:`of` goes on."""
        return {name: getattr(self, name) for name in ("documents", "characters", "directives", "errors")}

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        """A summary that goes on from the :meth:`counts` of another."""
        return cls(**counts, rows=[])

    def table(self, kinds: Sequence[str]) -> str:
        """Per document its name, characters and directives by kind, for a screen on which CJK takes two columns."""
        rows = [
            ("document", "characters", *kinds),
            *((name, *(str(by[k]) for k in ("characters", *kinds))) for name, by in self.rows),
        ]
        widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell + " " * (w - _columns(cell)) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def sentence(self) -> str:
        """For the screen."""
        return f"{self.documents} documents, {self.characters} characters, {self.directives} directives, {self.errors} errors"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def times(stats: EngineStats, writing: float) -> str:
    """Where the time of this start went, and how many windows had their answer already; for the screen."""
    stages = {"reading": stats.reading, "cleaning": stats.cleaning, "model": stats.model, "decoding": stats.decoding}
    shown = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in (stages | {"writing": writing}).items())
    return f"{shown}; {stats.cached} of {stats.windows} windows from the cache"
