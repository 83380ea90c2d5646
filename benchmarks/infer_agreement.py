"""What a lower precision changes, and how often windows repeat in real texts."""

from __future__ import annotations

import hashlib
import json
import lzma
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.modeling.windows import TokenizedDocument, plan_windows
from zhengling.text import read

LINES = 60
"""Documents of each file of the corpus, of each its first 3,000 characters, in which equal windows are counted."""


def measure_agreement(texts: Sequence[str]) -> dict[str, Any]:
    """Per precision, the share of tokens that keep the tag of fp32 (decoded), of theme labels, and the CPU time against fp32's."""
    reference = load(precision="fp32", device="cpu")
    tokens = [reference.tokenize(read(text)) for text in texts]
    wanted, base = labels_of(reference, tokens)
    result: dict[str, Any] = {"tokens": len(wanted["directives"])}
    for precision in ("bf16", "int8"):
        found, seconds = labels_of(load(precision=precision, device="cpu"), tokens)
        result[precision] = {name: float((found[name] == wanted[name]).mean()) for name in wanted} | {"time": seconds / base}
    return result


def labels_of(extractor: Extractor, tokens: Sequence[TokenizedDocument]) -> tuple[dict[str, NDArray[np.int64]], float]:
    """Tags of directives and slots per token, themes per paragraph; and the model's seconds."""
    began = time.process_time()
    logits = extractor.predict(tokens)
    seconds = time.process_time() - began
    tags = {name: np.zeros(sum(len(document.ids) for document in tokens), dtype=np.int64) for name in ("directives", "slots")}
    offset = 0
    for document, found in zip(tokens, extractor.decode(tokens, logits), strict=True):
        for (first, _), (directives, slots) in zip(document.paragraphs, found, strict=True):
            for name, spans in (("directives", directives), ("slots", slots)):
                for span in spans:
                    place = slice(offset + first + span.start, offset + first + span.end)
                    tags[name][place] = 2 + 2 * span.kind
                    tags[name][place.start] = 1 + 2 * span.kind
        offset += len(document.ids)
    limits = np.asarray([extractor.config.thresholds[name] for name in extractor.config.theme_outputs])
    scores = 1 / (1 + np.exp(-np.concatenate([each.themes for each in logits]) / extractor.config.theme_temperature))
    return {**tags, "themes": (scores >= limits).astype(np.int64).ravel()}, seconds


def measure_equal_windows(corpus: Path) -> dict[str, Any]:
    """Per file of the corpus, windows and how many of them equal an earlier one; ``skipped`` if the corpus is not there."""
    if not corpus.is_dir():
        return {"skipped": "The corpus was not there."}
    extractor = load(precision="fp32", device="cpu")
    result: dict[str, Any] = {}
    for path in sorted(corpus.glob("*.jsonl.xz")):
        windows = [window for text in islice(_texts(path), LINES) for window in _windows(extractor, text)]
        result[path.name.removesuffix(".jsonl.xz")] = {"windows": len(windows), "equal": len(windows) - len(set(windows))}
    return result


def _texts(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from (str(json.loads(line)["text"])[:3000] for line in lines)


def _windows(extractor: Extractor, text: str) -> Iterator[bytes]:
    document = extractor.tokenize(read(text))
    ends = extractor.sentence_ends[document.ids]
    for window in plan_windows(document.paragraphs, extractor.config.window, extractor.config.overlap, ends):
        content = b"|".join(document.ids[piece.first : piece.last].tobytes() for piece in window)
        yield hashlib.blake2b(content, digest_size=16).digest()
