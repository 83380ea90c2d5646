from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import peers, peers_rules
from benchmarks.peers_rule_themes import find_labels
from benchmarks.peers_table import as_markdown, margin
from benchmarks.peers_texts import Finding, as_document, gold_paragraphs
from benchmarks.peers_zhengling import load_model
from zhengling.errors import ZhenglingError
from zhengling.gold.inline import parse_inline
from zhengling.modeling.model import ZhenglingModel
from zhengling.scheme.annotation import Directive, Document, Paragraph, Slot
from zhengling.text import read


def rules(text: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Kind, text and slots of each directive that the rules find in a paragraph after a title."""
    finding = peers_rules.find(["柳湾镇工作例会", text])[1]
    return [
        (kind, text[start:end], [(k, text[s:e]) for s, e, k in finding.slots if start <= s < end])
        for start, end, kind in finding.directives
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "会议强调，各村要在6月底前查完隐患。",
            [("require", "各村要在6月底前查完隐患", [("agent", "各村"), ("time", "6月底前")])],
        ),
        ("盘活闲置厂房，新建冷库12座。", [("require", "盘活闲置厂房，新建冷库12座", [("target", "12座")])]),
        (
            "有关单位要及时上报，不得瞒报漏报；汛期已经到来。",
            [("require", "有关单位要及时上报", [("agent", "有关单位")]), ("prohibit", "不得瞒报漏报", [])],
        ),
        ("二要启动“暖心”工程。", [("require", "要启动“暖心”工程", [("programme", "“暖心”工程")])]),
        ("今年，我们将全力办好民生实事。", [("pledge", "今年，我们将全力办好民生实事", [("time", "今年"), ("agent", "我们")])]),
        ("同时，对于这些短板，必须逐项补齐。", [("require", "对于这些短板，必须逐项补齐", [])]),
    ],
)
def test_rules_find_directives_with_kind_bounds_and_slots(text: str, expected: list[object]) -> None:
    assert rules(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "近日，柳湾镇召开了防汛工作会议。",
        "当前形势总体向好。",
        "过去一年，新建冷库12座，盘活闲置厂房。",
        "（二）夯实基层基础",
        "只要大家齐心，事情就好办。",
    ],
)
def test_rules_pass_over_what_was_done_what_is_so_and_headings(text: str) -> None:
    assert rules(text) == []


def test_rules_bear_marks_without_words_between_them() -> None:
    assert rules("要查清底数，，要补齐短板。") == [("require", "要查清底数", []), ("require", "要补齐短板", [])]
    assert rules("。；，：") == []


def test_rules_name_themes_by_keywords_and_boilerplate_only_at_the_edges() -> None:
    assert find_labels("各地要抓好防汛和消防值守，排查隐患。", 5, 30) == ("safety",)
    assert find_labels("来源：柳湾发布", 1, 30) == ("boilerplate",)
    assert find_labels("来源：柳湾发布", 12, 30) == ()


def test_gold_in_damaged_text_is_learnt_in_clean_characters() -> None:
    document = parse_inline(
        '<p t="none">例會</p>\n<p t="safety">會議(yì)要求，<d k="require"><agent>各村</agent>要查完隱患</d>。</p>\n', "damaged"
    )
    assert gold_paragraphs([document]) == [
        Finding("例会", ()),
        Finding("会议要求，各村要查完隐患。", ("safety",), ((5, 12, "require"),), ((5, 7, "agent"),)),
    ]


def test_findings_become_spans_of_the_source_without_marks_at_their_ends() -> None:
    clean = read("會議(yì)要求，各村要查完隱患。\n來源：柳灣發佈")
    findings = [
        Finding("会议要求，各村要查完隐患。", ("safety",), ((4, 13, "require"),), ((0, 2, "agent"), (5, 7, "agent"))),
        Finding("来源：柳湾发布", ("boilerplate", "party"), ((0, 2, "require"),)),
    ]
    expected = Document(
        "name",
        clean.source,
        (Paragraph(0, 17, ("safety",)), Paragraph(18, 25, (), True)),
        (Directive(9, 16, "require", (Slot(9, 11, "agent"),)),),
    )
    assert as_document(clean, "name", findings) == expected


def row(value: float, **others: object) -> dict[str, object]:
    figures = {name: {"value": value, "low": value - 0.1, "high": value + 0.1} for name in ("directives exact", "themes macro")}
    return {
        "figures": figures,
        "signature": {"documents": 2, "bootstrap": "10 samples"},
        "cost": {"training_seconds": 12.4, "characters_per_second": 54321, "bytes": 2_000_000},
        "versions": {"floret": "0.10.5"},
        "made": {"date": "2026-01-02", "python": "3.11.7"},
        "data": {"train": "aa", "gold": "bb"},
        **others,
    }


def test_table_shows_intervals_costs_margins_and_why_a_peer_is_missing() -> None:
    rows = {"rules": row(0.5), "fasttext": row(0.75), "spacy": {"skipped": "not installed: spacy"}, "zhengling": row(0.7)}
    table = as_markdown(rows)
    assert "| figure | rules | fasttext | zhengling | ahead of the best peer |" in table
    assert "| directives exact | 50.0 (40.0–60.0) | — | 70.0 (60.0–80.0) | +20.0 |" in table
    assert "| themes macro | 50.0 (40.0–60.0) | 75.0 (65.0–85.0) | 70.0 (60.0–80.0) | -5.0 |" in table
    assert "| fasttext | 12 | 54,321 | 2.0 | floret 0.10.5, Python 3.11.7 |" in table
    assert "- `spacy` was skipped: not installed: spacy\n" in table
    assert margin("themes macro", {"zhengling": row(0.7)}) == "—"


def test_each_call_of_our_model_computes_anew(model_folder: Path, gold: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    forward = ZhenglingModel.forward
    monkeypatch.setattr(ZhenglingModel, "forward", lambda *args, **more: passes.append(1) or forward(*args, **more))
    annotate, _ = load_model(str(model_folder))
    counts = []
    for _ in range(2):
        passes.clear()
        annotate([read(gold.text)], ["x"])
        counts.append(len(passes))
    assert counts[0] == counts[1] > 0


def test_a_peer_whose_package_is_missing_is_skipped_with_the_reason(gold: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peers_fasttext.PACKAGES", ("floret-of-nobody",))
    row = peers.trained_row("fasttext", peers.Data(train=[gold], gold=[gold]))
    assert row == {"skipped": "not installed: floret-of-nobody. Expected: pip install --group peers"}


def test_rows_of_the_same_data_are_kept_and_others_dropped(tmp_path: Path, gold: Document) -> None:
    data = peers.Data(train=[gold], gold=[gold])
    path = tmp_path / "peers.json"
    same = {"data": data.hashes()}
    path.write_text(json.dumps({"zhengling": same, "crf": {"data": {"train": "older", "gold": "older"}}}), encoding="utf-8")
    assert peers.keep_row(path, "rules", same, data) == {"rules": same, "zhengling": same}
    assert list(json.loads(path.read_text(encoding="utf-8"))) == ["rules", "zhengling"]


def test_the_command_scores_the_rules_on_gold_and_writes_both_files(tmp_path: Path, gold: Document) -> None:
    source = tmp_path / "gold"
    source.mkdir()
    (source / "one.xml").write_text(
        '<p t="none">例会</p>\n<p t="safety"><d k="require">要排查消防隐患</d>。</p>\n', encoding="utf-8"
    )
    arguments = ["--train", str(source), "--gold", str(source), "--only", "rules", "--output", str(tmp_path)]
    assert peers.main(arguments) == 0
    assert "| directives exact | 100.0 (100.0–100.0) | — |" in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert (tmp_path / "peers.json").exists()


def test_training_gold_that_is_nowhere_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZhenglingError, match=r"none of data/zhenggao/train, .* is there"):
        peers.default_places()
