"""Documents out to other tools' files and back: nothing is lost, whatever the text. ZHENGLING_CASES=1000 tries as many."""

from __future__ import annotations

import itertools
import json
import logging
import os
from pathlib import Path

import pytest
from conftest import GOLD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhengling.cli import main
from zhengling.errors import GoldError, LabelError
from zhengling.exchange.formats import FORMATS, export_documents, import_documents, save_gold
from zhengling.exchange.offsets import UNITS, Ruler
from zhengling.gold.inline import parse_inline
from zhengling.gold.loading import load_gold
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import DEFAULT_SCHEME, LabelScheme

OWN = LabelScheme(directives=("要求", "agent"), slots=("主体", "time.due"), themes=("民生:就业", "party"))
ODD = '会议要求各村。\U00020bb7\U0001f600e\u0301\ufe0f \t\r\n\u3000\u2028\u200b\x0b\x85\\#|<>&"+:.\ue000'
CHARACTERS = st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"]))
LINES = st.lists(
    st.sampled_from(["会议要求，各村要查完隐患。", "\U00020bb7林", "\r\n", "\n", "# id = x", "\\n", "　"]), max_size=12
)
TEXTS = st.one_of(st.text(CHARACTERS, max_size=60), LINES.map("".join))
THOROUGH = settings(
    max_examples=int(os.environ.get("ZHENGLING_CASES", "20")), deadline=None, suppress_health_check=list(HealthCheck)
)
NUMBERS = itertools.count()


@st.composite
def stretches(draw: st.DrawFn, start: int, end: int) -> list[tuple[int, int]]:
    """Stretches side by side within [start, end), some of them touching."""
    cuts = sorted(draw(st.sets(st.integers(start, end), max_size=6)))
    return [pair for pair in itertools.pairwise(cuts) if draw(st.booleans())]


@st.composite
def documents(draw: st.DrawFn, scheme: LabelScheme = DEFAULT_SCHEME) -> Document:
    text = draw(TEXTS)
    paragraphs, directives = [], []
    for start, end in draw(stretches(0, len(text))):
        themes = draw(st.lists(st.sampled_from(scheme.themes), unique=True))
        paragraphs.append(Paragraph(start, end, tuple(themes), not themes and draw(st.booleans())))
        for first, last in draw(stretches(start, end)):
            slots = (Slot(*place, draw(st.sampled_from(scheme.slots))) for place in draw(stretches(first, last)))
            directives.append(Directive(first, last, draw(st.sampled_from(scheme.directives)), tuple(slots)))
    header = draw(st.dictionaries(st.text(CHARACTERS, max_size=5), st.text(CHARACTERS, max_size=5), max_size=2))
    return Document(draw(st.text(CHARACTERS, max_size=8)), text, tuple(paragraphs), tuple(directives), header)


def several(scheme: LabelScheme = DEFAULT_SCHEME) -> st.SearchStrategy[list[Document]]:
    return st.lists(documents(scheme), max_size=3, unique_by=lambda document: document.id)


def there_and_back(made: list[Document], folder: Path, *how: object) -> list[Document]:
    path = folder / f"file-{next(NUMBERS)}"
    export_documents(made, path, *how)  # type: ignore[arg-type]
    return import_documents(path, *how)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FORMATS)
@THOROUGH
@given(made=several())
def test_what_comes_back_is_what_went_out(name: str, made: list[Document], tmp_path: Path) -> None:
    assert there_and_back(made, tmp_path, name) == made


@pytest.mark.parametrize("name", FORMATS)
@THOROUGH
@given(made=several(OWN))
def test_own_labels_need_no_code(name: str, made: list[Document], tmp_path: Path) -> None:
    assert there_and_back(made, tmp_path, name, OWN) == made


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.offsets])
def test_other_units_of_offsets_can_be_asked_for(name: str, unit: str, tmp_path: Path) -> None:
    raw = (
        '<p t="none">\U0001f468\u200d\U0001f692<d k="require"><agent>\U00020bb7林</agent>要e\u0301\r\n去</d>\U0001f600</p>\r\n'
    )
    made = [parse_inline(raw, "x")]
    assert there_and_back(made, tmp_path, name, DEFAULT_SCHEME, unit) == made


def test_a_ruler_counts_as_the_tools_do() -> None:
    text = "\U0001f468\U0001f3fb\u200d\U0001f692 firemen"  # the text of doccano's issue 2290, with its joiner
    assert {unit: Ruler(text, unit).write(5, 12, "x") for unit in UNITS} == {
        "code-points": (5, 12),
        "utf-16": (8, 15),
        "graphemes": (2, 9),
    }
    with pytest.raises(GoldError, match=r"x: the span \(1, 5\) splits a character, graphemes cannot say where it stands"):
        Ruler(text, "graphemes").write(1, 5, "x")
    with pytest.raises(
        GoldError, match=r"x: the span \(1, 8\) leaves the text, or splits .* offsets in \[0, 15\], counted in utf-16"
    ):
        Ruler(text, "utf-16").read(1, 8, "x")


