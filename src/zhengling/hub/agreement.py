"""What the stock pipelines make of documents with plain exports, in the form of gold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import Pipeline, pipeline

from zhengling.hub.lessons import TASKS
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.text import CleanText, read

BATCH = 8
Found = list[dict[str, Any]]


def read_plainly(folder: Path, documents: Sequence[Document], config: ZhenglingConfig) -> list[Document]:
    """The texts of ``documents``, cleaned, paragraph by paragraph through the stock pipelines over ``folder``.

    A slot outside every directive is left out, and so is what is found in boilerplate, as our model does.
    """
    readers = {task: stock_pipeline(folder / task, task) for task in TASKS}
    return [_read_one(readers, document, config) for document in documents]


def stock_pipeline(folder: Path, task: str) -> Pipeline:
    """``token-classification`` or ``text-classification`` over one plain export, on the CPU."""
    if task == "themes":
        return pipeline("text-classification", model=str(folder), device="cpu", top_k=None, truncation=True)
    return pipeline("token-classification", model=str(folder), device="cpu", aggregation_strategy="simple")


def _read_one(readers: dict[str, Pipeline], document: Document, config: ZhenglingConfig) -> Document:
    clean = read(document.text)
    texts = [clean.text[start:end] for start, end in clean.paragraphs]
    if not texts:
        return Document(document.id, document.text)
    answers = {task: reader(texts, batch_size=BATCH) for task, reader in readers.items()}
    paragraphs = [
        _paragraph(clean, place, found, config) for place, found in zip(clean.paragraphs, answers["themes"], strict=True)
    ]
    directives = [
        directive
        for number, (begin, _) in enumerate(clean.paragraphs)
        if not paragraphs[number].boilerplate
        for directive in _directives(clean, begin, answers["directives"][number], answers["slots"][number])
    ]
    return Document(document.id, document.text, tuple(paragraphs), tuple(directives))


def _paragraph(clean: CleanText, place: tuple[int, int], found: Found, config: ZhenglingConfig) -> Paragraph:
    holds = {item["label"] for item in found if item["score"] >= 0.5}
    boilerplate = "boilerplate" in holds
    themes = tuple(name for name in config.themes if name in holds and not boilerplate)
    return Paragraph(*clean.to_source(*place), themes, boilerplate)


def _directives(clean: CleanText, begin: int, found: Found, slots: Found) -> list[Directive]:
    result = []
    for item in found:
        inside = [s for s in slots if item["start"] <= s["start"] and s["end"] <= item["end"]]
        placed = tuple(Slot(*clean.to_source(begin + s["start"], begin + s["end"]), s["entity_group"]) for s in inside)
        place = clean.to_source(begin + item["start"], begin + item["end"])
        result.append(Directive(*place, item["entity_group"], placed))
    return result
