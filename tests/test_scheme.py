"""BIO tags: encoding and decoding are inverse, and decoding knows what to do with strays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhengling.errors import LabelError
from zhengling.scheme.bio import allowed_starts, allowed_transitions, decode_tags, encode_spans, tag_names
from zhengling.scheme.labels import LabelScheme


@st.composite
def spans_and_length(draw: st.DrawFn) -> tuple[list[tuple[int, int, int]], int]:
    edges = sorted(draw(st.sets(st.integers(0, 40), max_size=16)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    return [(a, b, draw(st.integers(0, 2))) for a, b in pairs], 40


@given(spans_and_length())
def test_decoding_is_the_inverse_of_encoding(case: tuple[list[tuple[int, int, int]], int]) -> None:
    spans, length = case
    assert decode_tags(encode_spans(spans, length)) == spans


def test_neighbours_of_one_kind_stay_two() -> None:
    assert encode_spans([(0, 2, 0), (2, 3, 0)], 4).tolist() == [1, 2, 1, 0]
    assert decode_tags([1, 2, 1, 0]) == [(0, 2, 0), (2, 3, 0)]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [([], []), ([2, 2], [(0, 2, 0)]), ([1, 4, 4], [(0, 1, 0), (1, 3, 1)]), ([0, 2, 0, 6], [(1, 2, 0), (3, 4, 2)])],
)
def test_a_stray_inside_tag_begins_a_span(tags: list[int], spans: list[tuple[int, int, int]]) -> None:
    assert decode_tags(tags) == spans


@pytest.mark.parametrize("spans", [[(0, 3, 0), (2, 4, 0)], [(3, 3, 0)], [(8, 11, 0)], [(-1, 2, 0)]])
def test_spans_that_cannot_be_tagged_are_refused(spans: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="span"):
        encode_spans(spans, 10)


def test_names_and_transitions_agree() -> None:
    names = tag_names(["require", "pledge"])
    assert names == ["O", "B-require", "I-require", "B-pledge", "I-pledge"]
    forbidden = {(names[a], names[b]) for a, b in np.argwhere(~allowed_transitions(2))}
    assert forbidden == {
        ("O", "I-require"), ("B-pledge", "I-require"), ("I-pledge", "I-require"),
        ("O", "I-pledge"), ("B-require", "I-pledge"), ("I-require", "I-pledge"),
    }  # fmt: skip
    assert [name for name, starts in zip(names, allowed_starts(2), strict=True) if not starts] == ["I-require", "I-pledge"]


def test_a_scheme_needs_distinct_names() -> None:
    with pytest.raises(LabelError, match="themes of a label scheme must be distinct"):
        LabelScheme(themes=("a", "a"))
