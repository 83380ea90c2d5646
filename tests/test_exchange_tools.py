"""Files as the tools document and export them: what is read, what is refused with its place, and the project to label."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from zhengling.errors import GoldError, LabelError
from zhengling.exchange.formats import import_documents
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.scheme.labels import LabelScheme

TEXT = "会议要求，各村要在汛前查完水库。\n  严禁脱岗。"
LINES = (Paragraph(0, 16), Paragraph(19, 24))
REQUIRE, PROHIBIT = Directive(5, 15, "require", (Slot(5, 7, "agent"), Slot(9, 11, "time"))), Directive(19, 23, "prohibit")
TRIPLES = [[5, 15, "require"], [5, 7, "agent"], [9, 11, "slot:time"], [19, 23, "directive.prohibit"]]


def read(folder: Path, name: str, content: object) -> list[Document]:
    """The documents of a file ``f.x`` that holds ``content``, as JSON if it is no string."""
    path = folder / "f.x"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8", newline="")
    return import_documents(path, name)


def region(start: int, end: int, *labels: str, **more: object) -> dict[str, Any]:
    """A region as Label Studio exports it."""
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": list(labels), **more}
    return {"value": value, "id": f"r{start}", "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual"}


def annotated(*results: dict[str, Any], text: str = TEXT, **more: object) -> dict[str, Any]:
    """A task as Label Studio exports it."""
    annotation = {"id": 7, "completed_by": 1, "result": list(results), "was_cancelled": False, "ground_truth": False, **more}
    task = {"id": 12, "annotations": [annotation], "file_upload": "a.json", "drafts": [], "predictions": [], "meta": {}}
    return {**task, "data": {"text": text}, "created_at": "2025-03-09T21:52:49.513742Z", "project": 3}


RESULTS = [region(start, end, label.split(":")[-1].split(".")[-1]) for start, end, label in TRIPLES]


def test_label_studio_json_of_a_project_of_its_own(tmp_path: Path) -> None:
    assert read(tmp_path, "label-studio", [annotated(*RESULTS)]) == [Document("f-12", TEXT, LINES, (REQUIRE, PROHIBIT))]


def test_label_studio_choices_of_a_region_are_the_themes_of_a_paragraph(tmp_path: Path) -> None:
    by_place = {**region(0, 16), "type": "choices", "from_name": "themes"}
    by_place["value"] = {"start": 0, "end": 16, "text": TEXT[:16], "choices": ["safety", "party"]}
    by_id = {"id": "r19", "type": "choices", "from_name": "topic", "to_name": "text", "value": {"choices": ["economy"]}}
    found = read(tmp_path, "label-studio", annotated(region(0, 16, "paragraph"), by_place, region(19, 24, "paragraph"), by_id))
    assert found[0].paragraphs == (Paragraph(0, 16, ("safety", "party")), Paragraph(19, 24, ("economy",)))


def test_label_studio_min_gives_one_document_a_task(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = {"text": TEXT, "id": 12, "annotator": 1, "annotation_id": 7, "lead_time": 4.2, "created_at": "2025-03-09T21"}
    newest = {**record, "label": [r["value"] for r in RESULTS], "updated_at": "2025-03-11T00:00:00Z"}
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, "label-studio", [newest, {**record, "label": [RESULTS[0]["value"]]}, {**record, "id": 13}])
    assert [(d.id, d.directives) for d in found] == [("f-12", (REQUIRE, PROHIBIT)), ("f-13", ())]
    assert caplog.messages == [f"{tmp_path / 'f.x'}, task 1 holds 2 annotations: took the newest"]


def test_label_studio_min_keeps_the_places_of_several_choices(tmp_path: Path) -> None:
    paragraph, themes = region(0, 16, "paragraph")["value"], {"start": 0, "end": 16, "choices": ["party", "safety"]}
    found = read(tmp_path, "label-studio", [{"text": TEXT, "document": "a", "paragraph": [paragraph], "themes": [themes]}])
    assert found == [Document("a", TEXT, (Paragraph(0, 16, ("party", "safety")),))]


def test_label_studio_annotations_that_do_not_count_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task, cancelled = annotated(*RESULTS, ground_truth=True), annotated(was_cancelled=True)
    task["annotations"] += [*annotated(RESULTS[0], updated_at="2030")["annotations"], *cancelled["annotations"]]
    task["annotations"][0]["result"] += [{"type": "relation", "from_id": "r5", "to_id": "r19", "direction": "right"}]
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path, "label-studio", [task, cancelled])[0].directives == (REQUIRE, PROHIBIT)
    path = tmp_path / "f.x"
    assert caplog.messages == [
        f"{path}, task 1 holds 2 annotations: took the ground truth",
        f"1 tasks left out, nobody annotated them: {path}, task 2",
        f"{path}: 1 results of type relation passed over: our scheme has no place for them",
    ]
    with pytest.raises(GoldError, match=r"none of its 1 tasks is annotated\. Expected an export after"):
        read(tmp_path, "label-studio", [cancelled])


def test_label_studio_shows_spaces_and_line_ends_otherwise(tmp_path: Path) -> None:
    whole = region(5, 24, "paragraph", text="各村要在汛前查完水库。\\n 严禁脱岗。")
    assert read(tmp_path, "label-studio", annotated(whole))[0].paragraphs == (Paragraph(5, 24),)


@pytest.mark.parametrize("key", ["label", "labels"])
def test_doccano_sequence_labelling(key: str, tmp_path: Path) -> None:
    lines = [{"id": 4, "text": TEXT, key: TRIPLES}, {"id": 5, "data": "请示", key: []}]
    found = read(tmp_path, "doccano", "".join(json.dumps(line) + "\n" for line in lines) + "\n")
    assert found == [Document("4", TEXT, LINES, (REQUIRE, PROHIBIT)), Document("5", "请示", (Paragraph(0, 2),))]


def test_doccano_relations_are_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entities = [{"id": i, "label": t[2], "start_offset": t[0], "end_offset": t[1]} for i, t in enumerate(TRIPLES)]
    relations = [{"id": 0, "from_id": 0, "to_id": 3, "type": "before"}]
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, "doccano", {"text": TEXT, "entities": entities, "relations": relations, "Comments": []})
    assert found == [Document("f-1", TEXT, LINES, (REQUIRE, PROHIBIT))]
    assert caplog.messages == [f"{tmp_path / 'f.x'}: 1 relations passed over: our scheme has no place for them"]


def test_cluener_lines_without_id_have_inclusive_ends(tmp_path: Path) -> None:
    label = {"require": {TEXT[5:15]: [[5, 14]]}, "agent": {"各村": [[5, 6]]}, "time": {"汛前": [[9, 10]]}}
    label["prohibit"] = {"严禁脱岗": [[19, 22]]}
    assert read(tmp_path, "cluener", {"text": TEXT, "label": label}) == [Document("f-1", TEXT, LINES, (REQUIRE, PROHIBIT))]


@pytest.mark.parametrize("tags", ["OBIIOBI", "OBIEOBE", "OBMEOBE", "OIIEOIE", "OBILOBL"])
@pytest.mark.parametrize("between", ["\t", " ", " -X- _ "])
def test_two_columns_in_every_dialect(tags: str, between: str, tmp_path: Path) -> None:
    rows = [f"{char}{between}{tag}-require".replace("O-require", "O") for char, tag in zip("请速报。\\要去", tags, strict=True)]
    content = "-DOCSTART- -X- O O\r\n\r\n" + "\r\n".join(
        [*rows[:4], "", "", *rows[4:], "", "-DOCSTART- -X- O O", "", "去 U-pledge", ""]
    )
    assert read(tmp_path, "conll", content) == [
        Document(
            "f-1",
            "请速报。\n\\要去",
            (Paragraph(0, 4), Paragraph(5, 8)),
            (Directive(1, 4, "require"), Directive(6, 8, "require")),
        ),
        Document("f-2", "去", (Paragraph(0, 1),), (Directive(0, 1, "pledge"),)),
    ]


def test_spaces_are_tokens_and_ids_begin_documents(tmp_path: Path) -> None:
    content = "# id = a\\b\n速 B-require\n  I-require\n办 I-require\n# id = b\n#\tO\n2025\tB-prohibit\n年\tI-prohibit\n"
    found = read(tmp_path, "conll", content)
    assert [(d.id, d.text, [(s.start, s.end) for s in d.directives]) for d in found] == [
        ("a\\b", "速 办", [(0, 3)]),
        ("b", "#2025年", [(1, 6)]),
    ]


def line(*spans: list[object], text: str = TEXT) -> str:
    """The second line of a doccano file."""
    return "\n" + json.dumps({"text": text, "label": list(spans)})


OWN = "# columns = character directive slot paragraph\n"
CHOICE = {"type": "choices", "value": {"choices": ["party"]}}
MIN = {"text": TEXT, "id": 1, "themes": "party"}
WRONG: list[tuple[str, object, str]] = [
    ("doccano", line([0, 2, "wish"]), ", line 2: unknown label 'wish'. Expected one of: require, prohibit, pledge"),
    ("doccano", line([0, 2, "slot:wish"]), ", line 2: unknown slots label 'wish'. Expected one of: agent, time"),
    ("doccano", line([20, 25, "require"]), ", line 2: require: the span (20, 25) leaves the text, or splits a character."),
    (
        "doccano",
        line([1, 2, "agent"], text="\U00020bb7林"),
        "(1, 2) leaves the text, or splits a character. Expected offsets in [0, 3]",
    ),
    ("doccano", line([2, 2, "require"]), "line 2: require: the span (2, 2) is empty. Expected its start before its end"),
    ("doccano", line(["0", 2, "require"]), "the span ('0', 2) is not two whole numbers"),
    ("doccano", line([0, 2, 3]), "line 2: the label of the span (0, 2) is 3. Expected a string"),
    ("doccano", line([0, 2]), "an entry of label, if not [start, end, label], is [0, 2]. Expected an object"),
    (
        "doccano",
        line([0, 4, "require"], [3, 5, "pledge"]),
        "(0, 4) '会议要求' and directive:pledge (3, 5) '求，' overlap. Expected",
    ),
    (
        "doccano",
        line([0, 4, "require"], [3, 6, "agent"]),
        "line 2: slot:agent (3, 6) '求，各' is inside no directive. Expected",
    ),
    ("doccano", line([9, 21, "require"]), "is inside no paragraph. Expected each in one paragraph, or on one line"),
    ("doccano", line([0, 4, "boilerplate+party"]), "is both. Expected boilerplate without themes"),
    ("doccano", "[1]", ", line 1: the line is [1]. Expected an object"),
    ("doccano", "{", ", line 1: not JSON: "),
    ("doccano", '{"text": "甲"}', ", line 1: expected the spans under label, labels or entities, got the keys ['text']"),
    ("doccano", '{"text": 1}', ", line 1: expected a string under text or data, got 1 and the keys ['text']"),
    ("doccano", '{"text": "\\ud842", "label": []}', ", line 1: the text holds half a surrogate pair"),
    ("doccano", '{"text": "", "label": [], "header": {"a": 1}}', ", line 1: header is {'a': 1}. Expected strings only"),
    ("doccano", '{"text": "", "label": [], "id": 1}\n' * 2, "f.x: two documents have the id '1'"),
    (
        "cluener",
        {"text": "甲乙", "label": {"agent": {"甲": [[1, 1]]}}},
        ", line 1: agent: the text at (1, 2) is '乙', but the file says",
    ),
    (
        "cluener",
        {"text": "甲", "label": {"agent": {"甲": [[0, 1]]}}},
        "agent '甲' (end inclusive): the span (0, 2) leaves the text",
    ),
    (
        "cluener",
        {"text": "甲", "label": {"agent": {"甲": [0, 0]}}},
        "agent '甲': got 0. Expected [start, end], the end inclusive",
    ),
    ("cluener", {"text": "甲"}, ", line 1: expected the spans under label, got the keys ['text']"),
    ("conll", "甲 O\n乙 Z-require\n", ", line 2: unknown tag 'Z-require'. Expected O, or B- I- M-"),
    ("conll", "甲 O\n乙 B-wish\n", ", line 2: unknown label 'wish'"),
    ("conll", "甲\n", ", line 1: got '甲'. Expected a character and its tag, a tab or a space between them"),
    ("conll", f"{OWN}甲\tO\n", ", line 2: got '甲\\tO'. Expected 4 columns between tabs"),
    ("conll", f"{OWN}\\x\tO\tO\tO\n", ", line 2: got '\\\\x'. Expected one character"),
    (
        "label-studio",
        [annotated(region(5, 7, "agent", text="各镇"))],
        "task 1, result 1 (agent): the text at (5, 7) is '各村', but",
    ),
    (
        "label-studio",
        [annotated(region(3, 4, "pledge", text="去"), text="\U00020bb7要去。")],
        "utf-16 it agrees: --offsets utf-16): the",
    ),
    ("label-studio", [annotated(region(5, 99, "agent"))], ", task 1, result 1 (agent): the span (5, 99) leaves the text"),
    ("label-studio", [annotated(region(5, 7))], "'text': '各村', 'labels': []}. Expected one with labels"),
    ("label-studio", [annotated(CHOICE)], ", task 1, result 1 (party): it has no place in the text. Expected start and end"),
    (
        "label-studio",
        [MIN],
        ", task 1: themes is 'party', without places: JSON-MIN leaves them out of single choices. Expected",
    ),
    (
        "label-studio",
        [{"data": {"ner": ""}, "annotations": [{"result": []}]}],
        ", task 1: expected a string under text, got None",
    ),
    ("label-studio", "3", "f.x: the file is 3. Expected a list"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG)
def test_what_is_wrong_is_told_with_its_place(name: str, content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises((GoldError, LabelError)) as caught:
        read(tmp_path, name, content)
    assert str(caught.value).startswith(str(tmp_path / "f.x"))
    assert message in str(caught.value)


def test_a_label_in_two_layers_needs_its_layer(tmp_path: Path) -> None:
    scheme = LabelScheme(directives=("time",), slots=("time",))
    (tmp_path / "f").write_text(line([0, 2, "time"]), encoding="utf-8")
    with pytest.raises(LabelError, match="the label 'time' may be any of directive:time, slot:time: write which"):
        import_documents(tmp_path / "f", "doccano", scheme)


def test_bytes_that_are_not_utf8_are_told(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes("会议".encode("gb18030"))
    with pytest.raises(GoldError, match=r"f: not UTF-8 at byte 0"):
        import_documents(tmp_path / "f", "conll")
