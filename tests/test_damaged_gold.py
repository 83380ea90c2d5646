"""Gold that goes through damage: every span stands for what it stood for, and the reader gets the clean text back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from opencc import OpenCC
from test_corpus import CORPUS, document

from zhengling.corpus.checking import Corpus, check_corpus
from zhengling.corpus.damaging import FORMS, carry, damaged_version
from zhengling.corpus.plan import VALUES
from zhengling.errors import GoldError
from zhengling.gold.inline import parse_inline, write_inline
from zhengling.text import read
from zhengling.text.damage import damage


def test_traditional_gold_is_the_converted_gold() -> None:
    clean, version = document(), damaged_version(document(), "traditional")
    assert version is not None and version.id == "z001-damaged"
    convert = OpenCC("s2t").convert
    for old, new in zip((*clean.directives, *clean.slots), (*version.directives, *version.slots), strict=True):
        assert version.text[new.start : new.end] == convert(clean.text[old.start : old.end])
    assert version.paragraphs == clean.paragraphs


def test_glosses_at_the_end_of_a_span_are_outside_it() -> None:
    attempts = (damage("要抓好安全", ["glosses"], seed) for seed in range(999))
    made = next(made for made in attempts if made.text.endswith(")"))
    clean = parse_inline('<p t="safety"><d k="require">要抓好安全</d></p>', "a")
    version = carry(clean, made, "b", {})
    assert re.fullmatch(r"\([^)]+\)", version.text[version.directives[0].end :])
    assert (version.paragraphs[0].start, version.paragraphs[0].end) == (0, len(made.text))


@pytest.mark.parametrize(
    ("gap", "paragraphs"),
    [
        ("。 二、", ["safety livelihood", "safety"]),
        ("。\u3000\u3000二、", ["safety livelihood", "safety"]),
        ("。二、", ["safety livelihood"]),
    ],
)
def test_paragraphs_without_line_breaks_are_parted_by_white_space_alone(gap: str, paragraphs: list[str]) -> None:
    clean = document()
    made = next(made for made in (damage(clean.text, ["lost_breaks"], seed) for seed in range(50)) if gap in made.text)
    version = carry(clean, made, "b", {})
    assert write_inline(version).count("\n") == 0
    assert [" ".join(p.themes) for p in version.paragraphs[1:-1]] == paragraphs
    assert all(made.text[p.start : p.end] == made.text[p.start : p.end].strip() for p in version.paragraphs)
    assert [p.boilerplate for p in version.paragraphs][-1] and not any(p.boilerplate for p in version.paragraphs[:-1])


def test_lines_that_a_site_added_are_boilerplate() -> None:
    clean, version = document(), damaged_version(document(), "boilerplate")
    assert version is not None
    assert [p.boilerplate for p in version.paragraphs] == [True] * 3 + [False] * 3 + [True] * 3
    assert [version.text[d.start : d.end] for d in version.directives] == [
        clean.text[d.start : d.end] for d in clean.directives
    ]


def test_forms_are_those_of_the_plan() -> None:
    assert tuple(FORMS) == VALUES["form"]
    assert damaged_version(document(), "clean") is None
    with pytest.raises(GoldError, match=r"z001: unknown form 'dirty'\. Expected one of: clean, traditional"):
        damaged_version(document(), "dirty")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return check_corpus(CORPUS)


@pytest.mark.parametrize(
    ("form", "floor"),
    [("traditional", 1.0), ("glossed", 1.0), ("lost line breaks", 1.0), ("boilerplate", 1.0), ("slipped", 0.98)],
)
def test_damaged_directives_are_read_back_as_the_clean_ones(corpus: Corpus, form: str, floor: float) -> None:
    """What a slip swallowed for good stays as it is (benchmarks/TEXT.md)."""
    pairs = list(_read_back(corpus, form))
    wrong = [(found, wanted) for found, wanted in pairs if found != wanted]
    assert len(pairs) > 100 and 1 - len(wrong) / len(pairs) >= floor, wrong


def _read_back(corpus: Corpus, form: str) -> Iterator[tuple[str, str]]:
    """Per directive of our documents of a form: what the reader makes of the damaged one, and the clean one."""
    for clean in corpus.all:
        if corpus.plan[clean.id]["form"] == form and (version := damaged_version(clean, form)):
            result = read(version.text)
            for old, new in zip(clean.directives, version.directives, strict=True):
                start, end = result.aligned.from_source(new.start, new.end)
                yield result.text[start:end], clean.text[old.start : old.end]
