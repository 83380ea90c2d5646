"""The HTML page: everything escaped, every character of the source there, every span in its element."""

from __future__ import annotations

import io
import tracemalloc
from html.parser import HTMLParser
from typing import Any

import pytest

from zhengling.extraction.records import DirectiveRecord, ParagraphRecord, Record, SlotRecord
from zhengling.page.page import Page

TEXT = (
    "会议强调，各单位要在<6月底>前完成整改&验收。严禁瞒报“迟报”；\r\n\r\n"
    "  我们将新增岗位3000個以上。\n<script>alert('x')</script>\n来源：某网\n"
)


class Node:
    """An element with its attributes and what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Node | str] = []

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def find(self, name: str) -> list[Node]:
        """All elements within that have this tag or class, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                classes = (child.attributes.get("class") or "").split()
                found += [child] if name == child.tag or name in classes else []
                found += child.find(name)
        return found


class Tree(HTMLParser):
    """A strict reader: every element that is opened is closed in order."""

    VOID = ("meta", "input")

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root", {})
        self.open = [self.root]
        self.feed(html)
        self.close()
        assert self.open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in self.VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def span(part: str, **more: Any) -> dict[str, Any]:
    start = TEXT.index(part)
    return {"start": start, "end": start + len(part), **more}


def slot(part: str, kind: str, value: dict[str, Any] | None = None) -> SlotRecord:
    return SlotRecord(**span(part, kind=kind, text=part, clean=part, score=0.875, value=value))


def directive(part: str, kind: str, paragraph: int, *slots: SlotRecord) -> DirectiveRecord:
    return DirectiveRecord(**span(part, kind=kind, paragraph=paragraph, score=0.98, text=part, clean=part, slots=list(slots)))


def paragraph(part: str, *themes: str, boilerplate: bool = False) -> ParagraphRecord:
    scores = dict.fromkeys(themes, 0.75)
    return ParagraphRecord(**span(part, boilerplate=boilerplate, themes=list(themes), scores=scores))


def record(**more: Any) -> Record:
    fields = {"source": "a.txt", "model": "m", "version": "1", "characters": len(TEXT), "encoding": "gb18030"}
    return Record(**{**fields, **more})


DOCUMENT = record(
    repairs={"glosses": 0, "slips": 2},
    paragraphs=[
        paragraph(TEXT[: TEXT.index("\r\n")], "safety", "party"),
        paragraph("我们将新增岗位3000個以上。", "livelihood"),
        paragraph("<script>alert('x')</script>"),
        paragraph("来源：某网", boilerplate=True),
    ],
    directives=[
        directive(
            "各单位要在<6月底>前完成整改&验收",
            "require",
            0,
            slot("各单位", "agent"),
            slot("<6月底>前", "time", {"type": "deadline", "start": None, "end": "2026-06-30"}),
        ),
        directive("严禁瞒报“迟报”", "prohibit", 0),
        directive("我们将新增岗位3000個以上", "pledge", 1, slot("3000個以上", "target"), slot("我们", "agent")),
    ],
)


def page(*documents: tuple[Record, str], **labels: Any) -> tuple[str, Node]:
    out = io.StringIO()
    writer = Page(out, **labels)
    writer.start()
    for one, text in documents:
        writer.document(one, text)
    writer.end()
    return out.getvalue(), Tree(out.getvalue()).root


def source_of(article: Node) -> str:
    """What the source block shows, the margins and the line ends between the page's own elements left out."""
    (block,) = article.find("source")
    shown = ""
    for row in block.children:
        if isinstance(row, Node):
            (text,) = row.find("text") or [row]
            shown += text.text
    return shown


def test_every_character_of_the_source_is_shown_in_order() -> None:
    """Also line ends, spaces at the edges, what looks like a tag, and what lies between paragraphs."""
    _, root = page((DOCUMENT, TEXT))
    (article,) = root.find("article")
    assert source_of(article) == TEXT


