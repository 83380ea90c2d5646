"""Each repair on a line of its own making: the clean text, and where its characters stand in the source."""

import codecs

import pytest

from zhengling.errors import ReadError
from zhengling.text import AlignedText, read
from zhengling.text.boilerplate import is_boilerplate

PLAIN = "会议强调，要全面加强安全生产工作。"


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ("會(huì)議", "会议"),
        ("創(chuàng )優(yōu\u00a0)", "创优"),
        ("绿(lu\u0308\u0300)色", "绿色"),
        ("女（nǚ）工", "女工"),
        ("幹部(bù)們(men)的(de)事", "干部们的事"),
        ("图(shu)书", "图(shu)书"),
        ("會(huì)議(app)", "会议(app)"),
        ("方案(a)与(b)", "方案(a)与(b)"),
        ("GDP(现价)增长", "GDP(现价)增长"),
        ("PPP(公私合营)", "PPP(公私合营)"),
        ("A(H1N1)流感", "A(H1N1)流感"),
    ],
)
def test_glosses_go_and_other_brackets_stay(source, clean):
    assert read(source).text == clean


def test_a_gloss_belongs_to_no_clean_character():
    clean = read("會(huì)議")
    assert [clean.to_source(at, at + 1) for at in range(2)] == [(0, 1), (6, 7)]


@pytest.mark.parametrize(
    ("source", "clean", "places"),
    [
        ("分明??茖W定", "分明。科学定", [(0, 1), (1, 2), (2, 4), (4, 5), (5, 6), (6, 7)]),
        ("管好自己?！叭?wù)", "管好自己。“三", [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6), (6, 7), (7, 8)]),
        ("自己?！叭?", "自己。“三", [(0, 1), (1, 2), (2, 4), (4, 5), (5, 6)]),
    ],
)
def test_a_byte_slip_is_undone_and_its_characters_keep_their_places(source, clean, places):
    result = read(source)
    assert (result.text, [result.to_source(at, at + 1) for at in range(len(clean))]) == (clean, places)


@pytest.mark.parametrize("text", ["为什么要这样做？因为大家需要。", "怎么办?我们来想办法。", "是不是？不是！"])
def test_a_real_question_mark_stays(text):
    assert read(text).text == text


@pytest.mark.parametrize(
    ("right", "wrong"), [("utf-8", "gb18030"), ("utf-8", "latin-1"), ("utf-8", "cp1252"), ("gbk", "latin-1")]
)
def test_mojibake_is_decoded_again(right, wrong):
    text = "会议强调，全面加强安全生产工作。"
    assert read(text.encode(right).decode(wrong, "replace")).text == text


@pytest.mark.parametrize(
    ("text", "lossy"),
    [("4月1日起，要于11月1日前完成。", "gbk"), ("共有12名党员报名参加。", "cp1252")],
)
def test_a_lost_byte_is_guessed_by_the_characters_on_both_sides(text, lossy):
    damaged = text.encode().decode(lossy, "replace")
    assert "\ufffd" in damaged
    assert read(damaged).text == text


def test_escaped_bytes_are_decoded_again():
    assert read(PLAIN.encode("gb18030").decode("utf-8", "surrogateescape")).text == PLAIN


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ("&ldquo;一网通办&rdquo;&nbsp;平台", "“一网通办” 平台"),
        ("<p>第一段</p><br/>第二段<span>末</span>", "\n第一段\n\n第二段末"),
        ("会\u200b议\ufeff强\ue000调", "会议强调"),
        ("1 9 9 8 年", "1998年"),
        ("ＧＤＰ增长６％，全年", "GDP增长6%，全年"),
        ("「兩個確立」", "“两个确立”"),
        ("沿著方向，著力瞭解情況", "沿着方向，着力了解情况"),
        ("乾部群衆裏外", "干部群众里外"),
        ("資金不得用於單位支出，於潛鎮除外", "资金不得用于单位支出，於潜镇除外"),
        ("第一行\r\n第二行\r第三行", "第一行\n第二行\n第三行"),
        ("要求如下:加强管理,抓好落实;确保安全", "要求如下：加强管理，抓好落实；确保安全"),
        ("𠮷林市會議", "𠮷林市会议"),
        ("坏\ud800字", "坏\ufffd字"),
    ],
)
def test_characters_take_their_usual_form(source, clean):
    assert read(source).text == clean


