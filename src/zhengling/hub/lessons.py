"""What a stock model learns from: single paragraphs, with our model's answers as tags and theme probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhengling.extraction.extractor import Extractor
from zhengling.extraction.records import ParagraphRecord, Record
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.model import IGNORED
from zhengling.modeling.windows import TokenizedDocument, tokenize_paragraphs
from zhengling.scheme.bio import Span, encode_spans
from zhengling.text import CleanText

TASKS = ("directives", "slots", "themes")
TOGETHER = 16
"""How many texts the model reads at once."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One paragraph as a stock pipeline tokenizes it: ``[CLS] paragraph [SEP]``."""

    ids: NDArray[np.int64]
    """``[tokens]``, special tokens included."""
    directives: NDArray[np.int64]
    """BIO tags, ``[tokens]``; nothing is learnt from special tokens."""
    slots: NDArray[np.int64]
    """BIO tags, ``[tokens]``."""
    themes: tuple[float, ...]
    """Probabilities of the themes and of boilerplate, moved so that 0.5 is the model's threshold."""


def lessons_of(extractor: Extractor, texts: Sequence[CleanText]) -> list[Lesson]:
    """The lessons of all paragraphs; one that is longer than the model's window is cut to it."""
    lessons: list[Lesson] = []
    for first in range(0, len(texts), TOGETHER):
        some = texts[first : first + TOGETHER]
        for clean, record in zip(some, extractor.extract(some, [""] * len(some)), strict=True):
            lessons += _lessons(extractor, clean, record)
    return lessons


def _lessons(extractor: Extractor, clean: CleanText, record: Record) -> Iterator[Lesson]:
    config, tokenizer = extractor.config, extractor.tokenizer
    document = tokenize_paragraphs(clean.text, clean.paragraphs, tokenizer)
    spans = [(d.start, d.end, config.directives.index(d.kind)) for d in record.directives]
    directives = _tags(clean, document, spans)
    spans = [(s.start, s.end, config.slots.index(s.kind)) for d in record.directives for s in d.slots]
    slots = _tags(clean, document, spans)
    for (first, last), paragraph in zip(document.paragraphs, record.paragraphs, strict=True):
        last = min(last, first + config.window - 2)
        yield Lesson(
            np.concatenate([[tokenizer.cls_token_id], document.ids[first:last], [tokenizer.sep_token_id]]),
            np.concatenate([[IGNORED], directives[first:last], [IGNORED]]),
            np.concatenate([[IGNORED], slots[first:last], [IGNORED]]),
            theme_targets(paragraph, config),
        )


def _tags(clean: CleanText, document: TokenizedDocument, spans: Sequence[Span]) -> NDArray[np.int64]:
    """BIO tags of all tokens for spans of the source; a token that two spans touch belongs to the first."""
    tokens = document.tokens_of_each(clean.aligned.from_source(start, end) for start, end, _ in spans)
    placed = [(*found, kind) for found, (_, _, kind) in zip(tokens, spans, strict=True) if found]
    return encode_spans(placed, len(document.ids))


def theme_targets(paragraph: ParagraphRecord, config: ZhenglingConfig) -> tuple[float, ...]:
    """Each theme's probability with its threshold moved to 0.5; boilerplate is all or nothing and has no themes."""
    if paragraph.boilerplate:
        return (*(0.0 for _ in config.themes), 1.0)
    return (*(_moved(paragraph.scores[name], config.thresholds[name]) for name in config.themes), 0.0)


def _moved(probability: float, threshold: float) -> float:
    """The probability whose log-odds are as far from those of 0.5 as the given one's are from the threshold's."""
    odds = _odds(probability) / _odds(threshold)
    return odds / (1 + odds)


def _odds(probability: float) -> float:
    inside = min(max(probability, 1e-4), 1 - 1e-4)
    return math.exp(math.log(inside) - math.log1p(-inside))
