"""UTF-8 read by a wrong table that lost bytes on the way: the likeliest way to put the bytes together again.

Each source character gives one or two bytes, a lost one (``?``, U+FFFD) a byte that is not known, and characters in
between may be in order already. The cheapest path through these readings is taken; characters with unknown bytes are
then chosen by the frequency table. Work grows with the length of the stretch, for few readings are alive at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from zhengling.text.frequencies import CLASSES, UNKNOWN, frequencies
from zhengling.text.partition import Offsets, share_out

COMMON, COMMON_COST, RARE_COST = 9.0, 1.0, 8.0
"""A character that costs less than the first by itself is common; what it costs to take one as being in order."""
LITERAL_MARK_COST = 2.0
"""The same for a question mark."""
WILD_COST, DROPPED_COST = 1.5, 4.0
"""What an unknown byte costs that left a trace, and one that left none."""
DEAREST = 2.0
"""A stretch whose source characters cost more than this on average is no mojibake."""
PATHS, LIKELY = 4, 48
"""Paths kept while the characters with unknown bytes are chosen, and characters tried for each place."""
LOST = "?？\ufffd"
_CLASS = {chr(code): form for code, form in CLASSES.items()}

Bytes = tuple[int | None, ...]
Piece = Bytes | str
"""A clean character: its bytes, None for an unknown one, or itself."""
Event = tuple[int, tuple[Piece, ...]]
"""One source character: how many bytes it stands for, and the clean characters completed by it."""
LostCost = Callable[[int, int | None], float]
"""What it costs to think that this byte was lost before that one (None: not known)."""
Chain = tuple["Chain | None", Event]
Text = tuple["Text | None", str]
States = dict[Bytes, tuple[float, "Chain | None"]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A clean text and per character the stretch of source characters that it stands for.

    ``known`` characters were put together from bytes that are all there, ``guessed`` ones from some that are lost.
    """

    clean: str
    starts: Offsets
    ends: Offsets
    known: int = 1
    guessed: int = 0


def read_lossy(
    text: str, around: tuple[str, str], bytes_of: Callable[[str], Bytes | None], lost_cost: LostCost
) -> Reading | None:
    """The likeliest reading of a stretch between two characters, None if there is none."""
    states: States = {(): (0.0, None)}
    for character in text:
        states = _step(states, character, bytes_of(character))
        if not states:
            return None
    completed = [(cost + DROPPED_COST * _missing(held), held, chain) for held, (cost, chain) in states.items()]
    cost, held, chain = min(completed, key=lambda entry: entry[0])
    if cost > DEAREST * len(text) + 8:
        return None
    events: list[Event] = []
    while chain is not None:
        chain, event = chain
        events.append(event)
    events.reverse()
    if held and events:
        size, pieces = events[-1]
        events[-1] = (size + _missing(held), (*pieces, _padded(held)))
    return _reading(events, around, lost_cost)


def _reading(events: Sequence[Event], around: tuple[str, str], lost_cost: LostCost) -> Reading:
    pieces = [piece for _, done in events for piece in done]
    sizes = [len(piece.encode("utf-8", "surrogatepass")) if isinstance(piece, str) else len(piece) for piece in pieces]
    put = [piece for piece in pieces if not isinstance(piece, str)]
    guessed = sum(None in piece for piece in put)
    starts, ends = share_out(sizes, [size for size, _ in events])
    return Reading(_choose(pieces, around, lost_cost), starts, ends, len(put) - guessed, guessed)


def _step(states: States, character: str, raw: Bytes | None) -> States:
    found: States = {}

    def offer(cost: float, held: Bytes, chain: Chain | None, size: int, done: tuple[Piece, ...]) -> None:
        if held not in found or cost < found[held][0]:
            found[held] = (cost, (chain, (size, done)))

    own = len(character.encode("utf-8", "surrogatepass"))
    literal = _literal_cost(character)
    for held, (cost, chain) in states.items():
        if not held:
            offer(cost + literal, (), chain, own, (character,))
        if character in LOST:
            lost = _feed(held, (None,))
            if lost and held:
                offer(cost + WILD_COST, lost[0], chain, 1, lost[1])
        if raw is not None:
            fed = _feed(held, raw)
            if fed:
                offer(cost, fed[0], chain, len(raw), fed[1])
        if held:
            missing = _missing(held)
            fresh = _feed((), raw) if raw is not None else None
            if fresh:
                offer(cost + DROPPED_COST * missing, fresh[0], chain, len(raw or ()) + missing, (_padded(held), *fresh[1]))
            offer(cost + DROPPED_COST * missing + literal, (), chain, own + missing, (_padded(held), character))
    return found