def test_each_repair_can_be_switched_off_and_says_what_it_touched():
    source = "會(huì)議"
    assert (read(source, off=["glosses"]).text, read(source, off=["traditional"]).text) == ("会(huì)议", "會議")
    touched = {name: count for name, count in read(source).repairs.items() if count}
    assert touched == {"glosses": 5, "traditional": 2}


def test_an_unknown_repair_is_refused():
    with pytest.raises(ValueError, match=r"unknown repairs \['gloss'\]. Expected some of: mojibake, line_ends"):
        read("会", off=["gloss"])


def test_what_cannot_be_repaired_stays_and_is_marked():
    source = "会议" + 5 * "\ufffd" + "强调"
    assert (read(source).text, read(source).unrepaired) == (source, ((2, 7),))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5hkscs", "utf-16-le", "utf-16-be"])
def test_the_encoding_is_found_out(encoding):
    text = "會議強調，要全面加強安全生產工作。各級領導幹部都要學習。"
    clean = read(text.encode(encoding))
    assert (clean.source, clean.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_a_byte_order_mark_is_no_part_of_the_source(mark, encoding):
    clean = read(mark + PLAIN.encode(encoding))
    assert (clean.source, clean.encoding) == (PLAIN, encoding)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(ReadError, match="the input is binary, not text: 540 control characters"):
        read(bytes(range(256)) * 20)


def test_an_encoding_that_does_not_fit_is_refused():
    with pytest.raises(ReadError, match="not utf-8: invalid start byte at byte 0 of 4"):
        read("会议".encode("gbk"), encoding="utf-8")


def test_lines_are_paragraphs_without_the_space_around_them():
    clean = read("　　第一段。 \n\n\u00a0第二段。")
    assert [clean.source[slice(*clean.to_source(*span))] for span in clean.paragraphs] == ["第一段。", "第二段。"]


@pytest.mark.parametrize("gap", [" ", "\u3000\u3000"])
def test_a_huge_line_is_parted_where_a_space_follows_a_sentence(gap):
    parts = ["会议强调，要抓好落实。" * 20, "一、加强领导。" * 10, "会议要求，各部门要担责。" * 10]
    clean = read(gap.join(parts))
    assert [clean.text[slice(*span)] for span in clean.paragraphs] == parts


def test_a_huge_line_without_gaps_is_parted_at_enumerators():
    parts = [
        "会议强调，要抓好落实。" * 80,
        "一、" + "加强领导。" * 150,
        "（二）" + "压实责任。" * 100,
        "3." + "严格考核。" * 20,
    ]
    clean = read("".join(parts))
    assert [clean.text[slice(*span)] for span in clean.paragraphs] == parts


def test_lines_broken_at_the_width_of_a_page_are_joined():
    paragraph = "各级各部门要把思想和行动统一到会议部署上来切实增强责任感以钉钉子精神抓好各项工作落实见效并报告"
    lines = [paragraph[at : at + 12] for at in range(0, len(paragraph), 12)]
    assert read("\n".join(lines)).text == paragraph


SITE_LINES = [
    "来源：某某日报　编辑：某某",
    "首页 > 政务公开 > 正文",
    "【打印】【关闭】",
    "主办单位：某市人民政府　某ICP备00000000号",
]


@pytest.mark.parametrize("line", SITE_LINES)
def test_boilerplate_is_recognised(line):
    assert is_boilerplate(line)


@pytest.mark.parametrize("line", [PLAIN, "同志们：", "一、总体要求", "2020年1月8日", "某市人民政府2017年8月6日印发"])
def test_a_line_of_the_document_is_no_boilerplate(line):
    assert not is_boilerplate(line)


def test_an_edit_out_of_order_is_refused():
    with pytest.raises(ValueError, match=r"edit \(0, 1\) is out of order or outside \[2, 3\]"):
        AlignedText.of("一二三").edit([(1, 2, ""), (0, 1, "")])


def test_spans_go_both_ways():
    clean = read("會(huì)議強調").aligned
    assert (clean.from_source(0, 1), clean.from_source(1, 6), clean.from_source(6, 9)) == ((0, 1), (1, 1), (1, 4))
