"""A loaded model that turns texts into records."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from zhengling.extraction.records import DirectiveRecord, ParagraphRecord, Record, SlotRecord
from zhengling.extraction.valuing import with_own_date
from zhengling.modeling.batches import collate, token_batches
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.decoding import ScoredSpan, decode_paragraphs, theme_probabilities
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.windows import (
    TokenizedDocument,
    Window,
    owned_tokens,
    plan_windows,
    tokenize_paragraphs,
    window_ids,
)
from zhengling.text import CleanText, read
from zhengling.version import VERSION

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
_EDGES = re.compile(r"[\s，、。；：！？,;:!?]+")


@dataclass(frozen=True, slots=True)
class _Logits:
    """What the heads say of one document."""

    directives: NDArray[np.float32]
    """``[tokens, tags]``"""
    slots: NDArray[np.float32]
    """``[tokens, tags]``"""
    themes: NDArray[np.float32]
    """``[paragraphs, themes + 1]``; of a paragraph in several pieces, the highest of each theme and the lowest of
    boilerplate: one sentence makes a theme, but only a paragraph that is so throughout is boilerplate."""


class Extractor:
    """Finds directives, slots and themes in clean texts with one model on one device."""

    def __init__(
        self,
        model: ZhenglingModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        device: torch.device | str = "cpu",
        precision: str = "fp32",
        budget: int = 4096,
    ) -> None:
        """``precision``: ``fp32``, ``bf16`` or ``fp16``; ``budget``: tokens per forward pass, padding counted."""
        self.model = model.to(device).eval()  # type: ignore[arg-type]
        self.config: ZhenglingConfig = model.config
        self.tokenizer = tokenizer
        self._classes, self._transitions = model.token_classes.cpu().numpy(), model.transitions()
        self.name, self.device, self.precision, self.budget = name, torch.device(device), precision, budget

    def extract(self, texts: Sequence[CleanText], sources: Sequence[str]) -> list[Record]:
        """One record per text, in order; ``sources`` names each."""
        documents = [tokenize_paragraphs(clean.text, clean.paragraphs, self.tokenizer) for clean in texts]
        logits = self.predict(documents)
        return [self._record(*parts) for parts in zip(texts, sources, documents, logits, strict=True)]

    def __call__(self, text: str | bytes, source: str = "") -> Record:
        """The record of one text, dirt and all; bytes are decoded as :func:`zhengling.text.read` does."""
        return self.extract([read(text)], [source])[0]

    def predict(self, documents: Sequence[TokenizedDocument]) -> list[_Logits]:
        """Run all windows of all documents through the model, neighbours in length together."""
        cfg = self.config
        empty = [_empty_logits(document, cfg) for document in documents]
        plans = [plan_windows(document.paragraphs, cfg.window, cfg.overlap) for document in documents]
        jobs = [
            (document, window, owned)
            for document, plan in enumerate(plans)
            for window, owned in zip(plan, owned_tokens(plan), strict=True)
        ]
        cls, sep = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        rows = [window_ids(window, documents[document], cls, sep) for document, window, _ in jobs]
        for chosen in token_batches([len(ids) for ids, _ in rows], self.budget):
            outputs = self._forward([rows[i] for i in chosen])
            for place, i in enumerate(chosen):
                document, window, owned = jobs[i]
                _scatter(empty[document], window, owned, *(output[place] for output in outputs))
        return empty

    @torch.inference_mode()
    def _forward(self, rows: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> tuple[NDArray[np.float32], ...]:
        batch = collate(rows, self.tokenizer.pad_token_id, self.device)
        with torch.autocast(self.device.type, _AUTOCAST.get(self.precision), enabled=self.precision in _AUTOCAST):
            output = self.model(batch.input_ids, batch.attention_mask, batch.pieces, piece_count=batch.piece_count)
        return tuple(part.float().cpu().numpy() for part in (output.directives, output.slots, output.themes))

    def _record(self, clean: CleanText, source: str, document: TokenizedDocument, logits: _Logits) -> Record:
        paragraphs = list(self._paragraphs(clean, logits.themes))
        classes = self._classes[document.ids]
        spans = decode_paragraphs(
            [logits.directives[first:last] for first, last in document.paragraphs],
            [logits.slots[first:last] for first, last in document.paragraphs],
            (len(self.config.directives), len(self.config.slots)),
            self._transitions,
            [classes[first:last] for first, last in document.paragraphs],
        )
        directives = [
            record
            for number, ((first, _), (found, slots)) in enumerate(zip(document.paragraphs, spans, strict=True))
            if not paragraphs[number].boilerplate
            for record in self._directives(clean, document, number, first, found, slots)
        ]
        record = Record(
            source=source,
            model=self.name,
            version=VERSION,
            characters=len(clean.source),
            encoding=clean.encoding,
            repairs=dict(clean.repairs),
            paragraphs=paragraphs,
            directives=directives,
        )
        return with_own_date(record, clean.text)

    def _paragraphs(self, clean: CleanText, logits: NDArray[np.float32]) -> Iterator[ParagraphRecord]:
        names, thresholds = self.config.theme_outputs, self.config.thresholds
        probabilities = theme_probabilities(logits, self.config.theme_temperature)
        for (start, end), values in zip(clean.paragraphs, probabilities, strict=True):
            scores = {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}
            holds = {name: score >= thresholds[name] for name, score in scores.items()}
            boilerplate = holds["boilerplate"]
            source_start, source_end = clean.to_source(start, end)
            yield ParagraphRecord(
                start=source_start,
                end=source_end,
                boilerplate=boilerplate,
                themes=[name for name in self.config.themes if holds[name] and not boilerplate],
                scores={name: scores[name] for name in self.config.themes},
            )

    def _directives(
        self,
        clean: CleanText,
        document: TokenizedDocument,
        paragraph: int,
        first: int,
        found: Sequence[ScoredSpan],
        slots: Sequence[ScoredSpan],
    ) -> Iterator[DirectiveRecord]:
        inside = _slots_by_directive(found, slots)
        for span in found:
            place = _trimmed(clean.text, *document.characters_of(first + span.start, first + span.end))
            if place is None:
                continue
            start, end = clean.to_source(*place)
            yield DirectiveRecord(
                start=start,
                end=end,
                kind=self.config.directives[span.kind],
                score=round(span.score, 4),
                paragraph=paragraph,
                text=clean.source[start:end],
                clean=clean.text[slice(*place)],
                slots=[record for slot in inside[span.start] for record in self._slot(clean, document, first, slot, place)],
            )

    def _slot(
        self, clean: CleanText, document: TokenizedDocument, first: int, span: ScoredSpan, within: tuple[int, int]
    ) -> Iterator[SlotRecord]:
        start, end = document.characters_of(first + span.start, first + span.end)
        place = _trimmed(clean.text, max(start, within[0]), min(end, within[1]))
        if place is None:
            return
        source_start, source_end = clean.to_source(*place)
        yield SlotRecord(
            kind=self.config.slots[span.kind],
            start=source_start,
            end=source_end,
            text=clean.source[source_start:source_end],
            clean=clean.text[slice(*place)],
            score=round(span.score, 4),
        )


def _slots_by_directive(directives: Sequence[ScoredSpan], slots: Sequence[ScoredSpan]) -> dict[int, list[ScoredSpan]]:
    """The slots inside each directive, by the directive's start; both in order, slots inside directives only."""
    inside: dict[int, list[ScoredSpan]] = {directive.start: [] for directive in directives}
    starts = list(inside)
    for slot in slots:
        inside[starts[bisect_right(starts, slot.start) - 1]].append(slot)
    return inside


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without spaces and clause marks at its edges; None if nothing is left."""
    while start < end and _EDGES.match(text[start]):
        start += 1
    while start < end and _EDGES.match(text[end - 1]):
        end -= 1
    return (start, end) if start < end else None


def _empty_logits(document: TokenizedDocument, config: ZhenglingConfig) -> _Logits:
    tokens, paragraphs = len(document.ids), len(document.paragraphs)
    themes = np.full((paragraphs, len(config.theme_outputs)), -np.inf, dtype=np.float32)
    themes[:, -1] = np.inf
    return _Logits(
        np.zeros((tokens, 1 + 2 * len(config.directives)), dtype=np.float32),
        np.zeros((tokens, 1 + 2 * len(config.slots)), dtype=np.float32),
        themes,
    )


def _scatter(
    into: _Logits,
    window: Window,
    owned: Sequence[tuple[int, int]],
    directives: NDArray[np.float32],
    slots: NDArray[np.float32],
    themes: NDArray[np.float32],
) -> None:
    """Copy a window's logits to the document's; token ``k`` of a piece stands ``k`` places after the piece's begin."""
    offset = 1
    for number, (piece, (first, last)) in enumerate(zip(window, owned, strict=True)):
        begin = offset + first - piece.first
        into.directives[first:last] = directives[begin : begin + last - first]
        into.slots[first:last] = slots[begin : begin + last - first]
        paragraph = into.themes[piece.paragraph]
        paragraph[:-1] = np.maximum(paragraph[:-1], themes[number][:-1])
        paragraph[-1] = min(paragraph[-1], themes[number][-1])
        offset += piece.last - piece.first + 1