def _literal_cost(character: str) -> float:
    if character in LOST:
        return LITERAL_MARK_COST
    if character.isascii():
        return 0.0
    return COMMON_COST if frequencies().singles.get(character, UNKNOWN) < COMMON else RARE_COST


def _feed(held: Bytes, raw: Bytes) -> tuple[Bytes, tuple[Piece, ...]] | None:
    """Add bytes to those held; returns the bytes held then and the characters completed, None if they do not fit."""
    done: list[Piece] = []
    for byte in raw:
        if held:
            if byte is not None and not 0x80 <= byte < 0xC0:
                return None
            held = (*held, byte)
            if not _missing(held):
                done.append(held)
                held = ()
        elif byte is not None and byte < 0x80:
            done.append(chr(byte))
        elif byte is not None and (0xE0 <= byte < 0xF5 or byte in (0xC2, 0xC3)):
            held = (byte,)
        else:
            return None
    return held, tuple(done)


def _missing(held: Bytes) -> int:
    """How many bytes are missing until the character that begins with these is complete."""
    if not held:
        return 0
    lead = held[0] or 0
    return (2 if lead < 0xE0 else 3 if lead < 0xF0 else 4) - len(held)


def _padded(held: Bytes) -> Bytes:
    return held + (None,) * _missing(held)


def _choose(pieces: Sequence[Piece], around: tuple[str, str], lost_cost: LostCost) -> str:
    """Write the pieces out; of the characters that fit the known bytes, the most plausible path is taken."""
    cost = frequencies().cost
    before, after = (_CLASS.get(character, character) for character in around)
    paths: list[tuple[float, str, Text | None]] = [(0.0, before, None)]
    for piece, following in zip(pieces, [*pieces[1:], around[1]], strict=True):
        found: list[tuple[float, str, Text | None]] = []
        for character, weighed, doubt in _candidates(piece, _first_byte(following), lost_cost):
            best = min(paths, key=lambda path: path[0] + cost(path[1], weighed)) if len(paths) > 1 else paths[0]
            found.append((best[0] + cost(best[1], weighed) + doubt, weighed, (best[2], character)))
        paths = sorted(found, key=lambda path: path[0])[:PATHS] if len(found) > 1 else found
    chain = min(paths, key=lambda path: path[0] + cost(path[1], after))[2]
    characters = []
    while chain is not None:
        chain, character = chain
        characters.append(character)
    return "".join(reversed(characters))


def _first_byte(piece: Piece) -> int | None:
    """The byte that follows a lost one, None if it is not known or begins a character that is in order."""
    if isinstance(piece, str):
        return ord(piece[0]) if piece[:1].isascii() and piece else None
    return piece[0]


@lru_cache(maxsize=8192)
def _candidates(piece: Piece, following: int | None, lost_cost: LostCost) -> tuple[tuple[str, str, float], ...]:
    """The characters that a piece may be, what each is weighed as, and what it costs to think that its bytes were lost."""
    if isinstance(piece, str):
        return ((piece, _CLASS.get(piece, piece), 0.0),)
    if None not in piece:
        character = bytes(byte or 0 for byte in piece).decode("utf-8", "replace")[:1]
        return ((character, _CLASS.get(character, character), 0.0),)
    after = (*piece[1:], following)
    found = []
    for character in _by_pattern().get(piece, ("\ufffd",)):
        raw = character.encode("utf-8")
        doubt = sum(lost_cost(raw[at], after[at]) for at, byte in enumerate(piece) if byte is None and at < len(raw))
        found.append((frequencies().singles.get(character, UNKNOWN) + doubt, character, doubt))
    return tuple((character, _CLASS.get(character, character), doubt) for _, character, doubt in sorted(found)[:LIKELY])


@cache
def _by_pattern() -> dict[Bytes, list[str]]:
    """The characters of the frequency table by the bytes of them that are known."""
    found: dict[Bytes, list[str]] = {}
    for character, cost in frequencies().singles.items():
        raw = character.encode("utf-8")
        if len(raw) != 3 or cost >= UNKNOWN:
            continue
        a, b, c = raw
        for pattern in ((a, b, None), (a, None, c), (a, None, None), (None, b, c), (None, None, c), (None, b, None)):
            found.setdefault(pattern, []).append(character)
    return found
