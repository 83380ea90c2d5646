"""zhengling itself among its peers: a model that was trained before, run on the same clean texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.peers_texts import Annotator
from zhengling.extraction.annotation import to_document
from zhengling.extraction.loading import DEFAULT_MODEL, load
from zhengling.scheme.annotation import Document
from zhengling.text import CleanText


def load_model(folder: str | None) -> tuple[Annotator, int]:
    """The model of a folder, or the default one, on one thread of the CPU; and the bytes of its files."""
    torch.set_num_threads(1)
    extractor = load(folder, device="cpu", precision="fp32")

    def annotate(texts: Sequence[CleanText], names: Sequence[str]) -> list[Document]:
        extractor.forward.forget()  # answers of an earlier call are no speed
        records = extractor.extract(texts, names)
        return [to_document(record, clean.source) for record, clean in zip(records, texts, strict=True)]

    files = (DEFAULT_MODEL if folder is None else Path(folder)).iterdir()
    return annotate, sum(file.stat().st_size for file in files if file.suffix in (".json", ".safetensors"))
