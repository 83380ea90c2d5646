"""Gold in both formats: what is read is what was written, and what is wrong is said."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest
from conftest import GOLD, ROOT

from zhengling.errors import GoldError, LabelError
from zhengling.gold.inline import parse_inline, read_inline, write_inline
from zhengling.gold.jsonlines import FEATURES, read_jsonl, to_dataset, to_json, write_jsonl
from zhengling.gold.loading import load_gold
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import LabelScheme

SHARED = ROOT.parent / "shared" / "annotation"
PARAGRAPH = {"start": 0, "end": 3, "themes": [], "boilerplate": False}


def test_a_document_is_its_text_and_its_spans() -> None:
    document = parse_inline('<p t="party safety">A&lt;<d k="require"><agent>乙</agent>要&amp;去</d>。</p>\r\n', "x")
    assert document == Document(
        "x",
        "A<乙要&去。\r\n",
        (Paragraph(0, 7, ("safety", "party")),),
        (Directive(2, 6, "require", (Slot(2, 3, "agent"),)),),
        {},
    )


def test_the_header_describes_and_is_no_text() -> None:
    document = parse_inline('<doc id="z1" genre="通知"/><p t="none">甲</p>', "file")
    assert (document.id, document.text, document.header) == ("z1", "甲", {"id": "z1", "genre": "通知"})


def test_writing_is_the_inverse_of_reading() -> None:
    assert write_inline(parse_inline(GOLD, "x")) == GOLD


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('<p t="none">甲', "x, line 1: <p> is never closed"),
        ('<p t="none">\n甲</d></p>', "x, line 2: got </d>, expected </p>"),
        ("甲</p>", "got </p>, expected no closing tag"),
        ('<p t="none"></p>', "<p> is empty"),
        ('<p t="">甲</p>', "names no theme"),
        ('<d k="require">甲</d>', "<d> must stand inside <p>, got it outside every tag"),
        ('<p t="none"><agent>甲</agent></p>', "<agent> must stand inside <d>, got it inside <p>"),
        ('<p t="none"><d k="require">甲<d k="require">乙</d></d></p>', "<d> must stand inside <p>, got it inside <d>"),
        ('<p x="none">甲</p>', '<p> takes one attribute t="…", got \'x="none"\''),
        ('<p t="none"><b>甲</b></p>', "unknown tag <b>. Expected one of: p d agent time target programme"),
        ('<p t="none">甲 & 乙</p>', "a bare '&'; write it as '&amp;'"),
        ('甲<doc id="a"/>', "must stand at the very start"),
    ],
)
def test_broken_tags_are_told_with_their_place(raw: str, message: str) -> None:
    with pytest.raises(GoldError) as caught:
        parse_inline(raw, "x")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('<p t="sports">甲</p>', "unknown themes label 'sports'. Expected one of: economy, safety, party, livelihood"),
        ('<p t="none"><d k="wish">甲</d></p>', "unknown directives label 'wish'. Expected one of: require, prohibit, pledge"),
    ],
)
def test_unknown_labels_are_told_with_the_known_ones(raw: str, message: str) -> None:
    with pytest.raises(LabelError) as caught:
        parse_inline(raw, "x")
    assert str(caught.value) == f"x, line 1: {message}"


def test_own_labels_need_no_code() -> None:
    scheme = LabelScheme(directives=("order",), slots=("who",), themes=("health",))
    document = parse_inline('<p t="health"><d k="order"><who>甲</who>去</d></p>', "x", scheme)
    assert document.directives == (Directive(0, 2, "order", (Slot(0, 1, "who"),)),)


def test_json_lines_hold_the_same_document(gold: Document, tmp_path: Path) -> None:
    write_jsonl([gold], tmp_path / "g.jsonl")
    assert list(read_jsonl(tmp_path / "g.jsonl")) == [gold]


def test_json_lines_load_with_datasets(gold: Document, tmp_path: Path) -> None:
    write_jsonl([gold], tmp_path / "g.jsonl")
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "g.jsonl"), features=FEATURES, split="train", cache_dir=cache
    )
    assert loaded[0] == to_json(gold) == to_dataset([gold])[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"directives": [{"start": 0, "end": 99, "kind": "require", "slots": []}]}, "directive (0, 99) is empty, out of order"),
        ({"directives": [{"start": 0, "end": 1, "kind": "wish", "slots": []}]}, "unknown directives label 'wish'"),
        ({"paragraphs": []}, "directive (2, 3) is in no paragraph"),
        ({"text": None}, "text is None. Expected a string"),
        ({"id": None}, "id is None. Expected a string or an integer"),
        ({"paragraphs": ["甲"]}, "paragraph 1: got '甲'. Expected an object with the key 'themes'"),
        ({"paragraphs": [{**PARAGRAPH, "start": "0"}]}, "paragraph 1: start is '0'. Expected an integer"),
        ({"paragraphs": [{**PARAGRAPH, "end": 3.0}]}, "paragraph 1: end is 3.0. Expected an integer"),
        ({"paragraphs": [{**PARAGRAPH, "themes": "safety"}]}, "paragraph 1: themes is 'safety'. Expected a list"),
        ({"paragraphs": [{**PARAGRAPH, "themes": [["safety"]]}]}, "themes is [['safety']]. Expected a list of strings"),
        ({"paragraphs": [{**PARAGRAPH, "boilerplate": "false"}]}, "boilerplate is 'false'. Expected true or false"),
        (
            {"paragraphs": [{**PARAGRAPH, "themes": ["safety"], "boilerplate": True}]},
            "paragraph (0, 3) is boilerplate and of the themes safety. Expected boilerplate without themes",
        ),
        ({"directives": [{"start": 2, "end": 3, "kind": ["require"], "slots": []}]}, "directive 1: kind is ['require']."),
        (
            {"directives": [{"start": 2, "end": 3, "kind": "require", "slots": [{"start": True, "end": 3, "kind": "time"}]}]},
            "directive 1, slot 1: start is True. Expected an integer",
        ),
    ],
)
def test_wrong_json_is_told_with_its_line(change: dict[str, object], message: str, tmp_path: Path) -> None:
    record = {
        "id": "a",
        "text": "甲乙丙",
        "paragraphs": [PARAGRAPH],
        "directives": [{"start": 2, "end": 3, "kind": "require", "slots": []}],
    }
    (tmp_path / "g.jsonl").write_text(json.dumps({**record, **change}))
    with pytest.raises((GoldError, LabelError)) as caught:
        list(read_jsonl(tmp_path / "g.jsonl"))
    assert str(caught.value).startswith(f"{tmp_path / 'g.jsonl'}, line 1")
    assert message in str(caught.value)


def test_a_byte_order_mark_is_no_text(gold: Document, tmp_path: Path) -> None:
    write_jsonl([gold], tmp_path / "g.jsonl")
    (tmp_path / "g.xml").write_text('<doc id="gold"/>' + GOLD, encoding="utf-8")
    for path in (tmp_path / "g.jsonl", tmp_path / "g.xml"):
        path.write_bytes("\ufeff".encode() + path.read_bytes())
        (found,) = load_gold([path])
        assert (found.text, found.paragraphs, found.directives) == (gold.text, gold.paragraphs, gold.directives)


def test_json_lines_in_another_encoding_are_told_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "g.jsonl").write_bytes('{"id": "会议"}'.encode("gbk"))
    with pytest.raises(GoldError, match=r"g\.jsonl, line 1: not UTF-8 at byte 8 of the line"):
        list(read_jsonl(tmp_path / "g.jsonl"))


def test_places_without_gold_are_told(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match="there is no such file or folder"):
        load_gold([tmp_path / "none"])
    with pytest.raises(GoldError, match=r"Expected \.xml or \.jsonl files"):
        load_gold([tmp_path])
    (tmp_path / "empty.jsonl").touch()
    for place in (tmp_path, tmp_path / "empty.jsonl"):
        with pytest.raises(GoldError, match=f"no gold in {place}: not one document"):
            load_gold([place])


def test_two_documents_of_one_id_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<doc id="z"/><p t="none">甲</p>')
    (tmp_path / "b.xml").write_text('<doc id="z"/><p t="none">乙</p>')
    with pytest.raises(GoldError, match="two gold documents have the id 'z'"):
        load_gold([tmp_path])


@pytest.mark.skipif(not SHARED.exists(), reason="../shared is not beside this clone")
def test_the_shared_gold_reads_and_writes_back() -> None:
    """Themes are written in the scheme's order, so the comparison is of documents, and of the text with its tags cut."""
    files = sorted(SHARED.rglob("*.xml"))
    assert len(files) == 78
    for path in files:
        document = read_inline(path)
        assert parse_inline(write_inline(document), document.id) == document