def test_labels_that_would_not_come_back_are_refused(tmp_path: Path) -> None:
    for theme in ("a+b", "a b", "none", "boilerplate"):
        with pytest.raises(LabelError, match=r"cannot be exchanged\. Expected no space and no"):
            export_documents([], tmp_path / "x", "conll", LabelScheme(themes=(theme,)))


@pytest.mark.parametrize("name", FORMATS)
def test_the_commands_go_there_and_back(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    for number, genre in enumerate(("通知", "讲话")):
        raw = f'<doc id="令 {number}/a" genre="{genre}"/>' + GOLD.replace("\n", "\r\n")
        (tmp_path / "in" / f"{number}.xml").write_bytes(raw.encode())
    file, out = str(tmp_path / "file"), str(tmp_path / "out")
    assert main(["export", str(tmp_path / "in"), "--format", name, "--output", file]) == 0
    assert main(["import", file, "--format", name, "--output", out]) == 0
    assert load_gold([out]) == load_gold([tmp_path / "in"])
    assert capsys.readouterr().out == f"2 documents in {file}\n2 documents in {out}\n"
    assert sorted(path.name for path in Path(out).iterdir()) == ["令_0_a.xml", "令_1_a.xml"]


def test_the_commands_take_labels_from_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("labels: {directives: [order], slots: [who], themes: [health]}\n", encoding="utf-8")
    (tmp_path / "g.xml").write_text('<p t="health"><d k="order"><who>甲</who>去</d></p>', encoding="utf-8")
    how = ["--format", "doccano", "--labels", str(tmp_path / "own.yaml")]
    assert main(["export", str(tmp_path / "g.xml"), *how, "--output", str(tmp_path / "f.jsonl")]) == 0
    assert main(["import", str(tmp_path / "f.jsonl"), *how, "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "g.xml").read_text(encoding="utf-8") == (tmp_path / "g.xml").read_text(encoding="utf-8")


def test_json_lines_say_that_they_hold_no_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    document = parse_inline('<doc id="g" genre="通知"/>' + GOLD, "g")
    with caplog.at_level(logging.WARNING):
        save_gold([document], tmp_path / "new" / "g.jsonl")
    assert [d.directives for d in load_gold([tmp_path / "new" / "g.jsonl"])] == [document.directives]
    assert caplog.messages == [
        f"{tmp_path / 'new' / 'g.jsonl'} has no place for the headers of 1 documents. A folder of .xml files has"
    ]


def test_gold_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match='a: <doc title="a "b""/> cannot be read again'):
        save_gold([Document("a", "", (), (), {"title": 'a "b"'})], tmp_path)
    with pytest.raises(GoldError, match=r"the documents 'a/b' and 'a b' would both be .*a_b\.xml"):
        save_gold([Document("a/b", ""), Document("a b", "")], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g.xml").write_text(GOLD, encoding="utf-8")
    how = ["export", str(tmp_path / "g.xml"), "--output", str(tmp_path / "o")]
    assert main([*how, "--format", "conll", "--offsets", "utf-16"]) == 2
    assert main(["import", str(tmp_path / "none"), "--format", "conll", "--output", str(tmp_path / "o")]) == 2
    assert main([*how[:-1], str(tmp_path / "g.xml" / "o"), "--format", "conll"]) == 2
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "zhengling: the format conll has no offsets, got 'utf-16'. Expected none"
    assert second == f"zhengling: cannot read {tmp_path / 'none'}: No such file or directory"
    assert third.startswith(f"zhengling: cannot write {tmp_path / 'g.xml' / 'o'}: ")


def test_inclusive_ends_and_escapes_are_as_documented(tmp_path: Path) -> None:
    document = parse_inline('<p t="none"><d k="require">要 去</d>\\</p>\n', "x")
    export_documents([document], tmp_path / "c", "cluener")
    assert json.loads((tmp_path / "c").read_text(encoding="utf-8"))["label"]["directive.require"] == {"要 去": [[0, 2]]}
    export_documents([document], tmp_path / "b", "conll")
    assert (tmp_path / "b").read_text(encoding="utf-8").split("\n")[1:] == [
        "# id = x",
        "要\tB-require\tO\tB-none",
        "\\s\tI-require\tO\tI-none",
        "去\tI-require\tO\tI-none",
        "\\\\\tO\tO\tI-none",
        "\\n\tO\tO\tO",
        "",
        "",
    ]
