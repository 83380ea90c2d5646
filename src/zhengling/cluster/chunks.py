"""Documents in groups that go to another process together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from zhengling.extraction.engine import Answered
from zhengling.files.inputs import Inputs
from zhengling.files.sources import ReadSettings, SourceDocument, iter_documents

T = TypeVar("T")
Answer = Answered[SourceDocument]
"""A document, its record and its text as decoded."""


@dataclass(frozen=True, slots=True)
class Documents:
    """All documents of the inputs, or those behind ``after``: as often as it is gone through, and in another process too."""

    inputs: Inputs
    settings: ReadSettings
    after: str | None = None

    def __iter__(self) -> Iterator[SourceDocument]:
        return iter_documents(self.inputs.files(), self.settings, after=self.after)


def by_size(documents: Iterable[SourceDocument], size: int) -> Iterator[list[SourceDocument]]:
    """Groups that end with the document that fills them: ``size`` bytes or characters, each document counted as one more."""
    group: list[SourceDocument] = []
    room = size
    for document in documents:
        group.append(document)
        room -= 1 + len(document.content)
        if room <= 0:
            yield group
            group, room = [], size
    if group:
        yield group


def by_number(items: Iterator[T], number: int) -> Iterator[list[T]]:
    """Groups of ``number`` items, the last of fewer."""
    while group := list(islice(items, number)):
        yield group


def without_content(answers: Iterable[Answer]) -> Iterator[Answer]:
    """The answers with documents that need not travel a second time."""
    for document, record, text in answers:
        yield replace(document, content=""), record, text
