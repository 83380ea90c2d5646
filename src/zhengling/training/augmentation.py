"""Training windows as users' files would have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from zhengling.training.examples import LabelledWindow

FINAL_MARKS = "。！？；"


def final_marks(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The tokens of :data:`FINAL_MARKS`, as far as each mark is one token that the vocabulary has."""
    pieces = [tokenizer.encode(mark, add_special_tokens=False) for mark in FINAL_MARKS]
    return tuple(ids[0] for ids in pieces if len(ids) == 1 and ids[0] != tokenizer.unk_token_id)


def without_final_marks(
    windows: Sequence[LabelledWindow], marks: Collection[int], share: float, generator: np.random.Generator
) -> list[LabelledWindow]:
    """The windows with a ``share`` of the marks at their paragraphs' ends left out; ``marks``: the ids of these tokens.

    Gold hardly has a line without a mark, lists and slides have many: a model that never saw one breaks the last directive off
    (LOG.md, 2026-11-27). A mark that is labelled, so part of a directive or a slot, stays, as does one at a cut within a
    paragraph where it is not learnt.
    """
    return [_thinned(window, marks, share, generator) for window in windows] if share else list(windows)


def _thinned(window: LabelledWindow, marks: Collection[int], share: float, generator: np.random.Generator) -> LabelledWindow:
    """One window of :func:`without_final_marks`."""
    before_end = np.append(window.ids[1:] == window.ids[-1], False)  # a window ends with [SEP], as each of its pieces does
    final = before_end & np.isin(window.ids, list(marks)) & (window.directives == 0) & (window.slots == 0)
    keep = ~(final & (generator.random(len(final)) < share))
    if keep.all():
        return window
    tokens = {name: getattr(window, name)[keep] for name in ("ids", "pieces", "directives", "slots")}
    return replace(window, **tokens)
