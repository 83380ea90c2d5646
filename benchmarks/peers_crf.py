"""Peer: conditional random fields over characters (sklearn-crfsuite) for directives and slots; for themes a linear SVM.

The field of the slots also sees the tags of the directives: the gold ones in training, the found ones afterwards.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from benchmarks.peers_svm import ThemeMachines
from benchmarks.peers_texts import Annotator, Finding, Span, gold_paragraphs, paragraphwise
from zhengling.scheme.annotation import Document
from zhengling.scheme.bio import decode_tags, encode_spans, tag_names
from zhengling.scheme.labels import DEFAULT_SCHEME

PACKAGES = ("sklearn-crfsuite", "scikit-learn")
ITERATIONS = 60
WINDOW = 4
"""Characters seen on each side."""
_SENTENCE = re.compile(r"[^。；！？]*[。；！？]?")
_CLAUSE = re.compile(r"[^，。；：！？]*[，。；：！？]?")
_CUE = re.compile(
    "务必|必须|不得|严禁|禁止|不能|不可|决不|绝不|杜绝|切勿|应当|应该|鼓励|计划|希望|负责|(?<![重主需必只首])要(?![求素点闻])|"
    "[须应请拟将]"
)
_QUOTES = {"“": 1, "《": 1, "”": -1, "》": -1}
_CLASSES = (
    (re.compile(r"[0-9]"), "digit"),
    (re.compile(r"[A-Za-z]"), "latin"),
    (re.compile("[一二三四五六七八九十百千万亿]"), "number"),
)


def train(gold: Sequence[Document], folder: Path) -> Annotator:
    """Train both fields and the SVM; ``folder`` keeps what inference needs."""
    paragraphs = gold_paragraphs(gold)
    directives = CharacterField("directives", DEFAULT_SCHEME.directives, folder)
    slots = CharacterField("slots", DEFAULT_SCHEME.slots, folder)
    directives.fit((p.text, [], p.directives) for p in paragraphs)
    slots.fit((p.text, p.directives, p.slots) for p in paragraphs)
    themes = ThemeMachines.trained(paragraphs)
    (folder / "themes.pickle").write_bytes(pickle.dumps(themes))

    def find(texts: Sequence[str]) -> list[Finding]:
        found = [directives.find(text) for text in texts]
        inside = [slots.find(text, spans) for text, spans in zip(texts, found, strict=True)]
        return [Finding(*parts) for parts in zip(texts, themes.find(texts), found, inside, strict=True)]

    return paragraphwise(find)


class CharacterField:
    """A linear-chain field over the characters of a paragraph, in BIO tags of some kinds."""

    def __init__(self, name: str, kinds: Sequence[str], folder: Path) -> None:
        import sklearn_crfsuite  # an optional package: the group `peers`

        self.kinds, self.names = tuple(kinds), tag_names(kinds)
        self.field = sklearn_crfsuite.CRF(
            algorithm="lbfgs",
            c1=0.1,
            c2=0.05,
            max_iterations=ITERATIONS,
            min_freq=2,
            model_filename=str(folder / f"{name}.crf"),
        )

    def fit(self, examples: Iterable[tuple[str, Sequence[Span], Sequence[Span]]]) -> None:
        """Learn from texts, the spans that are known of them and the spans to be found."""
        triples = list(examples)
        self.field.fit(
            (features(text, known) for text, known, _ in triples), (self._tags(len(text), spans) for text, _, spans in triples)
        )

    def _tags(self, length: int, spans: Sequence[Span]) -> list[str]:
        return [self.names[tag] for tag in encode_spans(((s, e, self.kinds.index(k)) for s, e, k in spans), length)]

    def find(self, text: str, known: Sequence[Span] = ()) -> tuple[Span, ...]:
        """The spans of a text, given those that are known of it."""
        tags = self.field.predict_single(features(text, known))
        return tuple((s, e, self.kinds[kind]) for s, e, kind in decode_tags([self.names.index(tag) for tag in tags]))


def features(text: str, known: Sequence[Span] = ()) -> list[list[str]]:
    """Per character: its neighbours and their pairs, classes, the place in clause and sentence, cues, known spans."""
    edged = "<" * WINDOW + text + ">" * WINDOW
    classes = "".join(_class(character)[0] for character in edged)
    depths = accumulate(_QUOTES.get(character, 0) for character in text)
    around = _surroundings(text)
    places = _places(len(text), known)
    rows = []
    for at, (depth, place) in enumerate(zip(depths, places, strict=True)):
        here = at + WINDOW
        row = [f"{k}={edged[here + k]}" for k in range(-WINDOW, WINDOW + 1)]
        row += [f"{k}:{k + 1}={edged[here + k : here + k + 2]}" for k in range(-3, 3)]
        row += [f"{k}t={edged[here + k : here + k + 3]}" for k in (-2, -1, 0)]
        row += [f"c={classes[here - 2 : here + 3]}", f"q={depth > 0}", *around[at]]
        rows.append(row + place)
    return rows


def _class(character: str) -> str:
    for pattern, name in _CLASSES:
        if pattern.match(character):
            return name
    return "han" if character.isalpha() else "mark"


def _surroundings(text: str) -> list[list[str]]:
    """Per character: how far into its clause, how many clauses into its sentence, and the cues of both."""
    rows: list[list[str]] = []
    for sentence in _SENTENCE.finditer(text):
        cues = {f"S={cue}" for cue in _CUE.findall(sentence[0])} or {"S="}
        opening = f"S0={sentence[0][:2]}"
        closing = f"S$={sentence[0][-1:]}"
        past = f"past={bool(re.search('[了过]|已|曾|截至|近日', sentence[0]))}"
        clauses = [clause for clause in _CLAUSE.findall(sentence[0]) if clause]
        for number, clause in enumerate(clauses):
            cue = _CUE.search(clause)
            shared = [*cues, opening, closing, past, f"C={cue and cue[0]}", f"C0={clause[:2]}", f"n={min(number, 3)}"]
            for at in range(len(clause)):
                side = "none" if cue is None else "before" if at < cue.start() else "in" if at < cue.end() else "after"
                near = min(at, 6)
                rows.append([*shared, f"at={near}", f"cue={side}", f"at={near} n={min(number, 3)} C={cue and cue[0]}"])
    return rows


def _places(length: int, known: Sequence[Span]) -> list[list[str]]:
    """Per character: outside, or how far into a known span."""
    rows: list[list[str]] = [["d=out"] if known else [] for _ in range(length)]
    for start, end, kind in known:
        for at in range(start, end):
            rows[at] = ["d=in", f"d={kind}", f"d@{min(at - start, 8)}"]
    return rows
