"""What is told of one document: paragraphs with themes, directives with slots; spans in the source as decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class ParagraphRecord:
    """A paragraph, its themes and the probability of each."""

    start: int
    end: int
    boilerplate: bool
    themes: list[str]
    scores: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotRecord:
    """A slot; ``text`` is the source's, ``clean`` the repaired, simplified form."""

    kind: str
    start: int
    end: int
    text: str
    clean: str
    score: float
    value: Mapping[str, Any] | None = None
    """See :mod:`zhengling.values`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectiveRecord:
    """A directive; ``paragraph`` counts from 0 among the record's paragraphs."""

    start: int
    end: int
    kind: str
    score: float
    paragraph: int
    text: str
    clean: str
    slots: list[SlotRecord]

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, as they go into JSON."""
        plain: dict[str, Any] = _plain(self)
        return plain


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One document. A document that could not be read has ``error`` and empty lists.

    ``columns`` are the other columns of the table row that the document was; None for a document of another kind.
    """

    source: str
    id: str | None = None
    model: str
    version: str
    characters: int = 0
    encoding: str | None = None
    repairs: Mapping[str, int] = field(default_factory=dict)
    paragraphs: list[ParagraphRecord] = field(default_factory=list)
    directives: list[DirectiveRecord] = field(default_factory=list)
    error: str | None = None
    columns: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, as they go into JSON; ``columns`` only where there are some."""
        plain: dict[str, Any] = _plain(self)
        if self.columns is None:
            del plain["columns"]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The record whose :meth:`as_dict` is ``plain``."""
        directives = [
            DirectiveRecord(**{**directive, "slots": [SlotRecord(**slot) for slot in directive["slots"]]})
            for directive in plain["directives"]
        ]
        paragraphs = [ParagraphRecord(**paragraph) for paragraph in plain["paragraphs"]]
        return cls(**{**plain, "paragraphs": paragraphs, "directives": directives})


_NAMES = {made: tuple(each.name for each in fields(made)) for made in (ParagraphRecord, SlotRecord, DirectiveRecord, Record)}


def _plain(value: Any) -> Any:
    """What :func:`dataclasses.asdict` gives, without its deep copy of every number: a third of its time."""
    if (names := _NAMES.get(type(value))) is not None:
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value
