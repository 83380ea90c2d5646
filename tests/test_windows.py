"""Windows as a truth table: who stands in which, and from which each token is read."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from zhengling.modeling.batches import token_batches
from zhengling.modeling.lookup import token_ids
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.modeling.windows import Piece, owned_tokens, plan_windows, tokenize_paragraphs, window_ids


@pytest.mark.parametrize(
    ("sizes", "windows"),
    [
        ([], []),
        ([3], [[(0, 0, 3)]]),
        ([0], [[(0, 0, 0)]]),
        ([3, 4], [[(0, 0, 3), (1, 3, 7)]]),  # 1 + (3 + 1) + (4 + 1) = 10 fits
        ([3, 5], [[(0, 0, 3)], [(1, 3, 8)]]),  # 11 does not
        ([8], [[(0, 0, 8)]]),
        ([9], [[(0, 0, 8)], [(0, 6, 9)]]),  # cut, with 2 tokens in both
        ([2, 15, 2], [[(0, 0, 2)], [(1, 2, 10)], [(1, 8, 16)], [(1, 14, 17)], [(2, 17, 19)]]),
    ],
)
def test_windows_of_ten_tokens_with_an_overlap_of_two(sizes: list[int], windows: list[list[tuple[int, int, int]]]) -> None:
    bounds, first = [], 0
    for size in sizes:
        bounds.append((first, first + size))
        first += size
    assert plan_windows(bounds, 10, 2) == [tuple(Piece(*piece) for piece in window) for window in windows]


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(6, 30), st.integers(0, 3))
def test_every_token_is_read_once_and_no_window_is_too_long(sizes: list[int], length: int, overlap: int) -> None:
    bounds, first = [], 0
    for size in sizes:
        bounds.append((first, first + size))
        first += size
    plan = plan_windows(bounds, length, overlap)
    owned = [bound for window in owned_tokens(plan) for bound in window]
    assert [token for start, end in owned for token in range(start, end)] == list(range(first))
    assert all(1 + sum(piece.last - piece.first + 1 for piece in window) <= length for window in plan)
    assert sorted({piece.paragraph for window in plan for piece in window}) == list(range(len(sizes)))


@given(st.integers(0, 120), st.integers(6, 30), st.data())
def test_pieces_share_at_least_the_overlap_wherever_sentences_end(size: int, length: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, length - 3))
    ends = np.asarray(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    pieces = [piece for window in plan_windows([(0, size)], length, overlap, ends) for piece in window]
    assert (pieces[0].first, pieces[-1].last) == (0, size)
    assert all(piece.last - piece.first <= length - 2 for piece in pieces)
    for piece, following in pairwise(pieces):
        assert piece.first < following.first <= piece.last - overlap and piece.last < following.last


def test_pieces_begin_and_end_with_sentences() -> None:
    ends = np.zeros(40, dtype=bool)
    ends[[4, 9, 14, 24]] = True
    pieces = [piece for window in plan_windows([(0, 40)], 20, 4, ends) for piece in window]
    assert [(piece.first, piece.last) for piece in pieces] == [(0, 15), (10, 25), (21, 39), (35, 40)]


def test_an_overlap_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match=r"overlap \(8\) must be at least 0 and less than length - 2 \(8\)"):
        plan_windows([(0, 3)], 10, 8)


def test_tokens_know_their_characters() -> None:
    text = "甲乙𠮷丙 \n丁A"
    tokenizer = character_tokenizer(count_characters([text]), 100)
    document = tokenize_paragraphs(text, [(0, 4), (6, 8)], tokenizer)
    assert document.paragraphs == ((0, 4), (4, 6))
    assert document.characters_of(2, 3) == (2, 3)
    assert document.characters_of(4, 6) == (6, 8)
    assert document.tokens_of(1, 3) == (1, 3)
    assert document.tokens_of(4, 6) == (4, 4)
    ids, pieces = window_ids((Piece(0, 2, 4), Piece(1, 4, 6)), document, 2, 3)
    assert tokenizer.convert_ids_to_tokens(ids.tolist()) == ["[CLS]", "𠮷", "丙", "[SEP]", "丁", "a", "[SEP]"]
    assert pieces.tolist() == [-1, 0, 0, 0, 1, 1, 1]


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 100))
def test_batches_keep_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(token_batches(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


CHARACTERS = "甲乙a aé。ß一\n\r\tAÉŞΣς0\U0001f600\U00010400\u0130"


def by_the_tokenizer(text: str, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[tuple[int, int]]]:
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return encoded["input_ids"], [tuple(edges) for edges in encoded["offset_mapping"]]


@given(st.lists(st.sampled_from([*CHARACTERS, "[UNK]", "[SEP]", "未"]), max_size=40).map("".join))
def test_tokens_are_those_of_the_tokenizer(text: str) -> None:
    """Those looked up, and those of texts with the name of a special token or a character that lower case makes several."""
    tokenizer = character_tokenizer(count_characters(["甲乙a aé。ßşσς0\U0001f600\U00010428i"]), 100)
    document = tokenize_paragraphs(text, [(0, len(text))], tokenizer)
    ids, edges = by_the_tokenizer(text, tokenizer)
    assert document.ids.tolist() == ids
    assert list(zip(document.starts.tolist(), document.ends.tolist(), strict=True)) == edges
    looked_up = token_ids(text, tokenizer)
    assert (looked_up is None) == any(each in text for each in ("[UNK]", "[SEP]", "\u0130"))


def test_a_vocabulary_that_grows_is_seen() -> None:
    tokenizer = character_tokenizer(count_characters(["甲"]), 100)
    assert token_ids("甲乙", tokenizer).tolist() == [5, 1]
    tokenizer.add_tokens(["乙乙"])
    assert token_ids("甲乙", tokenizer) is None
    assert tokenize_paragraphs("甲乙乙", [(0, 3)], tokenizer).ids.tolist() == [5, 6]


def test_other_tokenizers_are_run() -> None:
    words = Tokenizer(models.WordPiece({"[UNK]": 0, "甲": 1, "##乙": 2}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    assert token_ids("甲乙", tokenizer) is None
    assert tokenize_paragraphs("甲乙", [(0, 2)], tokenizer).ids.tolist() == [1, 2]
