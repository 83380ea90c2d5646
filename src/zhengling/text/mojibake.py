"""Mojibake: text decoded by the wrong table, whole files or stretches of them.

UTF-8 read as GBK (``浼氳``), UTF-8 or GBK read as Latin-1 or cp1252, GBK read as UTF-8 with escaped bytes. A stretch
is encoded again by the table that was wrong and decoded by the right one; each clean character stands for the source
characters that begin within its bytes. What comes out must be far more plausible than what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from zhengling.text.aligned import Edit
from zhengling.text.frequencies import frequencies
from zhengling.text.gbk import lost_pair_cost, pair_bytes
from zhengling.text.partition import share_out
from zhengling.text.traditional import simplify
from zhengling.text.utf8_lattice import LOST, Bytes, Reading, read_lossy

GAIN = 10.0
"""How much cheaper, in nats, the recoded stretch must be than the stretch as it stands."""
MOST_LOST = 0.4
"""Lost bytes, of all characters of a stretch, from which on it is not worth a try."""
PERVADED = 3
"""From as many stretches on, a single character is enough to try the stretch that it stands in."""
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
_CP1252 = {bytes((byte,)).decode("cp1252"): byte for byte in range(0x80, 0xA0) if byte not in _UNDEFINED}
_WEST = "\x80-\xff" + "".join(_CP1252)
_WEST_TRIGGER = re.compile(rf"[\xa1-\xf7][{_WEST}]")
_WEST_RUN = re.compile(rf"[{_WEST}][{_WEST}\ufffd\x20-\x7e]*")
_ESCAPED = re.compile("[\udc80-\udcff]")
_LINE = re.compile(r"[^\n]+")
Recoder = Callable[[str, tuple[str, str]], Reading | None]
"""Reads a stretch anew, given the characters before and after it."""


def _gbk_triggers() -> str:
    """The characters that GBK reads where UTF-8 has a lead byte of Chinese and its second byte; hardly in other use."""
    pairs = (bytes((lead, trail)) for lead in (0xE2, 0xE3, *range(0xE4, 0xEA), 0xEF) for trail in range(0x80, 0xC0))
    return "".join(pair.decode("gbk", errors="ignore") for pair in pairs)


_TRIGGERS = frozenset(_gbk_triggers())
_ANY = "".join(sorted(_TRIGGERS))
WEST_SIGNS, GBK_SIGNS = frozenset(map(chr, range(0xA1, 0xF8))), _TRIGGERS
ESCAPED_SIGNS = frozenset(map(chr, range(0xDC80, 0xDD00)))
"""A text without any of these characters holds no mojibake of the kind."""
_GBK_TRIGGER = re.compile(f"[{_ANY}](?:[^\n]{{2}}|[^\n]?)[{_ANY}]")
_GBK_SIGN = re.compile(f"[{_ANY}]")
_GBK_RUN = re.compile(r"[^\x00-\x3e@-\x7f]+")


def find_west(text: str) -> list[Edit]:
    """The repairs of UTF-8 or GBK read as Latin-1 or cp1252."""
    return list(_recoded(text, _WEST_TRIGGER, _WEST_RUN, _from_west)) if _WEST_TRIGGER.search(text) else []


def find_gbk(text: str) -> list[Edit]:
    """The repairs of UTF-8 read as GBK."""
    return list(_recoded(text, _GBK_TRIGGER, _GBK_RUN, _from_gbk)) if _GBK_TRIGGER.search(text) else []


def find_escaped(text: str) -> list[Edit]:
    """The repairs of GBK read as UTF-8 with its bytes escaped."""
    return list(_recoded(text, _ESCAPED, _LINE, _from_escaped))


def _recoded(text: str, trigger: re.Pattern[str], runs: re.Pattern[str], recode: Recoder) -> Iterator[Edit]:
    pervaded = trigger is _GBK_TRIGGER and len(trigger.findall(text)) >= max(PERVADED, len(text) // 200)
    if pervaded:
        trigger = _GBK_SIGN
    for run in runs.finditer(text):
        if not trigger.search(run[0]):
            continue
        reading = recode(run[0], (text[run.start() - 1 : run.start()] or "\n", text[run.end() : run.end() + 1] or "\n"))
        if reading is None or reading.clean == run[0] or (reading.guessed > reading.known and not pervaded):
            continue
        if _cost(run[0]) - _cost(reading.clean) < GAIN:
            continue
        yield from _edits(reading, run.start(), run[0])


def _cost(text: str) -> float:
    return frequencies().cost_of(simplify(text.encode("utf-8", "replace").decode("utf-8")))


def _edits(reading: Reading, offset: int, old: str) -> Iterator[Edit]:
    """One edit for each clean character, or for those together that lie in one source character."""
    bounds = list(zip(reading.starts.tolist(), reading.ends.tolist(), reading.clean, strict=True))
    at = 0
    while at < len(bounds):
        start, end, clean = bounds[at]
        at += 1
        while at < len(bounds) and bounds[at][0] < end:
            clean += bounds[at][2]
            end = max(end, bounds[at][1])
            at += 1
        if old[start:end] != clean:
            yield offset + start, offset + end, clean


def _strict(text: str, raw: bytes, encoding: str, sizes: list[int]) -> Reading | None:
    try:
        clean = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    return Reading(clean, *share_out([len(character.encode(encoding)) for character in clean], sizes))


def _west_byte(character: str) -> int | None:
    code = _CP1252.get(character, ord(character))
    return code if code < 0x100 else None


def _west_bytes(character: str) -> Bytes | None:
    code = _west_byte(character)
    if character == " ":
        return (0xA0,)
    return None if code is None else (code,)


def _west_lost_cost(byte: int, following: int | None) -> float:
    """Five bytes have no character in cp1252; that any other was lost is less likely."""
    return 0.0 if byte in _UNDEFINED else 6.0


def _from_west(text: str, around: tuple[str, str]) -> Reading | None:
    codes = [_west_byte(character) for character in text]
    raw = bytes(code for code in codes if code is not None)
    ones = [1] * len(text)
    strict = _strict(text, raw, "utf-8", ones) if len(raw) == len(text) else None
    if strict is not None or sum(byte >= 0x80 for byte in raw) < 4:
        return strict  # an accented vowel and a space would be a character of GBK too
    if len(raw) == len(text):
        strict = _strict(text, raw, "gbk", ones)
    return strict or read_lossy(text, around, _west_bytes, _west_lost_cost)


def _gbk_bytes(character: str) -> Bytes | None:
    return None if character.isascii() else pair_bytes(character)


def _from_gbk(text: str, around: tuple[str, str]) -> Reading | None:
    pairs = [pair_bytes(character) for character in text]
    if None not in pairs and not any(character in LOST for character in text):
        raw = bytes(byte for pair in pairs if pair for byte in pair)
        strict = _strict(text, raw, "utf-8", [2] * len(text))
        if strict is not None:
            return strict
    if sum(map(text.count, LOST)) > len(text) * MOST_LOST + 1:
        return None
    return read_lossy(text, around, _gbk_bytes, lost_pair_cost)


def _from_escaped(text: str, _around: tuple[str, str]) -> Reading | None:
    sizes = [len(character.encode("utf-8", "surrogateescape")) for character in text]
    return _strict(text, text.encode("utf-8", "surrogateescape"), "gb18030", sizes)
