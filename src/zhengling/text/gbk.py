"""GBK byte by byte: what two bytes decode to, and the bytes that a character may have come from."""

from __future__ import annotations

from functools import cache

from zhengling.text.frequencies import CLASSES, UNKNOWN
from zhengling.text.traditional import simplify

LEADS = range(0x81, 0xFF)
TRAILS = tuple(byte for byte in range(0x40, 0xFF) if byte != 0x7F)
FOLDED_COST = 0.5
"""What it costs to take an ASCII character for a full-width one that was folded (``?`` for ``？``)."""
CONVERTED_COST = 2.0
"""What it costs to take a traditional character for a simplified one that was converted after the damage."""

_KNOWN_PAIR_COST, _WIDE_PAIR_COST = 12.0, 8.0


@cache
def pair_table() -> tuple[str | None, ...]:
    """The GBK character of ``lead * 256 + trail``, None where there is none, shape ``[65536]``."""
    table: list[str | None] = [None] * 0x10000
    for lead in LEADS:
        for trail in TRAILS:
            try:
                table[lead << 8 | trail] = bytes((lead, trail)).decode("gbk")
            except UnicodeDecodeError:
                continue
    return tuple(table)


@cache
def weighed_as() -> dict[str, str]:
    """Per character of GBK the one that the frequency table counts it as: simplified, digits 0, letters a."""
    characters = "".join(character for character in pair_table() if character) + "".join(map(chr, range(0x80)))
    return dict(zip(characters, simplify(characters).translate(CLASSES), strict=True))


@cache
def _forms() -> dict[str, str]:
    forms: dict[str, str] = {}
    for character, simple in weighed_as().items():
        forms[simple] = forms.get(simple, "") + character
    return forms


def forms_of(simple: str) -> str:
    """The characters of GBK that the frequency table counts as this one."""
    return _forms().get(simple, simple)


@cache
def row(lead: int) -> tuple[tuple[int, str, str], ...]:
    """The row of a lead byte: trail bytes, characters and what these are weighed as."""
    table, weighed = pair_table(), weighed_as()
    return tuple((trail, c, weighed[c]) for trail in TRAILS if (c := table[lead << 8 | trail]) is not None)


@cache
def pair_bytes(character: str) -> tuple[int, int] | None:
    """The two bytes that GB18030 writes a character with, if it is two."""
    try:
        raw = character.encode("gb18030")
    except UnicodeEncodeError:
        return None
    return (raw[0], raw[1]) if len(raw) == 2 else None


@cache
def readings(character: str) -> tuple[tuple[int, int, float], ...]:
    """Two bytes that a character may have been decoded from: lead, trail and what it costs to think so."""
    if "!" <= character <= "~":
        return ((0xA3, ord(character) + 0x80, FOLDED_COST),)
    found = [(*own, 0.0)] if (own := pair_bytes(character)) else []
    simple = weighed_as().get(character, character)
    if simple != character and (other := pair_bytes(simple)):
        found.append((*other, CONVERTED_COST))
    return tuple(found)


@cache
def is_gb2312(lead: int, trail: int) -> bool:
    """Whether the pair is a character of the older, smaller set."""
    try:
        bytes((lead, trail)).decode("gb2312")
    except UnicodeDecodeError:
        return False
    return True


@cache
def lost_pair_cost(byte: int, following: int | None) -> float:
    """What it costs to think that a byte was lost because it made no pair with the one that follows.

    A pair that GBK knows speaks against it, one that GB2312 knows even more; 80 and FF never begin a pair.
    """
    if following is None or following < 0x40:
        return 0.0
    if byte < 0x80:
        return UNKNOWN
    if byte not in LEADS or pair_table()[byte << 8 | following] is None:
        return 0.0
    return _KNOWN_PAIR_COST if is_gb2312(byte, following) else _WIDE_PAIR_COST
