"""The search for the repair of one byte slip, see :mod:`zhengling.text.slips`.

The source characters after a lost byte are taken apart into bytes and put together one byte earlier; a beam keeps the
likeliest ways to do so, and of the places where the slip may end the one with the most plausible text is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from zhengling.text.aligned import Edit
from zhengling.text.frequencies import Frequencies, frequencies
from zhengling.text.gbk import LEADS, forms_of, lost_pair_cost, pair_bytes, pair_table, readings, weighed_as
from zhengling.text.glosses import LOST_BEFORE_GLOSS
from zhengling.text.lost_bytes import completion, marks_of, named
from zhengling.text.marks import mark_costs

GAIN = 10.0
"""How much cheaper, in nats, the repaired stretch must be than the stretch as it stands."""
PATIENCE = 14.0
"""A reading that is dearer than the stretch as it stands by more than this is given up."""
DEAREST = 7.0
"""What a character of plausible text costs at most, in nats; what is dearer counts twice against a slip."""
IMPLAUSIBLE = 11.0
"""A slip whose characters cost more than this on average is none."""
FOLDED_MARK_COST = 3.0
"""What it costs that a ``?`` within a slip is a full-width one, folded, and not the end."""
TRIPLE_GAIN = 8.0
"""What a triple of the table, or of the text itself, speaks for its middle character."""
SAMPLE, OWN = 5_000, 50
"""Characters of the text that are searched for its own triples, and how often one character is looked up in them."""
LONGEST, FAR = 400, 40
"""Characters after which a slip must have ended, and after which no better end is looked for."""
PATIENT = 300
"""Work in vain after which only bytes that begin punctuation are tried."""
BEAM = 4
LOST_SIGNS = f"?？\ufffd{LOST_BEFORE_GLOSS}"
"""The signs that stand for a lost byte."""
_MARK_LEADS = {0xA1: 0.0, 0xA3: 0.0}
_OTHER_LEADS = {lead: 6.0 for lead in LEADS if lead not in _MARK_LEADS}
_DROPPED_COST = 5.0
_NO_MARKS: dict[str, float] = {}

Chain = tuple["Chain | None", str]
State = tuple[float, "Chain | None"]
States = dict[tuple[int, str], State]


@dataclass(frozen=True, slots=True)
class Slip:
    """A repaired stretch ``text[start:end]``, its clean text and how much speaks for it, in nats."""

    start: int
    end: int
    clean: str
    score: float

    def edits(self) -> list[Edit]:
        """The first clean character stands for two characters, each other one for one; a last pair may share one."""
        rest = self.end - self.start - 2
        if not rest:
            return [(self.start, self.end, self.clean)]
        edits: list[Edit] = [(self.start, self.start + 2, self.clean[0])]
        if rest > 1:
            edits.append((self.start + 2, self.end - 1, self.clean[1:rest]))
        return [*edits, (self.end - 1, self.end, self.clean[rest:])]


class Search:
    """The search for slips in one text; it is given up after too much work in vain."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.table: Frequencies = frequencies()
        self.weighed = weighed_as()
        self.wasted = self.attempts = 0

    def exhausted(self) -> bool:
        """Whether too much work was in vain for going on."""
        return self.attempts > 300 + len(self.text) // 15 or self.wasted > 1_000 + len(self.text) // 50

    def _weighed(self, position: int) -> str:
        if not 0 <= position < len(self.text):
            return "\n"
        return self.weighed.get(self.text[position], self.text[position])

    def slip_at(self, start: int) -> Slip | None:
        """The best repair of a slip that begins at the ``?`` at ``start``, None if none is plausible.

        The lost byte is looked for among those that begin Chinese punctuation, then among all.
        """
        if self._reads_on(start):
            return None
        self.attempts += 1
        slip = self._slip_after(start, _MARK_LEADS)
        if slip is None and self.wasted < PATIENT:
            slip = self._slip_after(start, _OTHER_LEADS)
        return slip

    def _reads_on(self, start: int) -> bool:
        """Whether the three characters after a question mark are pairs that the table knows: then it is a real one."""
        a, b, c = (self._weighed(start + k) for k in (1, 2, 3))
        pairs = self.table.pairs
        return min(a, b, c) >= "\u4e00" and b in pairs.get(a, _NO_MARKS) and c in pairs.get(b, _NO_MARKS)

    def _slip_after(self, start: int, leads: dict[int, float]) -> Slip | None:
        cost, weighed = self.table.cost, self.weighed
        text, last = self.text, len(self.text)
        before, here = self._weighed(start - 1), self._weighed(start)
        standing = cost(before, here)
        states: States = {(lead, before): (extra, None) for lead, extra in leads.items()}
        best: Slip | None = None
        at = start + 1
        after = self._weighed(at)
        place = mark_costs(text, start, last)
        while states and at < min(last, start + LONGEST):
            earlier, here = here, after
            after = weighed.get(text[at + 1], text[at + 1]) if at + 1 < last else "\n"
            standing += cost(earlier, here)
            if at > start + 1 and here.isascii() and here != "?":
                best = self._better(best, start, at, standing, self._dropped(states, here))
            ended = self._ended(states, at, after, start)
            best = self._better(best, start, at + 1, standing + cost(here, after), ended)
            surcharge = FOLDED_MARK_COST if at > start + 1 and here in LOST_SIGNS else 0.0
            states = self._step(states, text[at], surcharge, _NO_MARKS if at > start + 1 else place)
            if states and min(states.values(), key=_cost_of)[0] > standing + PATIENCE:
                break
            at += 1
            if best is not None and at > best.end + FAR:
                break
        self.wasted += at - (start - 5 if best is None else best.end)
        return best

    def _better(self, best: Slip | None, start: int, end: int, standing: float, ended: State | None) -> Slip | None:
        """The better of two slips; of a longer one the text must be as plausible, for more of what stood is gone."""
        if ended is None:
            return best
        gain = standing - ended[0]
        score = gain - max(0.0, ended[0] - DEAREST * (end - start))
        if gain < GAIN or ended[0] > IMPLAUSIBLE * (end - start) or (best is not None and score <= best.score):
            return best
        return Slip(start, end, _text_of(ended[1]), score)

    def _step(self, states: States, character: str, surcharge: float, extra: Mapping[str, float]) -> States:
        """Take one more source character apart; each state's lead byte gets the first of its bytes."""
        found: States = {}
        pairs, weighed, cost = pair_table(), self.weighed, self.table.cost
        for lead, trail, doubt in readings(character):
            if trail < 0x80:
                continue
            for (pending, last), (total, chain) in states.items():
                clean = pairs[pending << 8 | lead]
                if clean is None:
                    continue
                simple = weighed[clean]
                new = total + doubt + surcharge + cost(last, simple) + extra.get(clean, 0.0)
                known = found.get((trail, simple))
                if known is None or new < known[0]:
                    found[trail, simple] = (new, (chain, clean))
        if len(found) > BEAM:
            found = dict(sorted(found.items(), key=lambda item: item[1][0])[:BEAM])
        return found

    def _ended(self, states: States, at: int, after: str, start: int) -> State | None:
        """The best state in which the source character at ``at`` is one byte that brings the bytes back in step."""
        character = self.text[at]
        if character in LOST_SIGNS:
            following = None if character == LOST_BEFORE_GLOSS else _first_byte(self.text, at + 1)
            if at > start + 1:
                return self._completed(states, after, following, _NO_MARKS)
            marks = {key: state for key, state in states.items() if key[0] in _MARK_LEADS}
            return self._completed(marks, after, following, mark_costs(self.text, start, at + 1)) if marks else None
        best: State | None = None
        for byte, letter in _last_bytes(character):
            for (lead, last), (total, chain) in states.items():
                clean = pair_table()[lead << 8 | byte]
                if clean is None:
                    continue
                path = [last, self.weighed[clean], *map(self.weighed.__getitem__, letter), after]
                new = total + sum(map(self.table.cost, path, path[1:]))
                if best is None or new < best[0]:
                    best = (new, ((chain, clean), letter) if letter else (chain, clean))
        return best

    def _dropped(self, states: States, here: str) -> State | None:
        """The best state in which a last byte was dropped without a trace before a line end or ASCII character."""
        ended = self._completed(states, here, None, _NO_MARKS)
        return ended and (ended[0] + _DROPPED_COST, ended[1])

    def _completed(self, states: States, after: str, following: int | None, extra: Mapping[str, float]) -> State | None:
        """The best way to complete the pending lead bytes by a byte that is not known."""
        best: State | None = None
        for (lead, last), (total, chain) in states.items():
            cost, clean = (float("inf"), "") if extra else completion(last, lead, after, following)
            favoured = self._favoured(last, after)
            for trail, other, simple in marks_of(lead) if extra else named(lead, favoured):
                new = self.table.cost(last, simple) + self.table.cost(simple, after)
                new += lost_pair_cost(trail, following) + extra.get(other, 0.0)
                new -= TRIPLE_GAIN if simple in favoured else 0.0
                if new < cost:
                    cost, clean = new, other
            if clean and (best is None or total + cost < best[0]):
                best = (total + cost, (chain, clean))
        return best

    def _favoured(self, before: str, after: str) -> set[str]:
        """The characters that stand between these two in the text itself, or in the triples of the table."""
        found = set(self.table.triples.get(before + after, ""))
        for form in forms_of(before):
            at = self.text.find(form, 0, SAMPLE)
            for _ in range(OWN):
                if at < 0:
                    break
                if self._weighed(at + 2) == after:
                    found.add(self._weighed(at + 1))
                at = self.text.find(form, at + 1, SAMPLE)
        return found


@cache
def _last_bytes(character: str) -> tuple[tuple[int, str], ...]:
    """Bytes of a character that may end a slip: an ASCII one, or the first of two with a letter after."""
    if "@" <= character <= "~":
        return ((ord(character), ""),)
    return tuple((lead, chr(trail)) for lead, trail, _ in readings(character) if trail < 0x80)


def _cost_of(state: State) -> float:
    return state[0]


def _text_of(chain: Chain | None) -> str:
    characters = []
    while chain is not None:
        chain, character = chain
        characters.append(character)
    return "".join(reversed(characters))


def _first_byte(text: str, at: int) -> int | None:
    """The first byte of the character after a lost one, if it is of two bytes."""
    pair = pair_bytes(text[at]) if at < len(text) and not text[at].isascii() else None
    return pair and pair[0]
