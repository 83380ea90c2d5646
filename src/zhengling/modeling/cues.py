"""Where a later clause of a sentence is a demand of its own: behind a comma, at a cue, if a cue stands before it as well.

Guidelines, D4: one sentence is one directive, unless a later clause brings its own cue word. “要防汛，要防火” is two,
“对隐患，要整改” is one: what stands before the comma must be a demand by itself. The heads see one token at a time and now
and then run on over such a comma; which cues part there is counted on the training gold, so that a scheme with another rule is
not given this one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

CUES = (
    "特别是要", "尤其要", "同时要", "切不可", "坚决不", "不得", "严禁", "禁止", "不能", "不可", "不要",
    "决不", "绝不", "务必", "必须", "也要", "更要", "还要", "又要", "既要", "并要", "要",
)  # fmt: skip
"""What may open a clause that demands; of two that begin alike the longer one stands first."""
LEAST, SHARE = 5, 0.85
"""How many places in the training gold a cue must have, and at what share of them it must part."""
_COMMA_AND_CUE = re.compile(f"[，,](?=({'|'.join(CUES)})(?![求素点闻]))")
_CUE = re.compile(
    "(?<![重主需必首只摘纪概紧扼简险机将])要(?![求素点害闻道塞领么是务职案人目件地])|必须|务必|不得|严禁|决不|绝不|禁止"
)
_TOPIC = "的者时后"
"""What a clause that names a topic or a condition ends with, cue or not: “需要核查的，要…”."""


def token_letters(tokenizer: PreTrainedTokenizerBase, size: int) -> NDArray[np.str_]:
    """The character of each token id, shape ``[size]``; of a token of several, and of a special one, a space."""
    letters = np.full(size, " ", dtype="<U1")
    for token, number in tokenizer.get_vocab().items():
        letters[number] = token if len(token) == 1 else " "
    return letters


def text_of(ids: NDArray[np.int64], letters: NDArray[np.str_]) -> str:
    """The text of token ids, a character each; ``letters``: of :func:`token_letters`."""
    return letters[ids].tobytes().decode("utf-32-le", "surrogatepass")


def parting_places(text: str, cues: Sequence[str]) -> list[tuple[int, str]]:
    """The commas of a text with one of ``cues`` behind them, each with the cue; not those behind a topic."""
    found = ((match.start(), match[1]) for match in _COMMA_AND_CUE.finditer(text))
    return [(place, cue) for place, cue in found if cue in cues and place and text[place - 1] not in _TOPIC]


def demands(text: str, start: int, end: int) -> bool:
    """Whether a stretch has a cue."""
    return _CUE.search(text, start, end) is not None


def count_cues(sequences: Iterable[tuple[str, NDArray[np.int64]]]) -> dict[str, tuple[int, int]]:
    """Per cue, at how many commas behind a demand gold parts, and at how many it does not.

    Each sequence is one paragraph: its characters, one per token, and its directive tags.
    """
    parted: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    for text, tags in sequences:
        begins = np.flatnonzero(tags % 2)
        for place, cue in parting_places(text, CUES):
            before = begins[: np.searchsorted(begins, place)]
            if not len(before) or not tags[before[-1] : place].all() or not demands(text, int(before[-1]), place):
                continue
            if tags[place] and tags[place + 1] == tags[place]:  # a cue stands behind the comma
                joined[cue] += 1
            elif not tags[place] and tags[place + 1] % 2:
                parted[cue] += 1
    return {cue: (parted[cue], joined[cue]) for cue in CUES if parted[cue] + joined[cue]}


def cues_that_part(counts: Mapping[str, tuple[int, int]], known: Sequence[str] = ()) -> list[str]:
    """Those that do so in gold, by :data:`LEAST` and :data:`SHARE`; of those that are too rare in it the ``known`` ones."""
    enough = {cue: parted >= SHARE * (parted + joined) for cue, (parted, joined) in counts.items() if parted + joined >= LEAST}
    return [cue for cue in CUES if enough.get(cue, cue in known)]


def part_at_cues(tags: NDArray[np.int16], logits: NDArray[np.float32], text: str, cues: Sequence[str]) -> NDArray[np.int16]:
    """The directive tags ``[tokens]``, each directive parted at the commas behind a demand with one of ``cues`` behind them.

    The kind of a part is the likeliest by ``logits``, ``[tokens, tags]``; ``text``: a character per token.
    """
    parted = tags.copy()
    edges = np.append(np.flatnonzero((tags == 0) | (tags % 2 == 1)), len(tags))
    last = -1
    for place, _ in parting_places(text, cues):
        number = int(np.searchsorted(edges, place, side="right"))
        end = int(edges[number])
        if place + 1 >= end or not tags[place] or tags[place] % 2:
            continue  # outside, or at the end of a directive
        start = max(int(edges[number - 1]), last + 1)
        if not demands(text, start, place):
            continue
        inside = 2 + 2 * int(logits[place + 1 : end, 2::2].sum(0).argmax())
        parted[place], parted[place + 1], parted[place + 2 : end] = 0, inside - 1, inside
        last = place
    return parted
