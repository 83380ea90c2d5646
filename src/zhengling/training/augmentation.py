"""Training windows as users' files would have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from zhengling.training.examples import LabelledWindow

FINAL_MARKS = "。！？；"


def final_marks(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The tokens of :data:`FINAL_MARKS` that the vocabulary has."""
    vocabulary = tokenizer.get_vocab()
    return tuple(vocabulary[mark] for mark in FINAL_MARKS if mark in vocabulary)


def without_final_marks(
    windows: Sequence[LabelledWindow], marks: Collection[int], share: float, generator: np.random.Generator
) -> list[LabelledWindow]:
    """The windows with a ``share`` of the marks at their paragraphs' ends left out.

    Gold hardly has a line without a mark, lists and slides have many: a model that never saw one breaks the last directive off
    (LOG.md, 2026-11-27). A mark that is labelled, so part of a directive or a slot, stays.
    """
    return [_thinned(window, marks, share, generator) for window in windows] if share else list(windows)


def _thinned(window: LabelledWindow, marks: Collection[int], share: float, generator: np.random.Generator) -> LabelledWindow:
    before_end = np.append(window.ids[1:] == window.ids[-1], False)  # a window ends with [SEP], as each of its pieces does
    final = before_end & np.isin(window.ids, list(marks)) & (window.directives <= 0) & (window.slots <= 0)
    keep = ~(final & (generator.random(len(final)) < share))
    if keep.all():
        return window
    tokens = {name: getattr(window, name)[keep] for name in ("ids", "pieces", "directives", "slots")}
    return replace(window, **tokens)
