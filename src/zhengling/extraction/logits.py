"""Documents through the model: their windows planned, run, and laid together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from zhengling.extraction.forward import Forward, WindowLogits
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.windows import Bounds, TokenizedDocument, Window, owned_tokens, plan_windows, window_ids

WINDOWS_AT_ONCE = 4096
"""How many windows are laid out in memory and sorted by length."""
Job = tuple[int, Window, list[Bounds]]
"""The number of a document, one of its windows, and the tokens of each piece whose predictions are taken from it."""


@dataclass(slots=True)
class DocumentLogits:
    """What the heads say of one document."""

    directives: NDArray[np.float32]
    """``[tokens, tags]``"""
    slots: NDArray[np.float32]
    """``[tokens, tags]``"""
    themes: NDArray[np.float32]
    """``[paragraphs, themes + 1]``; of a paragraph in several pieces, the highest of each theme and the lowest of
    boilerplate: one sentence makes a theme, but only a paragraph that is so throughout is boilerplate."""
    failed: int = 0
    """Windows on which the model failed; the document then has no answer."""

    def drop_tags(self) -> None:
        """Let the tag logits go, once they are decoded: they are the largest part of a document in memory."""
        self.directives, self.slots = self.directives[:0].copy(), self.slots[:0].copy()


def predict(
    forward: Forward,
    documents: Sequence[TokenizedDocument],
    config: ZhenglingConfig,
    special: tuple[int, int],
    ends: NDArray[np.bool_] | None = None,
) -> list[DocumentLogits]:
    """Run the windows of all documents.

    ``special``: the ids of ``[CLS]`` and ``[SEP]``; ``ends``: of each token id whether it ends a sentence, see
    :func:`plan_windows`.
    """
    results = [_empty(document, config) for document in documents]
    jobs = _jobs(documents, config, ends)
    while some := list(islice(jobs, WINDOWS_AT_ONCE)):

        def take(number: int, logits: WindowLogits | None, some: Sequence[Job] = some) -> None:
            document, window, owned = some[number]
            if logits is None:
                results[document].failed += 1
            else:
                _lay(results[document], window, owned, logits)

        forward.run([window_ids(window, documents[document], *special) for document, window, _ in some], take)
    return results


def _jobs(documents: Sequence[TokenizedDocument], config: ZhenglingConfig, ends: NDArray[np.bool_] | None) -> Iterator[Job]:
    for number, document in enumerate(documents):
        plan = plan_windows(document.paragraphs, config.window, config.overlap, None if ends is None else ends[document.ids])
        for window, owned in zip(plan, owned_tokens(plan), strict=True):
            yield number, window, owned


def _empty(document: TokenizedDocument, config: ZhenglingConfig) -> DocumentLogits:
    tokens, paragraphs = len(document.ids), len(document.paragraphs)
    themes = np.full((paragraphs, len(config.theme_outputs)), -np.inf, dtype=np.float32)
    themes[:, -1] = np.inf
    return DocumentLogits(
        np.zeros((tokens, 1 + 2 * len(config.directives)), dtype=np.float32),
        np.zeros((tokens, 1 + 2 * len(config.slots)), dtype=np.float32),
        themes,
    )


def _lay(into: DocumentLogits, window: Window, owned: Sequence[Bounds], logits: WindowLogits) -> None:
    """Copy a window's logits to the document's; token ``k`` of a piece stands ``k`` places after the piece's begin."""
    offset = 1
    for number, (piece, (first, last)) in enumerate(zip(window, owned, strict=True)):
        begin = offset + first - piece.first
        into.directives[first:last] = logits.directives[begin : begin + last - first]
        into.slots[first:last] = logits.slots[begin : begin + last - first]
        paragraph, themes = into.themes[piece.paragraph], logits.themes[number]
        paragraph[:-1] = np.maximum(paragraph[:-1], themes[:-1])
        paragraph[-1] = min(paragraph[-1], themes[-1])
        offset += piece.last - piece.first + 1
