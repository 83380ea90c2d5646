"""The corpus room: what it finds wrong, what it counts, what repeats, how varied it is, and what it leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import datasets
import pytest
from conftest import ROOT

from zhengling.corpus.__main__ import main
from zhengling.corpus.checking import check_corpus
from zhengling.corpus.counting import CUE_SENTENCES, MINIMA, OWN_WORD, count, shortfalls
from zhengling.corpus.damaging import damaged_version
from zhengling.corpus.duplicates import Passage, near_duplicates, passages, shared_stretches
from zhengling.corpus.plan import COLUMNS
from zhengling.corpus.variety import compare_variety, distinct, sample
from zhengling.errors import GoldError
from zhengling.gold.inline import parse_inline, read_inline
from zhengling.gold.jsonlines import read_jsonl, to_json
from zhengling.scheme.annotation import Document, Paragraph

CORPUS = ROOT / "data" / "zhenggao"
ROW = {
    "genre": "通知", "level": "市", "province": "甘肃", "year": "2020", "topic": "safety/消防", "length": "150-300",
    "form": "traditional", "style": "平实",
}  # fmt: skip
HEAD = ' genre="通知" level="市" province="甘肃" year="2020" issuer="柳湾市消防救援支队" style="平实"/>'
BODY = (
    '<p t="none">关于检查楼道的通知</p>\n'
    '<p t="safety livelihood">会议强调，<d k="require"><agent>各社区</agent>要在<time>11月底前</time>清完'
    "<target>300处</target>楼道</d>。楼道是逃生的路，要道不能堵。</p>\n"
    '<p t="safety">二、<d k="prohibit">不得锁闭安全出口</d>；<d k="pledge"><agent>支队</agent>将开展'
    "<programme>“夜巡”行动</programme></d>。大家应该看得见，供应也足。</p>\n"
    '<p t="boilerplate">来源：柳湾发布</p>\n'
)


def document(body: str = BODY, name: str = "z001") -> Document:
    return parse_inline(f'<doc id="{name}"{HEAD}{body}', name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of three documents, one a split, with nothing wrong."""
    for name, split in (("z001", "train"), ("z002", "validation"), ("z003", "test")):
        (tmp_path / "corpus" / split).mkdir(parents=True)
        (tmp_path / "corpus" / split / f"{name}.xml").write_text(f'<doc id="{name}"{HEAD}{BODY}', encoding="utf-8")
    with (tmp_path / "corpus" / "plan.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        for name, split in (("z001", "train"), ("z002", "validation"), ("z003", "test")):
            table.writerow({**ROW, "id": name, "split": split})
    return tmp_path / "corpus"


def test_a_sound_corpus_has_no_problem(folder: Path) -> None:
    corpus = check_corpus(folder)
    assert (corpus.problems, [d.id for d in corpus.all]) == ((), ["z001", "z002", "z003"])


def test_our_corpus_has_no_problem() -> None:
    assert check_corpus(CORPUS).problems == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('t="safety"', 't="sport"', ": z001, line 3: unknown themes label 'sport'. Expected one of: economy"),
        ("</programme></d>", "</programme>", ": z001, line 3: got </p>, expected </d>; near "),
        (' issuer="柳湾市消防救援支队"', "", ": the header lacks issuer. Expected id, genre, level, province, year, issuer"),
        ('id="z001"', 'id="z009"', ": the header's id is 'z009'. Expected 'z001', as the file is called"),
        ('year="2020"', 'year="2021"', ": year is '2021' in the header and '2020' in plan.csv"),
        ("路，要", "路，\n要", ", line 2: a paragraph of 2 lines: '会议强调，各社区要在11月底…"),
        ('</p>\n<p t="boilerplate">', '</p><p t="boilerplate">', ", line 3: a second paragraph on the line: '来源"),
        ('<p t="boilerplate">来源：柳湾发布</p>', "来源：柳湾发布", ", line 4: text outside every paragraph: '来源：柳湾"),
        ('</p>\n<p t="safety">', '</p>\n嗯\n<p t="safety">', ", line 3: text outside every paragraph: '嗯'"),
        ("<time>11", "<time> 11", ", line 2: white space at an end of a slot: ' 11月底前'"),
        ("出口</d>；", "出口；</d>", ", line 3: a directive that ends with a mark of 。！？；;: '不得锁闭安全出口；'"),
        ("“夜巡”", "&amp;ldquo;夜巡”", ", line 3: an entity escaped twice: &ldquo;. Write the character itself; near "),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(folder: Path, old: str, new: str, message: str) -> None:
    path = folder / "train" / "z001.xml"
    raw = path.read_text(encoding="utf-8")
    assert old in raw
    path.write_text(raw.replace(old, new), encoding="utf-8")
    (problem,) = check_corpus(folder).problems
    assert problem.startswith(f"train/z001.xml{message}")


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        (",traditional,", ",dirty,", ["plan.csv, line 2: form 'dirty' is not one of: clean, "]),
        ("safety/消防", "sport/消防", ["plan.csv, line 2: topic 'sport/消防' is not of the form (economy|"]),
        (",train\n", ",test\n", ["train/z001.xml: lies in train. Expected test, as plan.csv says"]),
        ("z001", "z004", ["plan.csv: z004 has no file; expected train/z004", "train/z001.xml: z001 has no row in plan.csv"]),
        (
            "z003",
            "z001",
            ["plan.csv, line 4: a second row for z001", "test/z003.xml: z003 has no row", "train/z001.xml: lies in"],
        ),
    ],
)
def test_what_is_wrong_with_the_plan_is_told(folder: Path, old: str, new: str, problems: list[str]) -> None:
    plan = folder / "plan.csv"
    plan.write_text(plan.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    for problem, expected in zip(check_corpus(folder).problems, problems, strict=True):
        assert problem.startswith(expected)


def test_a_plan_without_its_columns_is_no_plan(folder: Path) -> None:
    (folder / "plan.csv").write_text("id,genre\nz001,通知\n", encoding="utf-8")
    with pytest.raises(GoldError, match=r"plan\.csv: lacks the columns topic, length, style, level"):
        check_corpus(folder)


def test_counts_are_exact() -> None:
    """要道 is a word with 要 in it, 应该 a cue of its own; the prohibition and the pledge are directives and not counted."""
    assert count([document(), document()]) == {
        "documents": 2, "characters": 180, "directives": 6, "require": 2, "prohibit": 2, "pledge": 2,
        "slots": 10, "agent": 4, "time": 2, "target": 2, "programme": 2,
        "paragraphs": 8, "economy": 0, "safety": 4, "party": 0, "livelihood": 2,
        "two or more themes": 2, "no theme": 2, "boilerplate": 2, CUE_SENTENCES: 4, OWN_WORD: 2,
    }  # fmt: skip


def test_what_is_missing_to_the_minima_is_told() -> None:
    counts = {**MINIMA, "pledge": 590, "time": 701}
    assert shortfalls(counts) == {"pledge": 10}


def test_near_duplicates_are_found_and_nothing_else() -> None:
    text = "各乡镇要在汛期到来之前把水库堤坝排查一遍，发现裂缝立即上报，夜间巡查每两小时一次，不留死角。"
    other = "书画院的老师走进校园，教孩子们认识篆刻的刀法和印泥的调配，课后还办了一场小小的展览会。"
    planted = Passage("z002", 3, text.replace("两小时", "三小时"))
    found = [Passage("z001", 1, text), Passage("z003", 1, other), planted]
    pairs = near_duplicates(found)
    assert [(pair.first.document, pair.second) for pair in pairs] == [("z001", planted)]
    shingles = [{line[i : i + 5] for i in range(len(line) - 4)} for line in (text, planted.text)]
    assert abs(pairs[0].similarity - len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])) < 0.1


