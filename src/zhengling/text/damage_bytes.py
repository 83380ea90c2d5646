"""Damage to the bytes of a text: a slip of one byte, and decoding by the wrong table."""

from __future__ import annotations

from functools import cache

import numpy as np

from zhengling.text.gbk import LEADS
from zhengling.text.partition import Offsets, share_out

Misread = tuple[str, Offsets, Offsets]
"""What a text becomes, and per character of it the half-open stretch of what it became."""
CODECS = {
    "utf8_as_gb18030": ("utf-8", "gb18030", "\ufffd"),
    "utf8_as_gbk": ("utf-8", "gbk", "\ufffd"),
    "utf8_as_gbk_marks": ("utf-8", "gbk", "?"),
}
"""Text of two bytes a character: the encoding it was in, the one it was read by, and the sign for a lost byte."""
LATIN = {
    "utf8_as_latin1": ("utf-8", "latin-1", ""),
    "utf8_as_cp1252": ("utf-8", "cp1252", "\ufffd"),
    "gbk_as_latin1": ("gb18030", "latin-1", ""),
}
"""The same, read by one byte a character."""


@cache
def _decoded(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def misread(text: str, name: str) -> Misread:
    """A text read by the wrong table; ``name`` is one of :data:`CODECS` or :data:`LATIN`."""
    right, wrong, lost = (CODECS | LATIN)[name]
    raw = text.encode(right)
    if name in LATIN:
        new = "".join(_decoded(bytes((byte,)), wrong) or lost for byte in raw)
        sizes = [1] * len(raw)
    else:
        new, sizes = _by_pairs(raw, wrong, lost)
    return new, *share_out([len(character.encode(right)) for character in text], sizes)


def _by_pairs(raw: bytes, codec: str, lost: str) -> tuple[str, list[int]]:
    """Decode as Python does with ``errors="replace"``, one lost byte at a time."""
    characters, sizes, at = [], [], 0
    while at < len(raw):
        size = 1 if raw[at] < 0x80 else 2
        character = _decoded(raw[at : at + size], codec)
        if character is None:
            size, character = 1, lost
        characters.append(character)
        sizes.append(size)
        at += size
    return "".join(characters), sizes


def slip_at(text: str, at: int, codec: str, lost: str, folded: bool) -> Misread | None:
    """A slip that begins with the first byte of the character at ``at`` and ends where the bytes are in step again.

    Returns the damaged stretch alone and the stretches of the characters that it was; None if the text cannot be
    written in GBK there.
    """
    raw: list[int] = []
    sizes: list[int] = []
    characters, widths = ["?"], [1]
    position = 1  # of the decoder, in bytes of the stretch
    while True:
        while sum(sizes) < position + 2 and at + len(sizes) < len(text):
            try:
                new = text[at + len(sizes)].encode("gb18030")
            except UnicodeEncodeError:
                return None
            raw += new
            sizes.append(len(new))
        if position >= len(raw) or (position > 1 and position in np.cumsum(sizes).tolist()):
            break
        character, width = _decode_one(bytes(raw[position : position + 2]), codec, lost)
        characters.append({"？": "?", "！": "!"}.get(character, character) if folded else character)
        widths.append(width)
        position += width
    count = np.cumsum(sizes).tolist().index(position) + 1 if position in np.cumsum(sizes).tolist() else None
    if count is None or sizes[0] != 2 or len(characters) < 2:
        return None
    return "".join(characters), *share_out(sizes[:count], widths)


def _decode_one(raw: bytes, codec: str, lost: str) -> tuple[str, int]:
    if raw[0] < 0x80:
        return chr(raw[0]), 1
    if raw[0] in LEADS and len(raw) == 2:
        character = _decoded(raw, codec)
        if character is not None:
            return character, 2
    return lost, 1
