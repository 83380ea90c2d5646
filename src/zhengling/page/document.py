"""One record and its source text as a piece of HTML; tags are put into the text, no character of it is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from zhengling.extraction.records import DirectiveRecord, ParagraphRecord, Record, SlotRecord
from zhengling.page.labels import REPAIRS, Labels, attribute, content, name_of


class Span(Protocol):
    """Anything from ``start`` up to ``end``."""

    @property
    def start(self) -> int:
        """The first character."""

    @property
    def end(self) -> int:
        """After the last character."""


S = TypeVar("S", bound=Span)


def pieces(spans: Sequence[S], start: int, end: int, where: str) -> Iterator[tuple[int, int, S | None]]:
    """The stretch from ``start`` to ``end``, cut at the spans: each span, and what lies between, with None.

    Raises :class:`ValueError` for a span that overlaps another or leaves the stretch.
    """
    cursor = start
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if not cursor <= span.start <= span.end <= end:
            what = f"span [{span.start}, {span.end})"
            raise ValueError(f"{where}: {what} does not lie within what is left of the text, [{cursor}, {end})")
        if cursor < span.start:
            yield cursor, span.start, None
        yield span.start, span.end, span
        cursor = span.end
    if cursor < end:
        yield cursor, end, None


def document_html(record: Record, text: str, number: int, labels: Labels) -> Iterator[str]:
    """The parts of one document's ``<article>``; ``number`` makes its anchor, such as ``d1``."""
    state = " failed" if record.error is not None else ""
    yield f'<article class="document{state}" id="d{number}" aria-labelledby="d{number}-name">\n'
    yield from _header(record, number, labels)
    if text or record.paragraphs:
        yield '<div class="source">\n'
        yield from _source(record, text, number, labels)
        yield "</div>\n"
    elif record.error is None:
        yield '<p class="note">空文档。</p>\n'
    yield "</article>\n"


def _header(record: Record, number: int, labels: Labels) -> Iterator[str]:
    yield f'<header><h2 id="d{number}-name">{content(record.source)}</h2>\n'
    if record.error is not None:
        yield f'<p class="error"><strong>未能读取：</strong><span class="reason">{content(record.error)}</span></p>\n'
    else:
        yield f'<p class="facts">{content(" · ".join(_facts(record, labels)))}</p>\n'
    yield f'<p class="origin">{content(_origin(record))}<a href="#summary">回到汇总</a></p></header>\n'


def _facts(record: Record, labels: Labels) -> Iterator[str]:
    """Size, encoding and counts, for a reader."""
    yield f"{record.characters:,} 字"
    yield f"编码 {record.encoding or '不详'}"
    yield f"{len(record.paragraphs)} 段"
    kinds = Counter(directive.kind for directive in record.directives)
    yield _listed(kinds, labels.directives.labels) or "未发现指令"
    slots = Counter(slot.kind for directive in record.directives for slot in directive.slots)
    if slots:
        yield _listed(slots, labels.slots.labels)
    repairs = [f"{REPAIRS.get(name, name)} {count}" for name, count in record.repairs.items() if count]
    if repairs:
        yield f"修复 {'、'.join(repairs)}"


def _listed(counts: Counter[str], labels: Sequence[str]) -> str:
    """The labels that were counted: the known ones in their order, then the others."""
    order = [label for label in labels if counts[label]] + [label for label in counts if label not in labels]
    return "、".join(f"{name_of(label)} {counts[label]}" for label in order)


def _origin(record: Record) -> str:
    name = "" if record.id is None else f"id {record.id} · "
    return f"{name}模型 {record.model} · 版本 {record.version}"


def _source(record: Record, text: str, number: int, labels: Labels) -> Iterator[str]:
    """A row for each paragraph, and a gap for what lies between two."""
    directives: dict[int, list[DirectiveRecord]] = {}
    for directive in record.directives:
        directives.setdefault(directive.paragraph, []).append(directive)
    places = {id(paragraph): place for place, paragraph in enumerate(record.paragraphs)}
    for start, end, paragraph in pieces(record.paragraphs, 0, len(text), f"{record.source}, paragraphs"):
        if paragraph is None:
            between = text[start:end]
            yield f'<div class="{"gap" if between.isspace() else "between"}">{content(between)}</div>\n'
            continue
        place = places[id(paragraph)]
        where = f"{record.source}, paragraph {place}"
        inside = "".join(_paragraph(paragraph, directives.pop(place, []), text, where, labels))
        yield _row(paragraph, f"d{number}-p{place}", labels)
        yield f'<p class="text">{inside}</p></section>\n'
    if directives:
        raise ValueError(f"{record.source}: directives of paragraphs {sorted(directives)}, of {len(places)} there are")


def _row(paragraph: ParagraphRecord, anchor: str, labels: Labels) -> str:
    """The opening of a paragraph's row, with its margin."""
    styles = ["row", *(["boilerplate"] if paragraph.boilerplate else []), *map(labels.themes.style, paragraph.themes)]
    marks = "".join(theme_mark(theme, labels) for theme in paragraph.themes)
    if paragraph.boilerplate:
        marks += '<span class="theme">套话</span>'
    scores = attribute(" · ".join(f"{name_of(theme)} {score:.2f}" for theme, score in paragraph.scores.items()))
    return f'<section class="{" ".join(styles)}" id="{anchor}"><div class="margin" title="{scores}">{marks}</div>'


def theme_mark(theme: str, labels: Labels) -> str:
    """A theme as it stands in the margin and in the legend."""
    return f'<span class="theme {labels.themes.style(theme)}">{content(name_of(theme))}</span>'


def _paragraph(
    paragraph: ParagraphRecord, directives: Sequence[DirectiveRecord], text: str, where: str, labels: Labels
) -> Iterator[str]:
    for start, end, directive in pieces(directives, paragraph.start, paragraph.end, f"{where}, directives"):
        if directive is None:
            yield content(text[start:end])
            continue
        title = f"{name_of(directive.kind)} {directive.score:.2f}"
        yield f'<mark class="directive {labels.directives.style(directive.kind)}" title="{attribute(title)}">'
        for first, last, slot in pieces(directive.slots, start, end, f"{where}, slots"):
            shown = content(text[first:last])
            yield shown if slot is None else _slot(slot, shown, title, labels)
        yield "</mark>"


def _slot(slot: SlotRecord, shown: str, outer: str, labels: Labels) -> str:
    """A slot; its tooltip hides the directive's, so it ends with that."""
    name = name_of(slot.kind)
    value = " ".join(str(part) for part in (slot.value or {}).values() if part is not None)
    title = f"{name} {slot.score:.2f}{f'（{value}）' if value else ''} · {outer}"
    style = labels.slots.style(slot.kind)
    return f'<span class="slot {style}" data-name="{attribute(name)}" title="{attribute(title)}">{shown}</span>'
