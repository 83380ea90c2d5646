"""Documents out of files, pages, Word files, PDFs and tables."""

from __future__ import annotations

import datetime
import gzip
import io
import json
import lzma
import os
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from making import docx, pdf

from zhengling.errors import ReadError
from zhengling.files.columns import find_columns
from zhengling.files.docx_text import docx_text
from zhengling.files.html_text import html_text
from zhengling.files.inputs import Inputs
from zhengling.files.pdf_text import pdf_text
from zhengling.files.source_texts import SourceTexts
from zhengling.files.sources import ReadSettings, SourceDocument, iter_documents

ONE, TWO, THREE = "各村要查完隐患。", "不得瞒报，“漏报”也不行。", "要抓好\n整改。"
NEW_YEAR = datetime.date(2023, 1, 1)


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def documents(*names: str, after: str | None = None, **settings: object) -> list[SourceDocument]:
    return list(iter_documents(Inputs(names).files(), ReadSettings(**settings), after))


def told(*names: str, **settings: object) -> list[tuple[str, str | None, object, object]]:
    return [(d.name, d.id, d.content, d.columns) for d in documents(*names, **settings)]


def put(name: str, content: str | bytes, encoding: str = "utf-8") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode(encoding))


def torn(data: bytes) -> bytes:
    """A zip archive whose first file begins with a block of a kind that deflate does not have."""
    start = 30 + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
    return data[:start] + b"\xff" + data[start + 1 :]


def test_files_come_in_the_order_of_names_each_once_and_outputs_not_at_all() -> None:
    for name in (
        "in/b.txt",
        "in/a/z.md",
        "in/a.txt",
        "in/.hidden.txt",
        "in/~$lock.docx",
        "in/x.exe",
        "in/.git/c.txt",
        "in/o.jsonl",
    ):
        put(name, "")
    assert list(Inputs(["in"], leave_out=["in/o.jsonl"]).files()) == ["in/a/z.md", "in/a.txt", "in/b.txt"]
    assert list(Inputs(["in/*.txt", "in/a.txt", "./in/b.txt"]).files()) == ["in/a.txt", "in/b.txt"]


def test_a_file_that_has_several_names_is_read_once(tmp_path: Path) -> None:
    put("in/a.txt", ONE)
    put("in/b/c.txt", TWO)
    Path("in/link.txt").symlink_to("a.txt")
    assert list(Inputs(["in"]).files()) == ["in/a.txt", "in/b/c.txt"]
    assert list(Inputs(["in/b/c.txt", str(tmp_path / "in/b/c.txt")]).files()) == ["in/b/c.txt"]
    assert list(Inputs(["in/**/**/*.txt"]).files()) == ["in/a.txt", "in/b/c.txt"]


def test_texts_that_a_run_saves_are_not_read_by_the_next() -> None:
    for name in ("in/a.html", "in/texts/in/a.html.txt", "in/texts/b.txt", "in/c.html.txt"):
        put(name, ONE)
    assert list(Inputs(["in"], saved_texts="in/texts").files()) == ["in/a.html", "in/c.html.txt", "in/texts/b.txt"]


def test_a_link_to_itself_is_a_document_with_its_error_and_a_name_too_long_is_told() -> None:
    put("in/b.txt", ONE)
    Path("in/a.txt").symlink_to("a.txt")
    assert [d.error for d in documents("in")] == ["cannot read in/a.txt: Too many levels of symbolic links", None]
    with pytest.raises(ReadError, match=r"input '文文.+File name too long"):
        Inputs(["文" * 99 + ".txt"])


def test_a_survey_changes_with_names_sizes_and_times() -> None:
    put("in/a.txt", ONE)
    first = Inputs(["in"]).survey()
    assert (first.files, first.size) == (1, len(ONE.encode()))
    os.utime("in/a.txt", (1, 1))
    second = Inputs(["in"]).survey()
    put("in/b.txt", "")
    assert len({survey.digest for survey in (first, second, Inputs(["in"]).survey())}) == 3


def test_a_text_stays_bytes_and_standard_input_is_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.md", "# 标题\r\n" + ONE, "gb18030")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ONE.encode())))
    found = documents("a.md", "-", date=NEW_YEAR)
    assert [(d.name, d.content, d.columns) for d in found] == [
        ("a.md", ("# 标题\r\n" + ONE).encode("gb18030"), None),
        ("-", ONE.encode(), None),
    ]
    assert {d.date for d in found} == {NEW_YEAR}