def told(mark: Node) -> tuple[str, str | None, str | None, str]:
    return mark.tag, mark.attributes["class"], mark.attributes["title"], mark.text


def test_every_span_is_in_the_element_of_its_kind() -> None:
    """Element, label, score and text of each directive and slot; a slot's tooltip ends with its directive's."""
    _, root = page((DOCUMENT, TEXT))
    (block,) = root.find("source")
    shown = [(*told(mark), [told(part)[1:] for part in mark.find("slot")]) for mark in block.find("directive")]
    assert shown == [
        (
            "mark",
            "directive k0",
            "要求 0.98",
            "各单位要在<6月底>前完成整改&验收",
            [
                ("slot s0", "主体 0.88 · 要求 0.98", "各单位"),
                ("slot s1", "时间 0.88（deadline 2026-06-30） · 要求 0.98", "<6月底>前"),
            ],
        ),
        ("mark", "directive k1", "禁止 0.98", "严禁瞒报“迟报”", []),
        (
            "mark",
            "directive k2",
            "承诺 0.98",
            "我们将新增岗位3000個以上",
            [("slot s0", "主体 0.88 · 承诺 0.98", "我们"), ("slot s2", "指标 0.88 · 承诺 0.98", "3000個以上")],
        ),
    ]


def test_themes_and_boilerplate_stand_beside_their_paragraph() -> None:
    _, root = page((DOCUMENT, TEXT))
    rows = root.find("row")
    shown = [(row.attributes["class"], [t.text for t in row.find("theme")], row.find("text")[0].text) for row in rows]
    assert shown == [
        ("row t1 t2", ["安全", "党建"], TEXT[: TEXT.index("\r\n")]),
        ("row t3", ["民生"], "我们将新增岗位3000個以上。"),
        ("row", [], "<script>alert('x')</script>"),
        ("row boilerplate", ["套话"], "来源：某网"),
    ]


def test_nothing_from_a_record_or_source_becomes_markup() -> None:
    """No script, image or handler gets into the page, from no field; nor is anything asked of another host."""
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;"
    marks = DirectiveRecord(
        start=0, end=5, kind=evil, score=1.0, paragraph=0, text="", clean="",
        slots=[SlotRecord(kind=evil, start=1, end=3, text="", clean="", score=1.0, value={"type": evil})],
    )  # fmt: skip
    text = ParagraphRecord(start=0, end=len(evil), boilerplate=False, themes=[evil], scores={evil: 1.0})
    about = {"source": evil, "id": evil, "model": evil, "version": evil, "encoding": evil, "repairs": {evil: 1}}
    full, failed = record(**about, paragraphs=[text], directives=[marks]), record(source=evil, error=evil)
    html, root = page((full, evil), (failed, ""), directives=(evil,), slots=(evil,), themes=(evil,))
    assert root.find("script") == root.find("img") == []
    assert [heading.text for heading in root.find("h2")] == [evil, evil]
    assert source_of(root.find("article")[0]) == evil
    assert root.find("reason")[0].text == evil
    assert [link.text for link in root.find("summary")[0].find("a")] == [evil, evil]
    assert [told(mark)[2] for mark in root.find("source")[0].find("directive")] == [f"{evil} 1.00"]
    assert not any(outside in html for outside in ("http://", "https://", "url(", "@import"))


def test_an_error_is_shown_and_counted() -> None:
    unread = record(source="b.bin", characters=0, encoding=None, error="binary, not text")
    _, root = page((DOCUMENT, TEXT), (unread, ""))
    failed = root.find("article")[1]
    assert failed.attributes["class"] == "document failed"
    assert failed.find("p")[0].text == "未能读取：binary, not text"
    assert failed.find("source") == []
    assert root.find("caption")[0].text == "2 篇文档，其中 1 篇未能读取"


