"""Annotation apart from its text: nothing of the text is kept, and it comes together again only with the same text."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from conftest import GOLD

from zhengling.corpus.standoff import attach, detach, main
from zhengling.errors import GoldError
from zhengling.gold.inline import parse_inline
from zhengling.gold.loading import load_gold


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A corpus whose second line is annotated."""
    document = parse_inline(GOLD, "x")
    corpus, annotations = tmp_path / "corpus", tmp_path / "annotations"
    corpus.mkdir()
    annotations.mkdir()
    with lzma.open(corpus / "reports.jsonl.xz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": text}) + "\n" for text in ("别的", document.text))
    line = json.dumps(detach(document, "reports.jsonl.xz", 1), ensure_ascii=False)
    (annotations / "a.jsonl").write_text(line + "\n", encoding="utf-8")
    return annotations, corpus


def test_text_and_annotation_come_together_again(places: tuple[Path, Path], tmp_path: Path) -> None:
    annotations, corpus = places
    assert not any("\u4e00" <= character <= "\u9fff" for character in (annotations / "a.jsonl").read_text(encoding="utf-8"))
    output = tmp_path / "out" / "gold.jsonl"
    assert main([str(annotations), str(corpus), "--output", str(output)]) == 0
    (document,), gold = load_gold([output]), parse_inline(GOLD, "x")
    assert document.id == "reports-1"
    assert (document.text, document.paragraphs, document.directives) == (gold.text, gold.paragraphs, gold.directives)


def test_another_text_is_refused(places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    annotations, corpus = places
    with lzma.open(corpus / "reports.jsonl.xz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": text}) + "\n" for text in ("别的", "换了"))
    assert main([str(annotations), str(corpus), "--output", str(corpus / "gold.jsonl")]) == 2
    assert "line 1 of" in capsys.readouterr().err
    assert not (corpus / "gold.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"file": "a"}', "no directives, line, paragraphs, sha256"), ("{file", "line 1: not JSON"), ("", "no annotation in")],
)
def test_what_is_missing_is_told(tmp_path: Path, line: str, message: str) -> None:
    if line:
        (tmp_path / "a.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(GoldError, match=message):
        attach(tmp_path, tmp_path)