def test_a_name_that_is_not_utf8_is_told_in_escapes_and_its_text_found_again() -> None:
    folder = os.fsdecode("报告".encode("gbk"))
    put(f"{folder}/a.txt", ONE)
    put(f"{folder}/b.jsonl", json.dumps({"text": TWO}) + "\n")
    put(f"{folder}/c.csv", "id\n")
    pq.write_table(pa.table({"text": [THREE], "n": [1]}), "d.parquet")
    Path("d.parquet").rename(f"{folder}/d.parquet")
    found = documents(folder)
    name = r"\xb1\xa8\xb8\xe6"
    assert [d.name for d in found] == [f"{name}/a.txt", f"{name}/b.jsonl:1", f"{name}/c.csv", f"{name}/d.parquet:1"]
    assert found[2].error is not None and found[2].error.startswith(f"{name}/c.csv has no column 'text'")
    assert [SourceTexts(ReadSettings()).text(d.name, None) for d in (*found[:2], found[3])] == [ONE, TWO, THREE]
    assert find_columns(Inputs([folder]).files(), ReadSettings()) == {"n": "int64"}


def test_a_page_loses_scripts_and_glosses_and_keeps_one_line_a_block() -> None:
    page = (
        "<!DOCTYPE html><html><head><meta charset='gbk'><title>标题</title><style>p{}</style></head><body>"
        "<script>var a</script><div>首页 | 要闻</div><p>会议\n  要求，<b>各村</b>要&nbsp;查完"
        "<ruby>隐<rp>(</rp><rt>yǐn</rt><rp>)</rp></ruby>患。<br>不得瞒报。<!-- 注 --></p>"
        "<table><tr><td>一</td><td>二</td></tr></table><pre>甲\n  乙</pre>尾</body></html>"
    )
    text = "首页 | 要闻\n会议要求，各村要\xa0查完隐患。\n不得瞒报。\n一\t二\n甲\n乙\n尾"
    assert html_text(page.encode("gb18030")) == text
    assert html_text(page.encode("utf-16")) == text
    assert html_text(b"") == html_text(b"<p> </p>") == ""
    assert html_text(f"{ONE * 9}\0{TWO}".encode()) == f"{ONE * 9}\ufffd{TWO}"


def test_a_word_document_gives_paragraphs_tables_boxes_and_insertions() -> None:
    def run(text: str) -> str:
        return f"<w:r><w:t>{text}</w:t></w:r>"

    body = (
        f"<w:p><w:pPr><w:pStyle/></w:pPr>{run('会议')}<w:ins>{run('要求')}</w:ins><w:del><w:r><w:delText>删</w:delText></w:r></w:del>"
        f"<w:hyperlink>{run('：')}</w:hyperlink><w:r><w:tab/><w:br/></w:r></w:p><w:p/>"
        f"<w:tbl><w:tr><w:tc><w:p>{run('一')}</w:p></w:tc><w:tc><w:p>{run('二')}</w:p></w:tc></w:tr></w:tbl>"
        f"<w:p>{run('尾')}<w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p>{run('框')}</w:p></w:txbxContent></mc:Choice>"
        f"<mc:Fallback><w:p>{run('框')}</w:p></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert docx_text(docx(body)) == "会议要求：\t\n\n\n一\n二\n框\n尾"


def test_a_pdf_gives_its_lines() -> None:
    assert pdf_text(pdf([ONE, "不得瞒报。"])) == f"{ONE}\n不得瞒报。"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", pdf([ONE], locked=True), "cannot read the PDF: it is locked by a password"),
        ("a.pdf", pdf([]), "the PDF has no text in its 1 pages (scanned?). Expected a text layer; run OCR on it first"),
        ("a.pdf", b"%PDF-1.4 cut off", "cannot read the PDF: Failed to load document (PDFium: Data format error)."),
        ("a.docx", b"PK\x03\x04 cut off", "not a Word document that can be read: File is not a zip file"),
        ("a.docx", docx("<w:p>"), "not a Word document that can be read: "),
        ("a.docx", torn(docx(ONE * 99, zipfile.ZIP_DEFLATED)), "cannot take the text out of the .docx: error: "),
        ("a.docx", docx("<w:sdt>" * 2000 + "</w:sdt>" * 2000), "cannot take the text out of the .docx: RecursionError: "),
        ("a.html", bytes(range(256)) * 8, "the input is binary, not text"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_document_with_its_error(name: str, content: bytes, message: str) -> None:
    put(name, content)
    [document] = documents(name)
    assert (document.name, document.content) == (name, "")
    assert document.error is not None and document.error.startswith(message)


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_json_lines_name_each_line_and_carry_columns(suffix: str) -> None:
    lines = [
        "\ufeff" + json.dumps({"id": 7, "text": ONE, "url": None, "tags": ["甲"]}, ensure_ascii=False),
        "",
        json.dumps({"text": THREE, "date": "2023年8月14日"}),
    ]
    data = "\n".join(lines).encode()
    put(f"t.jsonl{suffix}", gzip.compress(data) if suffix == ".gz" else lzma.compress(data) if suffix else data)
    assert told(f"t.jsonl{suffix}") == [
        (f"t.jsonl{suffix}:1", "7", ONE, {"url": None, "tags": ["甲"]}),
        (f"t.jsonl{suffix}:3", None, THREE, {"date": "2023年8月14日"}),
    ]
    assert [d.date for d in documents(f"t.jsonl{suffix}", date=NEW_YEAR)] == [NEW_YEAR, datetime.date(2023, 8, 14)]


def test_a_broken_line_is_told_and_the_rest_goes_on() -> None:
    bad = ["{", "[1]", '{"text": 5}', '{"t": "x"}', '{"text": "\\ud800"}']
    put("t.jsonl", "\n".join(bad).encode() + b'\n{"text": "\xff"}\n' + json.dumps({"text": ONE}).encode())
    errors = [d.error for d in documents("t.jsonl")]
    beginnings = [
        "the line is not JSON: ", "the line is [1]. Expected an object", "the column 'text' is 5. Expected a text",
        "the column 'text' is missing, it has: t.", "the line holds half a surrogate pair", "the line is not utf-8: ",
    ]  # fmt: skip
    assert [(e or "")[: len(b)] for e, b in zip(errors, beginnings, strict=False)] == beginnings
    assert errors[6:] == [None]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "big5hkscs"])
