"""A document as tokens, and its paragraphs laid into windows that the encoder can take; no torch.

A window is ``[CLS] piece [SEP] piece [SEP] …``: whole neighbouring paragraphs as long as they fit, so that each
paragraph is read in its context. A paragraph longer than a window is cut into pieces that overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from zhengling.modeling.lookup import token_ids

Bounds = tuple[int, int]
LONG = 20_000
"""Characters that are tokenized at a time."""
_MARK = re.compile("[。！？；，、]")


@dataclass(frozen=True, slots=True)
class TokenizedDocument:
    """The tokens of all paragraphs, laid end to end."""

    ids: NDArray[np.int64]
    """Token ids, shape ``[tokens]``, without special tokens."""
    starts: NDArray[np.int64]
    """Where each token starts in the clean text, in characters."""
    ends: NDArray[np.int64]
    """Where each token ends."""
    paragraphs: tuple[Bounds, ...]
    """First and last-plus-one token of each paragraph."""

    def tokens_of(self, start: int, end: int) -> Bounds:
        """The tokens that overlap ``text[start:end]``; an empty range if there are none."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.starts, end, side="left"))
        return first, max(first, last)

    def tokens_of_each(self, stretches: Iterable[Bounds]) -> Iterator[Bounds | None]:
        """The tokens of stretches in order: a token that two touch is the first one's; None for what is left without any."""
        cursor = 0
        for start, end in stretches:
            first, last = self.tokens_of(start, end)
            first = max(first, cursor)
            if first < last:
                cursor = last
                yield first, last
            else:
                yield None

    def characters_of(self, first: int, last: int) -> Bounds:
        """The characters from the start of token ``first`` to the end of token ``last - 1``."""
        return int(self.starts[first]), int(self.ends[last - 1])


def tokenize_paragraphs(text: str, paragraphs: Sequence[Bounds], tokenizer: PreTrainedTokenizerBase) -> TokenizedDocument:
    """Tokenize each paragraph of a clean text on its own; characters that yield no token are in no token's span."""
    ids = token_ids(text, tokenizer)
    if ids is None:
        return _run_tokenizer(text, paragraphs, tokenizer)
    places = np.concatenate([np.arange(start, end) for start, end in paragraphs]) if paragraphs else np.empty(0, dtype=np.int64)
    sizes = np.asarray([0, *(end - start for start, end in paragraphs)])
    return TokenizedDocument(ids[places], places, places + 1, tuple(pairwise(sizes.cumsum().tolist())))


