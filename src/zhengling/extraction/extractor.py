"""A loaded model that turns texts into records."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from zhengling.errors import ModelError
from zhengling.extraction.forward import Forward
from zhengling.extraction.logits import DocumentLogits, predict
from zhengling.extraction.records import DirectiveRecord, ParagraphRecord, Record, SlotRecord
from zhengling.extraction.valuing import with_own_date
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.cues import text_of, token_letters
from zhengling.modeling.decoding import ScoredSpan, decode_paragraphs, theme_probabilities
from zhengling.modeling.model import ZhenglingModel, ZhenglingOutput
from zhengling.modeling.windows import Bounds, TokenizedDocument, tokenize_paragraphs
from zhengling.text import CleanText, read
from zhengling.version import VERSION

Found = tuple[list[ScoredSpan], list[ScoredSpan]]
"""Directives and slots of one paragraph, in tokens of the paragraph."""
Placed = tuple[ScoredSpan, Bounds, Bounds]
"""A span with its places in the clean text and in the source."""
_EDGES = re.compile(r"[\s，、。；：！？,;:!?]+")


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
        graph: Callable[..., ZhenglingOutput] | None = None,
    ) -> None:
        """``precision``: ``fp32``, ``bf16``, ``fp16`` or ``int8``; ``graph``: the same model in ONNX Runtime."""
        self.model = model.to(device).eval()  # type: ignore[arg-type]
        self.config: ZhenglingConfig = model.config
        self.tokenizer = tokenizer
        self._classes, self._transitions = model.token_classes.cpu().numpy().astype(np.int16), model.transitions()
        self.sentence_ends = model.sentence_ends()
        self._edges = model.edges()
        self._letters = token_letters(tokenizer, len(self._classes))
        self.name, self.device, self.precision = name, torch.device(device), precision
        self.runtime = "onnx" if graph else "torch"
        self.forward = Forward(self.model, tokenizer.pad_token_id, self.device, precision, graph)

    def extract(self, texts: Sequence[CleanText], sources: Sequence[str]) -> list[Record]:
        """One record per text, in order; ``sources`` names each."""
        documents = [self.tokenize(clean) for clean in texts]
        logits = self.predict(documents)
        found = self.decode(documents, logits)
        return [self.record(*parts) for parts in zip(texts, sources, documents, logits, found, strict=True)]

    def __call__(self, text: str | bytes, source: str = "") -> Record:
        """The record of one text, dirt and all; bytes are decoded as :func:`zhengling.text.read` does."""
        return self.extract([read(text)], [source])[0]

    def tokenize(self, clean: CleanText) -> TokenizedDocument:
        """The tokens of a text's paragraphs."""
        return tokenize_paragraphs(clean.text, clean.paragraphs, self.tokenizer)

    def predict(self, documents: Sequence[TokenizedDocument]) -> list[DocumentLogits]:
        """Run all windows of all documents through the model, neighbours in length together."""
        special = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        return predict(self.forward, documents, self.config, special, self.sentence_ends)

    def decode(self, documents: Sequence[TokenizedDocument], logits: Sequence[DocumentLogits]) -> list[list[Found]]:
        """Directives and slots of each document's paragraphs, those of all documents decoded together."""
        places = [(number, *bounds) for number, document in enumerate(documents) for bounds in document.paragraphs]
        classes = [self._classes[document.ids] for document in documents]
        cues, edges = self.config.parting_cues, [self._edges_in(document) for document in documents]
        found = iter(
            decode_paragraphs(
                [logits[number].directives[first:last] for number, first, last in places],
                [logits[number].slots[first:last] for number, first, last in places],
                (len(self.config.directives), len(self.config.slots)),
                self._transitions,
                [classes[number][first:last] for number, first, last in places],
                [text_of(documents[number].ids[first:last], self._letters) for number, first, last in places] if cues else (),
                cues,
                [edges[number][first:last] for number, first, last in places],
            )
        )
        return [list(islice(found, len(document.paragraphs))) for document in documents]

    def _edges_in(self, document: TokenizedDocument) -> NDArray[np.float16]:
        """Per token of a document what its edges of slots add; nothing lies between two paragraphs."""
        edges = self._edges.of(document.ids)
        edges[[first for first, last in document.paragraphs if first < last]] = 0
        return edges

    def record(
        self,
        clean: CleanText,
        source: str,
        document: TokenizedDocument,
        logits: DocumentLogits,
        spans: Sequence[Found],
    ) -> Record:
        """The record of one document from what was found in it; raises :class:`ModelError` if the model failed on it."""
        if logits.failed:
            raise ModelError(f"the model failed on {logits.failed} windows of {source!r}; the log says how")
        paragraphs = list(self._paragraphs(clean, logits.themes))
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
        for span, place, (start, end) in _placed(clean, document, first, found, (0, len(clean.text))):
            yield DirectiveRecord(
                start=start,
                end=end,
                kind=self.config.directives[span.kind],
                score=round(span.score, 4),
                paragraph=paragraph,
                text=clean.source[start:end],
                clean=clean.text[slice(*place)],
                slots=list(self._slots(clean, _placed(clean, document, first, inside[span.start], place, start))),
            )

    def _slots(self, clean: CleanText, placed: Iterable[Placed]) -> Iterator[SlotRecord]:
        for span, place, (start, end) in placed:
            yield SlotRecord(
                kind=self.config.slots[span.kind],
                start=start,
                end=end,
                text=clean.source[start:end],
                clean=clean.text[slice(*place)],
                score=round(span.score, 4),
            )


def _placed(
    clean: CleanText, document: TokenizedDocument, first: int, spans: Iterable[ScoredSpan], within: Bounds, cursor: int = 0
) -> Iterator[Placed]:
    """Spans of tokens with their places in the clean text, trimmed and ``within`` a part of it, and in the source.

    Characters of one repair, such as of a slip, share their stretch of the source: the first span that touches it has it, the
    next begins behind (behind ``cursor`` at first), and one of which nothing is left is left out.
    """
    for span in spans:
        start, end = document.characters_of(first + span.start, first + span.end)
        place = trimmed(clean.text, max(start, within[0]), min(end, within[1]))
        if place is None:
            continue
        start, end = clean.to_source(*place)
        start = max(start, cursor)
        if start < end:
            cursor = end
            yield span, place, (start, end)


def _slots_by_directive(directives: Sequence[ScoredSpan], slots: Sequence[ScoredSpan]) -> dict[int, list[ScoredSpan]]:
    """The slots inside each directive, by the directive's start; both in order, slots inside directives only."""
    inside: dict[int, list[ScoredSpan]] = {directive.start: [] for directive in directives}
    starts = list(inside)
    for slot in slots:
        inside[starts[bisect_right(starts, slot.start) - 1]].append(slot)
    return inside


def trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without spaces and clause marks at its edges; None if nothing is left."""
    while start < end and _EDGES.match(text[start]):
        start += 1
    while start < end and _EDGES.match(text[end - 1]):
        end -= 1
    return (start, end) if start < end else None