def test_csv_in_any_encoding(encoding: str) -> None:
    text = ONE.replace("隐", "隱") if encoding == "big5hkscs" else ONE
    text = text.replace("查", "辦") if encoding == "big5hkscs" else text
    rows = f'文號,text,id\r\n甲,"{text}",a1\r\n\r\n乙,"要抓好\n""整改""。",\r\n' + f"丙,{text},c\r\n" * 20
    put("t.csv", rows, encoding)
    assert told("t.csv")[:3] == [
        ("t.csv:1", "a1", text, {"文號": "甲"}),
        ("t.csv:2", None, '要抓好\n"整改"。', {"文號": "乙"}),
        ("t.csv:3", "c", text, {"文號": "丙"}),
    ]


def test_csv_that_is_gbk_only_far_below_is_read_as_such() -> None:
    put("t.csv", b"id,text\n" + (b"1," + b"abc" * 100 + b"\n") * 4000 + f"2,{ONE}\n".encode("gb18030"))
    *_, last = iter_documents(["t.csv"], ReadSettings())
    assert (last.id, last.content) == ("2", ONE)


def test_csv_with_tabs_or_semicolons_and_named_columns() -> None:
    put("t.csv", f"nr\tbody\tx\n1\t{ONE}\t,\n")
    put("u.csv", f"nr;body;x\n2;{ONE};,\n")
    found = told("t.csv", "u.csv", text_column="body", id_column="nr")
    assert found == [("t.csv:1", "1", ONE, {"x": ","}), ("u.csv:1", "2", ONE, {"x": ","})]


def test_a_broken_csv_row_is_told_and_the_rest_goes_on() -> None:
    put("t.csv", f'id,text\n1,{ONE},3\n2,"甲"乙\n3,{ONE}\n')
    assert [(d.id, d.error) for d in documents("t.csv")] == [
        (None, "the row has 3 fields, the header 2"),
        (None, "the row is not CSV: ',' expected after '\"'"),
        ("3", None),
    ]


def test_csv_with_another_encoding_than_the_one_given_is_told_row_by_row() -> None:
    put("t.csv", f"\ufeffid,text\n1,{TWO}\ufffd\n".encode() + f"2,{ONE}\n".encode("gb18030"))
    put("u.csv", "编号,text\n", "gb18030")
    first, second, third = documents("t.csv", "u.csv", encoding="utf-8")
    assert (first.id, first.content, first.error) == ("1", f"{TWO}\ufffd", None)
    assert second.error == "the row is not utf-8"
    assert third.error is not None and third.error.startswith("u.csv: the header is not utf-8.")


