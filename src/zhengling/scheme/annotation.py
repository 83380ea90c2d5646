"""What an annotated document is: paragraphs with themes, directives with slots.

All spans are half-open ``[start, end)`` in Unicode code points of the source text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A stretch inside a directive: who, by when, how much, under which programme."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True, order=True)
class Directive:
    """A stretch in which somebody is told to do, to reach or to avoid something."""

    start: int
    end: int
    kind: str
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Paragraph:
    """A paragraph and what it is about; boilerplate carries no themes."""

    start: int
    end: int
    themes: tuple[str, ...] = ()
    boilerplate: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A source text with its annotation, in source order."""

    id: str
    text: str
    paragraphs: tuple[Paragraph, ...] = ()
    directives: tuple[Directive, ...] = ()
    header: Mapping[str, str] = field(default_factory=dict)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All slots of all directives, in source order."""
        return tuple(slot for directive in self.directives for slot in directive.slots)


def documents_hash(documents: Sequence[Document]) -> str:
    """The first 12 hex digits of SHA-256 over ids, texts and annotations."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(repr((document.id, document.text, document.paragraphs, document.directives)).encode())
    return digest.hexdigest()[:12]


def documents_facts(documents: Sequence[Document]) -> dict[str, Any]:
    """How many documents there are, and their hash."""
    return {"documents": len(documents), "data": documents_hash(documents)}
