"""The damaged version of a document: dirt of the kind that the plan names, with the gold carried through exactly."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

from zhengling.errors import GoldError
from zhengling.gold.inline import parse_inline, write_inline
from zhengling.gold.jsonlines import check
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import DEFAULT_SCHEME
from zhengling.text.damage import Damaged, damage

FORMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "clean": (),
    "traditional": (("traditional",),),
    "lost line breaks": (("lost_breaks",),),
    "glossed": (("glosses",), ("traditional", "glosses")),
    "slipped": (("slips_folded",), ("traditional", "slips_folded")),
    "boilerplate": (("boilerplate",),),
}
"""The forms of the plan, and the kinds of damage that make each; where there are two ways, the id of a document chooses."""
ATTEMPTS = 50
"""Seeds that are tried until the damage shows."""


def damaged_version(document: Document, form: str) -> Document | None:
    """The document in this form, always the same for the same id; None if the damage finds nothing to damage in it.

    The header says the form, the kinds of damage and the seed: the first from a number made of the id on with which the
    text changes and no two spans come to share a character.
    """
    if form not in FORMS:
        raise GoldError(f"{document.id}: unknown form {form!r}. Expected one of: {', '.join(FORMS)}")
    if not FORMS[form]:
        return None
    number = zlib.crc32(document.id.encode())
    kinds = FORMS[form][number % len(FORMS[form])]
    for seed in range(number, number + ATTEMPTS):
        made = damage(document.text, kinds, seed)
        name = f"{document.id}-damaged"
        header = {**document.header, "id": name, "form": form, "damage": " ".join(kinds), "seed": str(seed)}
        version = carry(document, made, name, header)
        if made.text != document.text and _holds(version):
            return version
    return None


def carry(document: Document, made: Damaged, name: str, header: dict[str, str]) -> Document:
    """The gold of a document on its damaged text.

    Directives and slots are the stretches that their characters became. What damage put right after a span's last
    character (a gloss) is outside, as it is for the reader. Paragraphs are found anew, see :func:`_paragraphs`.
    """
    to_source = made.truth.to_source
    directives = tuple(
        Directive(
            *to_source(d.start, d.end), d.kind, tuple(Slot(*to_source(slot.start, slot.end), slot.kind) for slot in d.slots)
        )
        for d in document.directives
    )
    starts = [to_source(p.start, p.end)[0] for p in document.paragraphs]
    paragraphs = tuple(_paragraphs(made.text, starts, document.paragraphs))
    return Document(name, made.text, paragraphs, directives, header)


def _paragraphs(text: str, starts: Sequence[int], clean: Sequence[Paragraph]) -> Iterator[Paragraph]:
    """Each line, parted where a paragraph of the clean text begins after white space (guideline P1).

    Paragraphs that nothing parts any more are one, with the themes of all. A line in which none begins was added by the
    damage: boilerplate.
    """
    for line in re.finditer(r"[^\n]+", text):
        if not line[0].strip():
            continue
        parts: list[tuple[int, list[Paragraph]]] = [(line.end() - len(line[0].lstrip()), [])]
        for start, paragraph in zip(starts, clean, strict=True):
            if line.start() <= start < line.end():
                if start > parts[0][0] and text[start - 1].isspace():
                    parts.append((start, []))
                parts[-1][1].append(paragraph)
        ends = [start for start, _ in parts[1:]] + [line.end()]
        for (start, members), end in zip(parts, ends, strict=True):
            yield _joined(start, start + len(text[start:end].rstrip()), members)


def _joined(start: int, end: int, members: Sequence[Paragraph]) -> Paragraph:
    held = {theme for paragraph in members for theme in paragraph.themes}
    themes = tuple(theme for theme in DEFAULT_SCHEME.themes if theme in held)
    return Paragraph(start, end, themes, all(paragraph.boilerplate for paragraph in members))


def _holds(version: Document) -> bool:
    """Whether the gold passes the checks of both formats."""
    try:
        check(version, version.id)
        return parse_inline(write_inline(version), version.id) == version
    except GoldError:
        return False
