"""Gold documents as windows with labels, and an account of what could not be aligned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from zhengling.modeling.batches import Batch, collate, pad
from zhengling.modeling.model import IGNORED
from zhengling.modeling.windows import (
    TokenizedDocument,
    Window,
    owned_tokens,
    plan_windows,
    tokenize_paragraphs,
    window_ids,
)
from zhengling.scheme.annotation import Directive, Document, Slot
from zhengling.scheme.bio import encode_spans
from zhengling.scheme.labels import LabelScheme
from zhengling.text import CleanText, read


@dataclass(slots=True)
class Alignment:
    """How the gold of a data set met the tokens; shown at the start of a training."""

    directives: int = 0
    slots: int = 0
    paragraphs: int = 0
    moved: list[str] = field(default_factory=list)
    """Spans whose ends lie inside a token: learnt at the token's bounds."""
    lost: list[str] = field(default_factory=list)
    """Spans and paragraphs of which cleaning left no token, or that share their tokens with the span before: not learnt."""
    cut: list[str] = field(default_factory=list)
    """Directives longer than a window: learnt in parts."""

    def sentences(self) -> Iterator[str]:
        """What to tell the user, one sentence a line."""
        yield f"gold: {self.paragraphs} paragraphs, {self.directives} directives, {self.slots} slots"
        for name, items in (
            ("at token bounds", self.moved),
            ("lost in alignment", self.lost),
            ("longer than a window", self.cut),
        ):
            if items:
                yield f"gold {name}: {len(items)}, such as {'; '.join(items[:3])}"


@dataclass(frozen=True, slots=True)
class Example:
    """A tokenized document with the labels of its tokens and paragraphs."""

    document: TokenizedDocument
    directives: NDArray[np.int64]
    """BIO tags, ``[tokens]``."""
    slots: NDArray[np.int64]
    """BIO tags, ``[tokens]``."""
    themes: NDArray[np.int64]
    """0 or 1, ``[paragraphs, themes + 1]``; boilerplate last."""


def build_example(
    gold: Document, tokenizer: PreTrainedTokenizerBase, scheme: LabelScheme, window: int, account: Alignment
) -> Example:
    """Clean, tokenize and align one document; additions go to ``account``."""
    clean = read(gold.text)
    bounds, themes = [], []
    for paragraph in gold.paragraphs:
        start, end = clean.aligned.from_source(paragraph.start, paragraph.end)
        start += len(clean.text[start:end]) - len(clean.text[start:end].lstrip())
        if start >= end:
            account.lost.append(_quote(gold, paragraph.start, paragraph.end))
            continue
        bounds.append((start, end))
        themes.append([*(int(theme in paragraph.themes) for theme in scheme.themes), int(paragraph.boilerplate)])
    document = tokenize_paragraphs(clean.text, bounds, tokenizer)
    align = _Aligner(gold, clean, document, account)
    account.paragraphs += len(bounds)
    account.directives += len(gold.directives)
    account.slots += len(gold.slots)
    directives = align.tags(gold.directives, scheme.directives)
    account.cut += [_quote(gold, d.start, d.end) for d in gold.directives if align.size(d) > window - 2]
    return Example(
        document,
        directives,
        align.tags(gold.slots, scheme.slots),
        np.asarray(themes, dtype=np.int64).reshape(len(bounds), len(scheme.themes) + 1),
    )


def _quote(gold: Document, start: int, end: int) -> str:
    text = gold.text[start:end]
    shown = text if len(text) <= 25 else text[:24] + "…"
    return f"{gold.id} [{start}, {end}) {shown!r}"


