"""What an offset counts: code points as in Python, UTF-16 code units as in JavaScript, or grapheme clusters."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from zhengling.errors import GoldError

UNITS = ("code-points", "utf-16", "graphemes")


class Ruler:
    """Translates between code points of a text and the unit in which a tool counts."""

    def __init__(self, text: str, unit: str) -> None:
        if unit not in UNITS:
            raise GoldError(f"unknown unit of offsets {unit!r}. Expected one of: {', '.join(UNITS)}")
        self.unit = unit
        self.points = dict(enumerate(_boundaries(text, unit))) if unit != "utf-16" else dict(_utf16(text))
        self.units = {point: offset for offset, point in self.points.items()}

    def read(self, start: object, end: object, where: str) -> tuple[int, int]:
        """A span of the tool's in code points; raises :class:`GoldError` where it is empty or no place in the text."""
        if not _whole(start) or not _whole(end):
            raise GoldError(f"{where}: the span ({start!r}, {end!r}) is not two whole numbers")
        if start not in self.points or end not in self.points:
            raise GoldError(
                f"{where}: the span ({start}, {end}) leaves the text, or splits a character. "
                f"Expected offsets in [0, {max(self.points)}], counted in {self.unit}"
            )
        if self.points[start] >= self.points[end]:
            raise GoldError(f"{where}: the span ({start}, {end}) is empty. Expected its start before its end")
        return self.points[start], self.points[end]

    def write(self, start: int, end: int, where: str) -> tuple[int, int]:
        """A span in code points in the tool's unit; raises :class:`GoldError` where that cannot say it."""
        if start not in self.units or end not in self.units:
            raise GoldError(f"{where}: the span ({start}, {end}) splits a character, {self.unit} cannot say where it stands")
        return self.units[start], self.units[end]


def _boundaries(text: str, unit: str) -> Iterator[int]:
    """The code points at which the units begin, and the end of the text."""
    if unit == "graphemes":
        yield from (match.start() for match in regex.finditer(r"\X", text))
    else:
        yield from range(len(text))
    yield len(text)


def _utf16(text: str) -> Iterator[tuple[int, int]]:
    """Pairs of an offset in UTF-16 code units and in code points; there is none inside a surrogate pair."""
    offset = 0
    for point, char in enumerate(text):
        yield offset, point
        offset += 2 if ord(char) > 0xFFFF else 1
    yield offset, len(text)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