def test_shared_stretches_are_the_longest_with_those_that_hold_them() -> None:
    common = "把楼道里堆放的杂物一户一户清出去"
    longer = f"志愿者{common}，登记造册"
    texts = {"a": f"一早，{longer}。", "b": f"傍晚{longer}！", "c": f"街道说：{common}就行"}
    stretches = shared_stretches([Passage(name, 1, text) for name, text in texts.items()])
    assert [(stretch.text, stretch.documents) for stretch in stretches] == [(longer, ("a", "b")), (common, ("a", "b", "c"))]


def test_short_paragraphs_are_no_near_duplicates() -> None:
    found = passages([document(), document(name="z002")])
    assert [(p.first.line, p.second.line, p.similarity) for p in near_duplicates(found)] == [(2, 2, 1.0), (3, 3, 1.0)]


def test_distinct_ratios_by_hand() -> None:
    """甲乙甲乙 and 甲丙: 6 characters, 3 of them distinct; 4 pairs, 甲乙 twice; no pair across the lines."""
    lines = ["甲乙甲乙", "甲丙"]
    assert [distinct(lines, n) for n in (1, 2, 3, 4, 5)] == [3 / 6, 3 / 4, 2 / 2, 1 / 1, 0.0]


def test_variety_is_measured_on_equal_amounts() -> None:
    assert sum(map(len, sample(["甲" * 7, "乙" * 5], 9, seed=0))) == 9
    large, small = Document("a", "天地玄黄" * 9, (Paragraph(0, 36),)), Document("b", "宇宙洪荒", (Paragraph(0, 4),))
    found = compare_variety([large], [small])
    assert (found.characters, found.ours, found.beside) == (
        4,
        dict.fromkeys((1, 2, 3, 4), 1.0),
        dict.fromkeys((1, 2, 3, 4), 1.0),
    )