class _Aligner:
    """Maps spans of one document's source to tokens."""

    def __init__(self, gold: Document, clean: CleanText, document: TokenizedDocument, account: Alignment) -> None:
        self.gold, self.clean, self.document, self.account = gold, clean, document, account

    def size(self, span: Directive | Slot) -> int:
        """How many tokens a span has."""
        first, last = self.document.tokens_of(*self.clean.aligned.from_source(span.start, span.end))
        return last - first

    def tags(self, spans: Iterable[Directive | Slot], kinds: Sequence[str]) -> NDArray[np.int64]:
        """BIO tags of all tokens."""
        spans = list(spans)
        places = [self.clean.aligned.from_source(span.start, span.end) for span in spans]
        aligned = []
        for span, place, tokens in zip(spans, places, self.document.tokens_of_each(places), strict=True):
            if tokens is None:
                self.account.lost.append(_quote(self.gold, span.start, span.end))
                continue
            if self.document.characters_of(*tokens) != place or self.clean.to_source(*place) != (span.start, span.end):
                self.account.moved.append(_quote(self.gold, span.start, span.end))
            aligned.append((*tokens, kinds.index(span.kind)))
        return encode_spans(aligned, len(self.document.ids))


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """One window of an example, ready to be put into a batch."""

    ids: NDArray[np.int64]
    pieces: NDArray[np.int64]
    directives: NDArray[np.int64]
    slots: NDArray[np.int64]
    themes: NDArray[np.int64]


def labelled_windows(
    examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, length: int, overlap: int, ends: NDArray[np.bool_]
) -> list[LabelledWindow]:
    """All windows of all examples; each token is learnt in one window only, special tokens in none.

    ``ends``: of each token id whether it ends a sentence, so that windows are cut as in inference, see :func:`plan_windows`.
    """
    result = []
    for example in examples:
        plan = plan_windows(example.document.paragraphs, length, overlap, ends[example.document.ids])
        result += [_label(example, window, owned, tokenizer) for window, owned in zip(plan, owned_tokens(plan), strict=True)]
    return result


def _label(
    example: Example, window: Window, owned: Sequence[tuple[int, int]], tokenizer: PreTrainedTokenizerBase
) -> LabelledWindow:
    ids, pieces = window_ids(window, example.document, tokenizer.cls_token_id, tokenizer.sep_token_id)
    directives, slots = np.full(len(ids), IGNORED), np.full(len(ids), IGNORED)
    offset = 1
    for piece, (first, last) in zip(window, owned, strict=True):
        place = slice(offset + first - piece.first, offset + last - piece.first)
        directives[place] = example.directives[first:last]
        slots[place] = example.slots[first:last]
        offset += piece.last - piece.first + 1
    return LabelledWindow(ids, pieces, directives, slots, example.themes[[piece.paragraph for piece in window]])


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Padded windows with their labels; -100 where there is nothing to learn."""

    inputs: Batch
    directives: torch.Tensor
    """``[batch, tokens]``"""
    slots: torch.Tensor
    """``[batch, tokens]``"""
    themes: torch.Tensor
    """0 or 1, ``[batch, pieces, themes + 1]``"""

    def move(self, change: Callable[[torch.Tensor], torch.Tensor]) -> TrainingBatch:
        """The batch with ``change`` applied to each tensor."""
        ids, mask, pieces = (change(part) for part in (self.inputs.input_ids, self.inputs.attention_mask, self.inputs.pieces))
        inputs = Batch(ids, mask, pieces, self.inputs.piece_count)
        return TrainingBatch(inputs, change(self.directives), change(self.slots), change(self.themes))


def to_batch(windows: Sequence[LabelledWindow], pad_id: int) -> TrainingBatch:
    """Windows stacked on the CPU."""
    inputs = collate([(w.ids, w.pieces) for w in windows], pad_id)
    themes = np.full((len(windows), inputs.piece_count, windows[0].themes.shape[1]), IGNORED)
    for row, window in enumerate(windows):
        themes[row, : len(window.themes)] = window.themes
    directives, slots = (pad(rows, IGNORED) for rows in ([w.directives for w in windows], [w.slots for w in windows]))
    return TrainingBatch(inputs, directives, slots, torch.from_numpy(themes))
