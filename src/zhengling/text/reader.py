"""The chain that turns a dirty source into clean text with offsets and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zhengling.text.aligned import AlignedText, Edit
from zhengling.text.characters import SPACES, chinese_marks, find_line_ends, fold
from zhengling.text.decode import decode
from zhengling.text.glosses import find_glosses
from zhengling.text.lines import find_broken_lines
from zhengling.text.mojibake import ESCAPED_SIGNS, GBK_SIGNS, WEST_SIGNS, find_escaped, find_gbk, find_west
from zhengling.text.paragraphs import find_lost_breaks, find_paragraphs
from zhengling.text.remains import INVISIBLE, PRIVATE, find_invisible, find_markup, find_private, find_spaced
from zhengling.text.slips import find_slips
from zhengling.text.traditional import mend_conversion, simplify

_DAMAGED = re.compile("\ufffd+|(?<![?？])[?？]{2,}+(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])\\?(?=[\u4e00-\u9fff])")
_SIGN = re.compile("(?<!\ufffd)\ufffd|[?？]")
Finder = Callable[[str], Sequence[Edit]]
Converter = Callable[[str], str]

FINDERS: tuple[tuple[str, Finder, frozenset[str] | None], ...] = (
    ("mojibake", find_west, WEST_SIGNS),
    ("mojibake", find_gbk, GBK_SIGNS),
    ("mojibake", find_escaped, ESCAPED_SIGNS),
    ("line_ends", find_line_ends, frozenset("\r\u2028\u2029\x0b\x0c\x85")),
    ("markup", find_markup, frozenset("<&")),
    ("invisible", find_invisible, INVISIBLE),
    ("glosses", find_glosses, frozenset(")）")),
    ("slips", find_slips, frozenset("?？\ufffd\ufdd0")),
    ("private", find_private, PRIVATE),
    ("spaced", find_spaced, frozenset(SPACES)),
    ("broken_lines", find_broken_lines, frozenset("\n")),
    ("lost_breaks", find_lost_breaks, None),
)
"""The repairs that change the length of the text, in the order in which they are made, each with the characters
without one of which it has nothing to do."""
CONVERTERS: tuple[tuple[str, Converter], ...] = (
    ("forms", fold),
    ("traditional", simplify),
    ("leftovers", mend_conversion),
    ("marks", chinese_marks),
)
"""The repairs that change it character by character, made after them."""
REPAIRS: tuple[str, ...] = tuple(dict.fromkeys((*(name for name, _, _ in FINDERS), *(name for name, _ in CONVERTERS))))
"""The names of the repairs, in the order in which they are made."""


@dataclass(frozen=True, slots=True)
class CleanText:
    """A source as decoded, its clean form and the paragraphs found in it (spans of the clean text).

    ``repairs`` counts per repair the characters that it touched; ``unrepaired`` are spans of the clean text that
    look damaged still: lost characters, and question marks that run into a word.
    """

    source: str
    aligned: AlignedText
    paragraphs: tuple[tuple[int, int], ...]
    encoding: str | None = None
    repairs: Mapping[str, int] = field(default_factory=dict)
    unrepaired: tuple[tuple[int, int], ...] = ()

    @property
    def text(self) -> str:
        """The clean text."""
        return self.aligned.text

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of the clean text stands in the source, see :meth:`AlignedText.to_source`."""
        return self.aligned.to_source(start, end)

    def account(self) -> str:
        """One line: the encoding, the repairs that touched something, the places that look damaged still."""
        touched = ", ".join(f"{name} {count:,}" for name, count in self.repairs.items() if count) or "nothing"
        return f"{self.encoding}; characters touched: {touched}; places still damaged: {len(self.unrepaired)}"


def read(source: bytes | str, *, encoding: str | None = None, off: Collection[str] = ()) -> CleanText:
    """Decode and repair a document; ``off`` names repairs to leave out.

    Raises :class:`zhengling.errors.ReadError` for bytes that are no text, ``ValueError`` for an unknown repair.
    """
    unknown = set(off) - set(REPAIRS)
    if unknown:
        raise ValueError(f"unknown repairs {sorted(unknown)}. Expected some of: {', '.join(REPAIRS)}")
    used = None
    if isinstance(source, bytes):
        source, used = decode(source, encoding)
    aligned = AlignedText.of(source)
    repairs = dict.fromkeys((name for name in REPAIRS if name not in off), 0)
    present = frozenset(source)
    for name, find, signs in FINDERS:
        if name in off:
            continue
        edits = find(aligned.text) if signs is None or not present.isdisjoint(signs) else ()
        if edits:
            repairs[name] += sum(max(end - start, len(new)) for start, end, new in edits)
            aligned = aligned.edit(edits)
            present = present.union(*(new for _, _, new in edits))
    for name, convert in CONVERTERS:
        if name not in off:
            before, aligned = aligned.text, aligned.with_same_length(convert(aligned.text))
            repairs[name] = _differences(before, aligned.text)
    signs_left = (_DAMAGED.match(aligned.text, sign.start()) for sign in _SIGN.finditer(aligned.text))
    unrepaired = tuple(match.span() for match in signs_left if match)
    return CleanText(source, aligned, find_paragraphs(aligned.text), used, repairs, unrepaired)


def _differences(before: str, after: str) -> int:
    """How many characters differ between two texts of the same length."""
    if before == after:
        return 0
    old, new = (np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4") for text in (before, after))
    return int(np.count_nonzero(old != new))
