"""Where slots begin and end, by pairs of characters: counted, stored, averaged, used in decoding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_training import SMOKE, overrides

import zhengling
from zhengling.gold.inline import parse_inline
from zhengling.modeling.decoding import decode_paragraphs
from zhengling.modeling.edges import AT_ONCE, HIGHEST, LOWEST, PRIOR, Edges, count_edges, mean_edges
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.scheme.bio import encode_spans
from zhengling.scheme.labels import LabelScheme
from zhengling.settings import load_settings
from zhengling.text import read
from zhengling.training.averaging import average
from zhengling.training.examples import Alignment, build_example
from zhengling.training.loop import train
from zhengling.training.settings import TrainSettings

SIZE = 10


def sequence(ids: list[int], slots: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A paragraph that is one directive but for its last token."""
    size = len(ids)
    return np.asarray(ids), encode_spans([(0, size - 1, 0)], size), encode_spans(slots, size)


def test_edges_are_counted_between_the_tokens_of_a_directive() -> None:
    """1 2 3 4: a slot over 2 3 in half of the places; 4 5 lies on the directive's end and does not count."""
    with_slot, without = sequence([1, 2, 3, 4, 5], [(1, 3, 0)]), sequence([1, 2, 3, 4, 5], [])
    edges = count_edges([with_slot, without] * 50, SIZE)
    known = {
        (int(pair) // SIZE, int(pair) % SIZE): tuple(map(float, odds))
        for pair, odds in zip(edges.pairs, edges.odds, strict=True)
    }
    overall = 50 / 300  # of three places in each of a hundred directives
    absent, present = (float(np.log((count + PRIOR * overall) / (100 + PRIOR) / overall)) for count in (0, 50))
    assert known.keys() == {(1, 2), (2, 3), (3, 4)}
    assert known[1, 2] == (pytest.approx(min(HIGHEST, present), abs=0.13), pytest.approx(max(LOWEST, absent), abs=0.13))
    assert known[3, 4] == known[1, 2][::-1]
    assert known[2, 3] == (known[3, 4][0], known[1, 2][1])


def test_a_slot_right_behind_another_ends_the_one_and_begins_the_other() -> None:
    edges = count_edges([sequence([1, 2, 3, 4], [(0, 1, 0), (1, 2, 1)]), sequence([3, 4, 3, 4], [])] * 40, SIZE)
    begin, end = edges.of(np.asarray([1, 2]))[1]
    assert begin > 0 and end > 0


def test_what_is_seldom_or_never_seen_says_nothing() -> None:
    edges = count_edges([sequence([1, 2, 3, 4, 5], [(1, 3, 0)]), sequence([6, 7, 8], [])], SIZE)
    assert not edges.of(np.asarray([6, 7, 8, 9])).any()
    assert not count_edges([], SIZE).of(np.asarray([1, 2])).any() and not edges.of(np.asarray([], dtype=np.int64)).any()


def test_the_odds_stand_at_the_second_token() -> None:
    edges = Edges(np.asarray([12, 34]), np.asarray([[-3, 0.5], [1, -2]], dtype=np.float32), SIZE)
    assert edges.of(np.asarray([1, 2, 3, 4, 4])).tolist() == [[0, 0], [-3, 0.5], [0, 0], [1, -2], [0, 0]]


def test_a_long_text_is_looked_up_in_parts() -> None:
    edges = Edges(np.asarray([12, 21]), np.asarray([[-3, 0.5], [1, -2]], dtype=np.float32), SIZE)
    size = 2 * AT_ONCE + 3
    begins, ends = edges.of(np.resize([1, 2], size)).T
    assert begins[0] == ends[0] == 0
    assert np.array_equal(begins[1:], np.resize([-3, 1], size - 1)) and np.array_equal(ends[1:], np.resize([0.5, -2], size - 1))


def test_a_mean_takes_what_a_model_lacks_for_nothing() -> None:
    one = Edges(np.asarray([12, 34]), np.asarray([[-3, 0], [1, -2]], dtype=np.float32), SIZE)
    other = Edges(np.asarray([5, 34]), np.asarray([[0, 1], [0.5, -2]], dtype=np.float32), SIZE)
    mean = mean_edges([one, other])
    assert mean.pairs.tolist() == [5, 12, 34]
    assert mean.odds.tolist() == [[0, 0.5], [-1.5, 0], [0.75, -2]]


def test_a_word_is_not_cut_in_two() -> None:
    """Tokens 1 to 4 are a name; the head is sure of three and leans against the last, whose pair gold never parts."""
    directives = np.full((6, 3), -4, dtype=np.float32)
    directives[0, 1] = directives[1:, 2] = 4
    slots = np.full((6, 3), -4, dtype=np.float32)
    slots[[0, 5], 0] = slots[1, 1] = slots[[2, 3], 2] = 4
    slots[4, 0], slots[4, 2] = 0.5, 0
    edges = np.zeros((6, 2), dtype=np.float32)
    found = {}
    for odds in (0, -1):
        edges[4, 1] = odds
        ((_, inside),) = decode_paragraphs([directives], [slots], (1, 1), edges=[edges])
        found[odds] = [(slot.start, slot.end) for slot in inside]
    assert found == {0: [(1, 4)], -1: [(1, 5)]}


@pytest.fixture(scope="module")
def models(gold_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Two runs that differ in how often they read their gold."""
    folder = tmp_path_factory.mktemp("edges")
    for times in (1, 6):
        more = ("optim.epochs=1", f"data.repeat={{{gold_folder}: {times}}}", "weights=fp16")
        train(load_settings(TrainSettings, SMOKE, overrides(gold_folder, folder / str(times), *more)))
    return {times: folder / str(times) / "model" for times in (1, 6)}


def test_a_trained_model_has_those_of_its_gold_each_document_once(models: dict[int, Path], gold_folder: Path) -> None:
    once, often = (zhengling.load(models[times], precision="fp32") for times in (1, 6))
    counted = once.model.edges()
    assert len(counted.pairs) == once.config.edge_pairs > 0
    assert counted.odds.min() < 0 < counted.odds.max() and (counted.odds % 0.25 == 0).all()
    assert np.array_equal(counted.pairs, often.model.edges().pairs) and np.array_equal(counted.odds, often.model.edges().odds)
    assert once.config.parting_cues == often.config.parting_cues


def test_nothing_lies_between_two_paragraphs(models: dict[int, Path]) -> None:
    extractor = zhengling.load(models[1], precision="fp32")
    pairs = extractor.model.edges().pairs
    first, second = (extractor.tokenizer.decode([token]) for token in divmod(int(pairs[0]), extractor.model.edges().size))
    within, across = (extractor.tokenize(read(text)) for text in (f"{first}{second}", f"{first}\n{second}"))
    assert len(across.paragraphs) == 2 and within.ids.tolist() == across.ids.tolist()
    assert extractor._edges_in(within).any() and not extractor._edges_in(across).any()


def test_a_model_from_before_loads_and_counts_as_knowing_none(models: dict[int, Path], tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    for path in models[1].iterdir():
        (older / path.name).write_bytes(path.read_bytes())
    config = json.loads((older / "config.json").read_text(encoding="utf-8"))
    del config["edge_pairs"]
    (older / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {name: each for name, each in load_file(older / "model.safetensors").items() if not name.startswith("edge_")}
    save_file(weights, older / "model.safetensors", {"format": "pt"})
    extractor = zhengling.load(older, precision="fp32")
    assert len(extractor.model.edges().pairs) == 0 and extractor("各单位要于6月底前完成整改。").characters == 14


def test_the_mean_of_models_has_the_mean_of_their_odds(models: dict[int, Path], gold_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    extractor = zhengling.load(models[6], precision="fp32")
    extractor.model.set_edges(Edges(np.asarray([7]), np.asarray([[1, -3]], dtype=np.float32), extractor.model.edges().size))
    extractor.config.parting_cues = []
    extractor.model.save_pretrained(other)
    extractor.tokenizer.save_pretrained(other)
    average([models[1], other], [str(gold_folder)], tmp_path / "mean", "fp16")
    mean, first = (zhengling.load(place, precision="fp32").model for place in (tmp_path / "mean" / "model", models[1]))
    wanted = mean_edges([first.edges(), extractor.model.edges()])
    assert np.array_equal(mean.edges().pairs, wanted.pairs) and np.allclose(mean.edges().odds, wanted.odds, atol=1e-3)
    assert mean.config.parting_cues == []
    assert torch.equal(mean.token_classes, first.token_classes)


def test_gold_goes_in_by_its_examples() -> None:
    gold = parse_inline('<p t="none"><d k="require">要建<programme>安澜工程</programme>好</d>。</p>', "x")
    tokenizer = character_tokenizer(count_characters([gold.text]), 100)
    example = build_example(gold, tokenizer, LabelScheme(), 64, Alignment())
    edges = count_edges([(example.document.ids, example.directives, example.slots)] * 30, len(tokenizer))
    ids = np.asarray(tokenizer("建安澜工程好", add_special_tokens=False)["input_ids"])
    begins, ends = edges.of(ids).T
    assert (np.sign(begins) == [0, 1, -1, -1, -1, -1]).all() and (np.sign(ends) == [0, -1, -1, -1, -1, 1]).all()
