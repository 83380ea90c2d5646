"""What holds for every text, damaged in whatever way; ZHENGLING_CASES=10000 tries as many cases."""

import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhengling.text import AlignedText, read
from zhengling.text.damage import KINDS, damage

CASES = int(os.environ.get("ZHENGLING_CASES", "300"))
THOROUGH = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
SENTENCES = ["会议强调，", "要抓好安全生产。", "“三服务”", "各级领导干部", "1998年", "GDP增长6%", "𠮷林"]
WORDS = st.sampled_from([*SENTENCES, "\n", "一、", "（二）", "e\u0301", "　　"])
TEXTS = st.lists(WORDS, min_size=1, max_size=25).map("".join)
SIGNS = "?？！!()（）ì\ufffd\ue000\udc81\ud800浼氳ä¼\x9aé<>&;#p/ \u3000\u00a0\r\n\t1会議"
ODD = st.text(alphabet=st.one_of(st.sampled_from(SIGNS), st.characters(codec=None)), max_size=60)


def check(source: str, aligned: AlignedText) -> None:
    """Spans lie inside the document, never go back, and come back from the source."""
    starts, ends = aligned.starts, aligned.ends
    assert len(aligned.text) == len(starts) == len(ends)
    if not len(starts):
        return
    assert starts[0] >= 0 and ends[-1] <= len(source) and bool(np.all(starts <= ends))
    assert bool(np.all(np.diff(starts) >= 0)) and bool(np.all(np.diff(ends) >= 0))
    shared = np.concatenate(([False], starts[1:] < ends[:-1]))
    for at in np.flatnonzero(starts < ends).tolist():
        start, end = aligned.from_source(*aligned.to_source(at, at + 1))
        assert start <= at < end
        alone = not shared[at] and not (at + 1 < len(shared) and shared[at + 1])
        assert not alone or aligned.text[start:end].replace("\n", "") == aligned.text[at].replace("\n", "")


@THOROUGH
@given(TEXTS, st.lists(st.sampled_from(sorted(KINDS)), max_size=4), st.integers(0, 2**20))
def test_spans_hold_for_all_kinds_of_damage_mixed(text, kinds, seed):
    damaged = damage(text, kinds, seed)
    check(damaged.text, damaged.truth)
    clean = read(damaged.text)
    check(damaged.text, clean.aligned)
    for start, end in clean.paragraphs:
        assert 0 <= start < end <= len(clean.text)


@THOROUGH
@given(ODD)
def test_spans_hold_for_any_string(source):
    check(source, read(source).aligned)


@THOROUGH
@given(TEXTS, st.lists(st.sampled_from(sorted(KINDS)), max_size=3), st.integers(0, 2**20))
def test_damage_keeps_the_clean_text_and_can_be_repeated(text, kinds, seed):
    first, second = damage(text, kinds, seed), damage(text, kinds, seed)
    assert (first.truth.text, first.text) == (text, second.text)
    assert first.truth.starts.tolist() == second.truth.starts.tolist()


EDITS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.text("甲乙丙", max_size=3)), max_size=6)


@THOROUGH
@given(st.text("一二三四五", min_size=0, max_size=20), EDITS)
def test_edits_made_at_once_equal_edits_made_one_by_one(text, raw):
    edits, cursor = [], 0
    for start, length, new in sorted(raw):
        start = max(start, cursor)
        end = start + length
        if end > len(text):
            break
        edits.append((start, end, new))
        cursor = max(end, start + 1)
    at_once = AlignedText.of(text).edit(edits)
    one_by_one = AlignedText.of(text)
    for edit in reversed(edits):
        one_by_one = one_by_one.edit([edit])
    assert (at_once.text, at_once.starts.tolist(), at_once.ends.tolist()) == (
        one_by_one.text,
        one_by_one.starts.tolist(),
        one_by_one.ends.tolist(),
    )
