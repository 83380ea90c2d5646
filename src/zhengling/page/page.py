"""A self-contained HTML page of records, written document by document.

``page = Page(out); page.start(); page.document(record, text) …; page.end()``. Of a document that is written only its
counts are kept. The summary is therefore the last thing in the file; the style sheet shows it at the top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from zhengling.extraction.records import Record
from zhengling.page.document import document_html, theme_mark
from zhengling.page.labels import Labels, Layer, content, name_of
from zhengling.page.style import style_sheet

_HEAD = """<!DOCTYPE html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>政令：指令与主题</title>
<style>
{style}</style>
</head>
<body>
<header class="top"><h1>政令：指令与主题</h1></header>
"""


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the summary tells of one document."""

    source: str
    characters: int
    paragraphs: int
    directives: Counter[str]
    themes: Counter[str]
    failed: bool


class Page:
    """Writes the page; ``start`` once, ``document`` for each record, ``end`` once."""

    def __init__(
        self,
        out: TextIO,
        *,
        directives: Sequence[str] = ("require", "prohibit", "pledge"),
        slots: Sequence[str] = ("agent", "time", "target", "programme"),
        themes: Sequence[str] = ("economy", "safety", "party", "livelihood"),
    ) -> None:
        """``directives``, ``slots`` and ``themes`` are the labels of the model, in the order to list them in."""
        self.out = out
        self.labels = Labels.of(directives, slots, themes)
        self.counts: list[_Counts] = []

    def start(self) -> None:
        """Write what comes before the first document."""
        self.out.write(_HEAD.format(style=style_sheet(self.labels)))
        self.out.writelines(_legend(self.labels))

    def document(self, record: Record, text: str) -> None:
        """Write one document; ``text`` is the source as decoded, to which the record's spans point."""
        self.counts.append(_counts(record))
        self.out.writelines(document_html(record, text, len(self.counts), self.labels))

    def end(self) -> None:
        """Write the summary, which links to every document, and close the page."""
        self.out.writelines(_summary(self.counts, self.labels))
        self.out.write("</body>\n</html>\n")


def _counts(record: Record) -> _Counts:
    return _Counts(
        source=record.source,
        characters=record.characters,
        paragraphs=len(record.paragraphs),
        directives=Counter(directive.kind for directive in record.directives),
        themes=Counter(theme for paragraph in record.paragraphs for theme in paragraph.themes),
        failed=record.error is not None,
    )


def _legend(labels: Labels) -> Iterator[str]:
    """The legend; its boxes switch marks on and off, its buttons choose paragraphs, both by style rules alone."""
    yield '<form class="legend" aria-label="图例与筛选">\n'
    yield f"<fieldset><legend>指令</legend>{''.join(_boxes(labels.directives, 'directive'))}</fieldset>\n"
    yield f"<fieldset><legend>要素</legend>{''.join(_boxes(labels.slots, 'slot'))}</fieldset>\n"
    yield '<fieldset><legend>段落</legend><label><input type="radio" name="shown" id="all" checked>全部</label>'
    yield _button("directives", "有指令")
    for kind in labels.directives.labels:
        yield _button(labels.directives.style(kind), f"有{content(name_of(kind))}")
    for theme in labels.themes.labels:
        yield _button(labels.themes.style(theme), theme_mark(theme, labels))
    yield '<label class="boilerplate"><input type="checkbox" id="show-boilerplate" checked>套话（灰）</label>'
    yield "</fieldset>\n</form>\n"


def _button(style: str, shown: str) -> str:
    return f'<label><input type="radio" name="shown" id="only-{style}">{shown}</label>'


def _boxes(layer: Layer, role: str) -> Iterator[str]:
    for label in layer.labels:
        style = layer.style(label)
        shown = f'<span class="{role} {style}">{content(name_of(label))}</span>'
        yield f'<label><input type="checkbox" id="show-{style}" checked>{shown}</label>'


def _summary(counts: Sequence[_Counts], labels: Labels) -> Iterator[str]:
    """One row a document, and the sums."""
    kinds, themes = labels.directives.labels, labels.themes.labels
    failed = sum(count.failed for count in counts)
    unread = f"，其中 {failed} 篇未能读取" if failed else ""
    yield '<nav class="summary" id="summary" aria-label="汇总与目录"><table>\n'
    yield f"<caption>{len(counts)} 篇文档{unread}</caption>\n"
    yield "<thead>\n"
    yield f'<tr><td colspan="4"></td><th colspan="{len(kinds)}" scope="colgroup">指令数</th>'
    yield f'<th colspan="{len(themes)}" scope="colgroup">主题段落数</th></tr>\n'
    heads = ["字数", "段落", *map(name_of, kinds), *map(name_of, themes)]
    yield f'<tr><td></td><th scope="col" class="name">文档</th>{_cells(heads, "th")}</tr>\n</thead>\n<tbody>\n'
    for number, count in enumerate(counts, 1):
        link = f'<a href="#d{number}">{content(count.source)}</a>'
        cells = _cells(_figures([count], labels)) if not count.failed else _unread(2 + len(kinds) + len(themes))
        yield f'<tr><td class="number">{number}</td><th scope="row" class="name">{link}</th>{cells}</tr>\n'
    yield "</tbody>\n"
    if len(counts) > 1:
        sums = _cells(_figures(counts, labels))
        yield f'<tfoot><tr><td></td><th scope="row" class="name">合计</th>{sums}</tr></tfoot>\n'
    yield "</table></nav>\n"


def _figures(counts: Sequence[_Counts], labels: Labels) -> list[str]:
    """The figures of one document, or the sums over several."""
    sizes = [sum(count.characters for count in counts), sum(count.paragraphs for count in counts)]
    kinds = [sum(count.directives[kind] for count in counts) for kind in labels.directives.labels]
    themes = [sum(count.themes[theme] for count in counts) for theme in labels.themes.labels]
    return [f"{figure:,}" if figure else "–" for figure in sizes + kinds + themes]


def _cells(figures: Sequence[str], tag: str = "td") -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return "".join(f"<{tag}{scope}>{content(figure)}</{tag}>" for figure in figures)


def _unread(columns: int) -> str:
    return f'<td class="error" colspan="{columns}">未能读取</td>'