def _run_tokenizer(text: str, paragraphs: Sequence[Bounds], tokenizer: PreTrainedTokenizerBase) -> TokenizedDocument:
    """The same by the tokenizer, whichever it is.

    A paragraph of more than :data:`LONG` characters is tokenized in stretches, cut behind a mark where there is one, since a
    tokenizer keeps a hundred bytes and more of each token in memory.
    """
    stretches = [(number, *bounds) for number, place in enumerate(paragraphs) for bounds in _stretches(text, *place)]
    ids: list[NDArray[np.int64]] = []
    spans: list[NDArray[np.int64]] = []
    counts = np.zeros(len(paragraphs) + 1, dtype=np.int64)
    for some in _together(stretches):
        encoded = tokenizer(
            [text[start:end] for _, start, end in some],
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        sizes = [len(piece) for piece in encoded["input_ids"]]
        edges = chain.from_iterable(chain.from_iterable(encoded["offset_mapping"]))
        ids.append(np.fromiter(chain.from_iterable(encoded["input_ids"]), dtype=np.int64, count=sum(sizes)))
        offsets = np.fromiter(edges, dtype=np.int64, count=2 * sum(sizes)).reshape(-1, 2)
        spans.append(offsets + np.repeat([start for _, start, _ in some], sizes)[:, None])
        np.add.at(counts, [number + 1 for number, _, _ in some], sizes)
    offsets = np.concatenate(spans) if spans else np.empty((0, 2), dtype=np.int64)
    flat = np.concatenate(ids) if ids else np.empty(0, dtype=np.int64)
    bounds = tuple(pairwise(counts.cumsum().tolist()))
    return TokenizedDocument(flat, np.ascontiguousarray(offsets[:, 0]), np.ascontiguousarray(offsets[:, 1]), bounds)


def _stretches(text: str, start: int, end: int) -> Iterator[Bounds]:
    while end - start > LONG:
        marks = [mark.end() for mark in _MARK.finditer(text, start + LONG // 2, start + LONG)]
        cut = marks[-1] if marks else start + LONG
        yield start, cut
        start = cut
    yield start, end


def _together(stretches: Sequence[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """The stretches in groups of about :data:`LONG` characters."""
    group: list[tuple[int, int, int]] = []
    room = LONG
    for stretch in stretches:
        group.append(stretch)
        room -= stretch[2] - stretch[1]
        if room <= 0:
            yield group
            group, room = [], LONG
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one paragraph, in tokens of the document."""

    paragraph: int
    first: int
    last: int


Window = tuple[Piece, ...]


def plan_windows(
    paragraphs: Sequence[Bounds], length: int, overlap: int, ends: NDArray[np.bool_] | None = None
) -> list[Window]:
    """Lay paragraphs into windows of at most ``length`` tokens, specials counted.

    Pieces of a paragraph that is too long share ``overlap`` tokens with the next; they stand alone in their windows. With
    ``ends``, which says of each token whether a sentence ends with it, they begin and end with sentences where they can, and
    share at least so many. Every token is in at least one window. Raises ``ValueError`` if ``length`` leaves no room beside the
    overlap.
    """
    room = length - 2
    if not 0 <= overlap < room:
        raise ValueError(f"overlap ({overlap}) must be at least 0 and less than length - 2 ({room})")
    windows: list[Window] = []
    current: list[Piece] = []
    used = 1
    for index, (first, last) in enumerate(paragraphs):
        size = last - first
        if size > room:
            if current:
                windows.append(tuple(current))
                current, used = [], 1
            windows += [(Piece(index, *bounds),) for bounds in _cuts(first, last, room, overlap, ends)]
            continue
        if used + size + 1 > length:
            windows.append(tuple(current))
            current, used = [], 1
        current.append(Piece(index, first, last))
        used += size + 1
    if current:
        windows.append(tuple(current))
    return windows


def _cuts(first: int, last: int, room: int, overlap: int, ends: NDArray[np.bool_] | None) -> Iterator[Bounds]:
    """The pieces of a long paragraph, see :func:`plan_windows`."""
    end = first
    while last - first > room:
        end = _behind(ends, max(end, first + max(room // 2, overlap)), first + room) or first + room
        yield first, end
        first = _behind(ends, first + room // 3, end - overlap) or end - overlap
    yield first, last


def _behind(ends: NDArray[np.bool_] | None, low: int, high: int) -> int | None:
    """The last place behind a sentence's end above ``low``, ``high`` at most; None if there is none."""
    if ends is None or low >= high or not ends[low:high].any():
        return None
    return low + int(np.flatnonzero(ends[low:high])[-1]) + 1


def window_ids(window: Window, document: TokenizedDocument, cls: int, sep: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids of a window with its special tokens and, per token, which piece it belongs to (``[CLS]``: -1).

    A piece's ``[SEP]`` belongs to it, so that no piece is without a token.
    """
    ids = [np.asarray([cls])]
    pieces = [np.asarray([-1])]
    for number, piece in enumerate(window):
        ids += [document.ids[piece.first : piece.last], np.asarray([sep])]
        pieces.append(np.full(piece.last - piece.first + 1, number))
    return np.concatenate(ids), np.concatenate(pieces)


def owned_tokens(windows: Sequence[Window]) -> list[list[Bounds]]:
    """Per window and piece, the tokens whose predictions are taken from it.

    Where pieces of a paragraph overlap, the overlap is halved, so that each token is read where it has more context.
    """
    owned: list[list[Bounds]] = [[(piece.first, piece.last) for piece in window] for window in windows]
    for left in range(len(windows) - 1):
        a, b = windows[left][-1], windows[left + 1][0]
        if a.paragraph == b.paragraph:
            middle = (a.last + b.first) // 2
            owned[left][-1] = (owned[left][-1][0], middle)
            owned[left + 1][0] = (middle, b.last)
    return owned
