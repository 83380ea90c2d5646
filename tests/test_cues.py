"""Directives parted behind a comma at a cue: where, where not, and what is counted on gold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_training import SMOKE, overrides

from zhengling.gold.loading import load_gold
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.cues import CUES, count_cues, cues_that_part, part_at_cues, text_of, token_letters
from zhengling.modeling.decoding import decode_paragraphs
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.scheme.bio import decode_tags, encode_spans
from zhengling.scheme.labels import LabelScheme
from zhengling.settings import load_settings
from zhengling.training.building import build_model, count_tags
from zhengling.training.examples import Alignment, build_example
from zhengling.training.settings import TrainSettings


def stretches(text: str, cues: tuple[str, ...] = CUES, start: int = 0) -> list[str]:
    """The parts of a directive that was found from ``start`` to the full stop."""
    tags = encode_spans([(start, text.index("。"), 0)], len(text))
    parted = part_at_cues(tags, np.zeros((len(text), 7), dtype=np.float32), text, cues)
    return [text[first:last] for first, last, _ in decode_tags(parted)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("要守堤，要防火。", ["要守堤", "要防火"]),
        ("各村要守堤，不得离岗，也要防火。", ["各村要守堤", "不得离岗", "也要防火"]),
        ("务必查清,务必改好。", ["务必查清", "务必改好"]),
        ("对隐患，要整改。", ["对隐患，要整改"]),  # a topic: no cue before the comma
        ("主要隐患，要整改。", ["主要隐患，要整改"]),  # 主要 is no cue
        ("要核查的，要派人。", ["要核查的，要派人"]),  # a topic with a cue
        ("要守堤，要求各村派人。", ["要守堤，要求各村派人"]),  # 要求 is no cue
        ("要守堤、要防火。", ["要守堤、要防火"]),
        ("要守堤，确保平安。", ["要守堤，确保平安"]),
        ("要守堤，要。", ["要守堤", "要"]),
    ],
)
def test_a_directive_is_parted_where_a_clause_demands_anew(text: str, parts: list[str]) -> None:
    assert stretches(text) == parts


def test_only_the_given_cues_part() -> None:
    assert stretches("要守堤，不得离岗，要防火。", ("不得",)) == ["要守堤", "不得离岗，要防火"]


def test_what_stands_before_counts_from_the_last_part_and_the_directive_on() -> None:
    assert stretches("要守堤，不得离岗，对火，要防。") == ["要守堤", "不得离岗，对火", "要防"]
    assert stretches("要守堤，对火，要防。", start=4) == ["对火，要防"]  # the cue before stands outside
    text = "要守堤，要防火。"
    nothing = np.zeros(len(text), dtype=np.int64)
    assert not part_at_cues(nothing, np.zeros((len(text), 7), dtype=np.float32), text, CUES).any()


def test_a_part_has_its_own_kind_and_score() -> None:
    text = "要守堤，不得离岗。"
    logits = np.full((len(text), 7), -9.0, dtype=np.float32)
    logits[0, 1], logits[1:8, 2], logits[8, 0] = 9.0, 9.0, 9.0
    logits[4:8, 4] = 8.0  # nearly a prohibition
    slots = np.zeros((len(text), 9), dtype=np.float32)
    slots[:, 0] = 9.0
    ((whole, _),) = decode_paragraphs([logits], [slots], (3, 4))
    assert [(span.start, span.end, span.kind) for span in whole] == [(0, 8, 0)]
    logits[4:8, 4] = 9.5
    ((parts, _),) = decode_paragraphs([logits], [slots], (3, 4), texts=[text], cues=["不得"])
    assert [(span.start, span.end, span.kind) for span in parts] == [(0, 3, 0), (4, 8, 1)]
    assert parts[0].score > 0.99 and 0.3 < parts[1].score < 0.7  # its begin tag is unlikely


def test_slots_do_not_run_over_a_parting() -> None:
    text = "要守堤，不得离岗。"
    logits = np.full((len(text), 7), -9.0, dtype=np.float32)
    logits[0, 1], logits[1:8, 2], logits[8, 0] = 9.0, 9.0, 9.0
    slots = np.full((len(text), 9), -9.0, dtype=np.float32)
    slots[[0, 1, 7, 8], 0], slots[2, 1], slots[3:7, 2] = 9.0, 9.0, 9.0
    ((_, found),) = decode_paragraphs([logits], [slots], (3, 4), texts=[text], cues=["不得"])
    assert [(span.start, span.end) for span in found if span.start < 3] == [(2, 3)]


def test_cues_are_counted_behind_demands_alone() -> None:
    def given(*directives: str) -> tuple[str, np.ndarray]:
        text = "。".join(directives).replace("|", "") + "。"
        spans, place = [], 0
        for directive in directives:
            for part in directive.split("|"):
                body = part.rstrip("，")
                spans.append((place, place + len(body), 0))
                place += len(part)
            place += 1
        return text, encode_spans(spans, len(text))

    counts = count_cues(
        [given("要守堤，|要防火", "对火，要防", "要赢，必须守堤"), given("要守堤，|不得离岗"), given("要甲，要乙")]
    )
    assert counts == {"不得": (1, 0), "必须": (0, 1), "要": (1, 1)}
    assert cues_that_part({"不得": (5, 0), "必须": (6, 4), "要": (17, 3), "禁止": (4, 0)}) == ["不得", "要"]
    assert cues_that_part({"必须": (6, 4), "禁止": (4, 0)}, ["必须", "禁止", "也要"]) == ["禁止", "也要"]


def test_a_model_knows_the_cues_of_its_gold(gold_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        '<p t="none"><d k="require">要守堤</d>，<d k="require">要防火</d>。</p>\n' * 5, encoding="utf-8"
    )
    settings = load_settings(TrainSettings, SMOKE, overrides(gold_folder, tmp_path / "run"))
    gold = load_gold([tmp_path / "a.xml"])
    model, tokenizer = build_model(settings, LabelScheme(), gold)
    count_tags(model, tokenizer, [build_example(d, tokenizer, LabelScheme(), 96, Alignment()) for d in gold])
    assert model.config.parting_cues == ["要"]
    model.save_pretrained(tmp_path / "model")
    assert ZhenglingConfig.from_pretrained(tmp_path / "model").parting_cues == ["要"]


def test_tokens_become_text_of_the_same_length() -> None:
    tokenizer = character_tokenizer(count_characters(["要𠮷a，"]), 50)
    letters = token_letters(tokenizer, len(tokenizer))
    ids = np.asarray([*tokenizer.convert_tokens_to_ids(["要", "𠮷", "a", "，"]), tokenizer.sep_token_id])
    assert text_of(ids, letters) == "要𠮷a， "