def test_the_command_leaves_what_datasets_loads(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "README.md").write_bytes((CORPUS / "README.md").read_bytes())
    out = tmp_path / "out"
    assert main([str(folder), "--output", str(out), "--beside", str(tmp_path / "none")]) == 0
    shown = capsys.readouterr().out
    assert "| prohibit | 3 | 400 | short by 397 | 1 | 1 | 1 |" in shown
    assert f"Skipped: there is no {tmp_path / 'none'}" in shown
    assert (out / "REPORT.md").read_text(encoding="utf-8") in shown
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["damaged"]["traditional"] == {
        "planned": 3,
        "made": 3,
    }
    loaded = [datasets.load_dataset(str(out), name, cache_dir=str(tmp_path / "cache")) for name in ("default", "damaged")]
    assert loaded[0]["train"][0] == to_json(document())
    version = damaged_version(document(name="z003"), "traditional")
    assert loaded[1]["test"][0] == to_json(version)
    assert read_inline(out / "damaged" / "test" / "z003-damaged.xml") == version
    assert [d.id for d in read_jsonl(out / "damaged" / "train.jsonl")] == ["z001-damaged"]


def test_the_report_of_the_corpus_is_left_alone_where_nothing_can_be_set_beside(folder: Path, tmp_path: Path) -> None:
    (folder / "REPORT.md").write_text("as it was", encoding="utf-8")
    command = [str(folder), "--output", str(tmp_path / "out"), "--beside"]
    assert main([*command, str(tmp_path / "none")]) == 0
    assert (folder / "REPORT.md").read_text(encoding="utf-8") == "as it was" and not (folder / "report.json").exists()
    assert main([*command, str(folder / "train")]) == 0
    for name in ("REPORT.md", "report.json"):
        assert (folder / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_command_lists_all_problems_and_writes_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train" / "z001.xml").unlink()
    (folder / "test" / "notes.txt").write_text("备忘", encoding="utf-8")
    assert main([str(folder), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        f"corpus: 2 problems in {folder}, nothing was written:\n"
        "  plan.csv: z001 has no file; expected train/z001.xml\n  test/notes.txt: not an .xml file\n"
    )
    assert not (tmp_path / "out").exists() and not (folder / "REPORT.md").exists()
