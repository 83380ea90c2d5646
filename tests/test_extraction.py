"""Records: they point back into the source, whatever the noise, and do not depend on how windows are batched."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import GOLD
from hypothesis import given, settings
from hypothesis import strategies as st

import zhengling
from zhengling.errors import ModelError
from zhengling.extraction.annotation import to_document
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.extraction.records import Record
from zhengling.gold.inline import parse_inline
from zhengling.gold.jsonlines import from_json, to_json
from zhengling.modeling.batches import collate
from zhengling.modeling.decoding import ScoredSpan
from zhengling.text import read

PIECES = [
    "会议强调，",
    "要",
    "會(huì )議",
    "。",
    "\n",
    "　　",
    "𠮷",
    "各村",
    "&nbsp;",
    "?！叭?wù)",
    "1 9 9 8 年",
    " ",
    "ＧＤＰ",
    "e\u0301",
    "，",
    "不得",
]


def check_offsets(record: Record, source: str) -> None:
    """Every span of a record is the stretch of the source that it says, and lies where it must."""
    assert record.error is None and record.characters == len(source)
    cursor = 0
    for paragraph in record.paragraphs:
        assert cursor <= paragraph.start < paragraph.end <= len(source)
        cursor = paragraph.end
    cursor = 0
    for directive in record.directives:
        paragraph = record.paragraphs[directive.paragraph]
        assert max(cursor, paragraph.start) <= directive.start < directive.end <= paragraph.end
        assert directive.text == source[directive.start : directive.end]
        inside, cursor = directive.start, directive.end
        for slot in directive.slots:
            assert inside <= slot.start < slot.end <= directive.end
            assert slot.text == source[slot.start : slot.end]
            inside = slot.end


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_spans_point_into_the_source(extractor: Extractor, source: str) -> None:
    check_offsets(extractor(source), source)


def test_spans_that_share_a_repaired_stretch_do_not_overlap_in_the_source(extractor: Extractor) -> None:
    """Here each token is a directive and a slot; some stand together for a slip or a gloss, of which the first has all."""
    source = "各村要走在前?！叭M(jìn)三送”活動開展。會(huì )議"
    clean = read(source)
    document = extractor.tokenize(clean)
    single = [[ScoredSpan(i, i + 1, 0, 0.5) for i in range(b - a)] for a, b in document.paragraphs]
    logits = extractor.predict([document])[0]
    record = extractor.record(clean, "x", document, logits, [(spans, spans) for spans in single])
    check_offsets(record, source)
    shared = len(clean.text) - len({clean.to_source(i, i + 1) for i in range(len(clean.text))})
    marks = sum(map(clean.text.count, "。“”"))
    assert shared > 0 and len(clean.text) - shared - marks <= len(record.directives) < len(clean.text)
    assert all([s.text for s in d.slots] == [d.text] for d in record.directives)


def test_random_heads_do_find_spans(extractor: Extractor) -> None:
    """The test above would pass in silence if the model of the tests found nothing."""
    source = parse_inline(GOLD, "x").text
    record = extractor(source)
    assert record.directives and any(directive.slots for directive in record.directives)
    document = to_document(record, source)
    assert from_json(to_json(document), "record") == document


def test_batch_size_does_not_change_records(make_extractor: Callable[..., Extractor]) -> None:
    words = ["各村", "要", "不得瞒报", "，", "我们将启动", "。", "隐患\n"]
    generator = random.Random(3)
    sources = ["".join(generator.choices(words, k=generator.randint(1, 80))) for _ in range(9)]
    extractor = make_extractor()
    names = [str(i) for i in range(len(sources))]
    together = extractor.extract([read(source) for source in sources], names)
    single = make_extractor()
    single.forward.budget = 1
    alone = [single.extract([read(source)], [name])[0] for source, name in zip(sources, names, strict=True)]
    assert [_without_scores(record) for record in together] == [_without_scores(record) for record in alone]


def _without_scores(record: Record) -> dict[str, Any]:
    values = record.as_dict()
    for paragraph in values["paragraphs"]:
        paragraph["scores"] = {name: round(score, 2) for name, score in paragraph["scores"].items()}
    for directive in values["directives"]:
        for item in (directive, *directive["slots"]):
            item["score"] = round(item["score"], 2)
    return values


def test_padding_does_not_change_logits(extractor: Extractor) -> None:
    import numpy as np

    short = (np.asarray([2, 7, 8, 9, 3]), np.asarray([-1, 0, 0, 0, 0]))
    long = (np.asarray([2, *range(5, 25), 3]), np.asarray([-1, *[0] * 21]))
    alone, padded = (extractor.forward.logits(rows) for rows in ([short], [short, long]))
    for a, b in zip(alone[:2], padded[:2], strict=True):
        assert np.allclose(a[0], b[0, :5], atol=1e-5)
    assert np.allclose(alone[2][0], padded[2][0], atol=1e-5)
    assert collate([short, long], 0).attention_mask.sum().item() == 27


def test_a_long_line_is_read_to_its_end(make_extractor: Callable[..., Extractor]) -> None:
    """200,000 characters without a line break: every one is in a paragraph, and the last ones can be in a directive."""
    source = "各村要在月底前查完隐患，不得瞒报，" * 11_765
    record = make_extractor(window=256, overlap=32)(source)
    check_offsets(record, source)
    assert len(source) > 200_000
    assert [(p.start, p.end) for p in record.paragraphs] == [(0, len(source))]
    assert record.directives[-1].end > len(source) - 100


def test_a_model_reloads_to_the_same_answers(extractor: Extractor, model_folder: Path) -> None:
    assert sorted(path.name for path in model_folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    source = parse_inline(GOLD, "x").text
    reloaded = zhengling.load(model_folder, precision="fp32")
    assert {**reloaded(source).as_dict(), "model": "tiny"} == extractor(source).as_dict()


def test_own_labels_reach_the_records(make_extractor: Callable[..., Extractor]) -> None:
    extractor = make_extractor(themes=["health"], slots=["who"], directives=["order"])
    record = extractor("各村要查完隐患。")
    assert list(record.paragraphs[0].scores) == ["health"]
    assert {d.kind for d in record.directives} <= {"order"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "no model folder ./nowhere"),
        (".", "config.json is missing"),
        ("org/unknown-model", "cannot load the model 'org/unknown-model'"),
    ],
)
def test_a_missing_model_is_told(name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as caught:
        load(name)
    assert message in str(caught.value)


def test_a_device_that_is_not_there_is_told(model_folder: Path) -> None:
    with pytest.raises(ModelError, match="unknown device 'abacus'"):
        load(model_folder, device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="sees no GPU"):
            load(model_folder, device="cuda")