def test_documents_without_text_or_directives_say_so() -> None:
    plain = record(characters=3, paragraphs=[ParagraphRecord(start=0, end=3, boilerplate=False, themes=[], scores={})])
    _, root = page((record(characters=0), ""), (plain, "没有的"))
    empty, other = root.find("article")
    assert [node.text for node in empty.find("note")] == ["空文档。"]
    assert other.find("facts")[0].text == "3 字 · 编码 gb18030 · 1 段 · 未发现指令"
    assert source_of(other) == "没有的"


def test_the_header_and_the_summary_count() -> None:
    """The summary has a row a document, with a link to it, and the sums when there are several."""
    _, root = page((DOCUMENT, TEXT), (DOCUMENT, TEXT))
    assert root.find("facts")[0].text == (
        f"{len(TEXT)} 字 · 编码 gb18030 · 4 段 · 要求 1、禁止 1、承诺 1 · 主体 2、时间 1、指标 1 · 修复 字节错位 2"
    )
    (summary,) = root.find("summary")
    rows = [[cell.text for cell in row.children if isinstance(cell, Node)] for row in summary.find("tr")]
    one, both = [str(len(TEXT)), "4", "1", "1", "1", "–", "1", "1", "1"], ["8", "2", "2", "2", "–", "2", "2", "2"]
    assert rows[1] == ["", "文档", "字数", "段落", "要求", "禁止", "承诺", "经济", "安全", "党建", "民生"]
    assert rows[2:] == [["1", "a.txt", *one], ["2", "a.txt", *one], ["", "合计", str(2 * len(TEXT)), *both]]
    anchors = {article.attributes["id"] for article in root.find("article")}
    assert [link.attributes["href"] for link in summary.find("a")] == ["#d1", "#d2"]
    assert anchors == {"d1", "d2"}


def test_labels_of_another_scheme_have_styles_and_a_legend() -> None:
    """The labels are the model's; one that the page was not told of is shown in a neutral style."""
    own = directive("我们将新增岗位3000個以上", "advise", 0)
    mine = record(paragraphs=[paragraph(TEXT[:-1], "ecology", "odd")], directives=[own])
    html, root = page((mine, TEXT), directives=("order", "advise"), themes=("ecology",))
    (block,) = root.find("source")
    assert [told(mark)[1:3] for mark in block.find("directive")] == [("directive k1", "advise 0.98")]
    assert block.find("row")[0].attributes["class"] == "row t0 t-other"
    assert [node.text for node in root.find("legend")[0].find("label")][:2] == ["order", "advise"]
    assert ".directive.k1 {" in html and ".directive.k2 {" not in html


@pytest.mark.parametrize(
    ("directives", "message"),
    [
        ([directive("严禁瞒报", "prohibit", 0), directive("瞒报", "require", 0)], "paragraph 0, directives: span"),
        ([directive("我们将", "pledge", 0)], "paragraph 0, directives: span"),
        ([directive("严禁瞒报", "prohibit", 0, slot("迟报", "agent"))], "paragraph 0, slots: span"),
        ([directive("我们将", "pledge", 4)], r"directives of paragraphs \[4\], of 4 there are"),
    ],
)
def test_spans_that_overlap_or_leave_their_place_are_refused(directives: list[DirectiveRecord], message: str) -> None:
    bad = record(paragraphs=DOCUMENT.paragraphs, directives=directives)
    with pytest.raises(ValueError, match=message):
        page((bad, TEXT))


def test_the_page_is_written_document_by_document() -> None:
    """What is kept of a document does not grow with its length."""

    class Counting(io.TextIOBase):
        size = 0

        def write(self, text: str) -> int:
            self.size += len(text)
            return len(text)

    out = Counting()
    writer = Page(out)  # type: ignore[arg-type]
    writer.start()
    long = TEXT + "。" * 200_000
    tracemalloc.start()
    try:
        for _ in range(20):
            before = out.size
            writer.document(DOCUMENT, long)
            assert out.size - before > len(long)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000