def test_csv_with_an_open_quote_or_columns_without_a_name() -> None:
    put("t.csv", f'id,text,,\n1,{ONE},,x\n2,"{TWO},,\n')
    first, second = documents("t.csv")
    assert (first.id, first.content, first.columns) == ("1", ONE, {})
    assert second.error == "the row is not CSV: unexpected end of data"
    assert find_columns(["t.csv"], ReadSettings()) == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"a,b\n1,2\n", "t.csv has no column 'text', only: a, b. Expected names of columns in --text-column"),
        ("t.csv", b"text,text\n1,2\n", "t.csv has two columns called text"),
        ("t.csv", b"", "t.csv has no header"),
        ("t.parquet", b"PAR1", "cannot read t.parquet: "),
        ("t.csv.gz", b"text\n", "cannot read t.csv.gz: "),
        ("t.jsonl.xz", b"\n", "cannot read t.jsonl.xz: "),
    ],
)
def test_a_table_that_cannot_be_read_is_one_document_with_its_error(name: str, content: bytes, message: str) -> None:
    put(name, content)
    put("z.txt", ONE)
    first, last = documents(name, "z.txt")
    assert first.name == name and first.error is not None and first.error.startswith(message)
    assert last.error is None


def test_what_is_left_of_a_table_that_is_cut_off_is_read() -> None:
    packed = gzip.compress(b"".join(json.dumps({"text": ONE + str(n)}).encode() + b"\n" for n in range(5000)))
    put("t.jsonl.gz", packed[: len(packed) // 2])
    *good, last = documents("t.jsonl.gz")
    assert len(good) > 100 and not any(d.error for d in good)
    assert (last.name, last.error) == ("t.jsonl.gz", "cannot read t.jsonl.gz: " + str(last.error).partition(": ")[2])


def test_parquet_rows_and_types() -> None:
    day = datetime.date(2023, 8, 14)
    table = {"text": [ONE, None], "id": [1, 2], "date": [day, None], "n": [1.5, None], "l": [["甲"], []]}
    pq.write_table(pa.table(table), "t.parquet")
    first, second = documents("t.parquet")
    assert (first.name, first.id, first.content, first.date) == ("t.parquet:1", "1", ONE, day)
    assert first.columns == {"date": day, "n": 1.5, "l": ["甲"]}
    assert second.error == "the column 'text' is None. Expected a text; see --text-column"


def test_columns_of_all_tables_with_the_type_that_holds_all_their_cells() -> None:
    pq.write_table(pa.table({"text": [ONE], "n": [1], "flag": [True], "day": [NEW_YEAR]}), "a.parquet")
    put(
        "b.jsonl",
        '{"text": "", "n": 2.5, "m": 1, "big": 99999999999999999999, "none": null, "id": 1}\n{"m": "x", "mixed": [1]}\n{',
    )
    put("c.csv", "text,n2\n")
    assert find_columns(["a.parquet", "b.jsonl", "c.csv", "d.txt"], ReadSettings()) == {
        "n": "double", "flag": "bool", "day": "string", "m": "string", "big": "string", "none": "string", "mixed": "string",
        "n2": "string",
    }  # fmt: skip


def test_going_on_is_behind_a_name_whether_of_a_file_or_of_a_row() -> None:
    put("1.pdf", b"")
    put("2.csv", f"text\n{ONE}\n{TWO}\n")
    put("3.txt", ONE)
    names = [d.name for d in documents("1.pdf", "2.csv", "3.txt")]
    assert names == ["1.pdf", "2.csv:1", "2.csv:2", "3.txt"]
    for number, name in enumerate(names, 1):
        assert [d.name for d in documents("1.pdf", "2.csv", "3.txt", after=name)] == names[number:]
    assert [d.name for d in documents("1.pdf", "2.csv", "3.txt", after="2.csv")] == names[3:]  # whose rest was not read
    for gone, message in (("2.csv:3", "it has fewer rows now"), ("4.txt", "no document is named 4.txt")):
        with pytest.raises(ReadError, match=message):
            documents("1.pdf", "2.csv", "3.txt", after=gone)
    assert documents("1.pdf", "2.csv", "3.txt")[-1].position == Inputs(["1.pdf", "2.csv", "3.txt"]).survey().size


def test_the_text_behind_a_source_is_found_again() -> None:
    put("a.pdf", pdf([ONE]))
    put("b.txt", TWO, "gb18030")
    put("c.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in (ONE, TWO, THREE)))
    texts = SourceTexts(ReadSettings())
    found = [texts.text(s, e) for s, e in (("a.pdf", None), ("b.txt", "gb18030"), ("c.jsonl:1", None), ("c.jsonl:3", None))]
    assert found == [ONE, TWO, ONE, THREE]
    with pytest.raises(ReadError, match=r"c\.jsonl has no text in row 9"):
        texts.text("c.jsonl:9", None)
