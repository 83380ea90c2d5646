"""Peer: spaCy with its Chinese tokenizer at characters: two `ner` pipelines (directives, slots) and `textcat_multilabel`.

Directives are far longer than the n-grams that `spancat` can suggest, hence `ner`; the two layers nest, hence two pipelines.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers_texts import LABELS, Annotator, Finding, Span, gold_paragraphs, paragraphwise
from benchmarks.peers_thresholds import held_back, labels_over, thresholds_of
from zhengling.scheme.annotation import Document

PACKAGES = ("spacy",)
EPOCHS = {"directives": 3, "slots": 2, "themes": 3}
"""An hour of one core in all, on the 3.6 million characters of the default model's training data."""
BATCH = 1000
"""Characters per step, at most, unless one paragraph has more."""
RATE = 0.001
"""Adam's rate at the first step; it falls to nothing at the last."""
TOK2VEC = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": 64,
        "attrs": ["NORM", "SHAPE"],
        "rows": [4000, 200],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": 64,
        "depth": 4,
        "window_size": 1,
        "maxout_pieces": 2,
    },
}
"""Of the entity recognizers: each character with four on either side."""
PARSER = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 64,
    "maxout_pieces": 2,
    "use_upper": True,
    "tok2vec": TOK2VEC,
}
BAG = {
    "@architectures": "spacy.TextCatBOW.v3",
    "exclusive_classes": False,
    "ngram_size": 3,
    "length": 262144,
    "no_output_layer": False,
}
Targets = Callable[[Finding], dict[str, Any]]


def train(gold: Sequence[Document], folder: Path) -> Annotator:
    """Train the three pipelines one after the other and keep them in ``folder``."""
    paragraphs = gold_paragraphs(gold)
    pipelines = {
        "directives": _fit("ner", PARSER, paragraphs, lambda p: {"entities": list(p.directives)}, EPOCHS["directives"]),
        "slots": _fit("ner", PARSER, paragraphs, lambda p: {"entities": list(p.slots)}, EPOCHS["slots"]),
    }
    learnt, held = held_back(paragraphs)
    first = _fit("textcat_multilabel", BAG, learnt, _categories, EPOCHS["themes"])
    thresholds = thresholds_of(_scores(first, [p.text for p in held]), held)
    pipelines["themes"] = _fit("textcat_multilabel", BAG, paragraphs, _categories, EPOCHS["themes"])
    for name, pipeline in pipelines.items():
        pipeline.to_disk(folder / name)

    def find(texts: Sequence[str]) -> list[Finding]:
        labels = labels_over(_scores(pipelines["themes"], texts), thresholds) if texts else []
        layers = (_entities(pipelines[layer], texts) for layer in ("directives", "slots"))
        return [Finding(*parts) for parts in zip(texts, labels, *layers, strict=True)]

    return paragraphwise(find)


def _categories(paragraph: Finding) -> dict[str, Any]:
    return {"cats": {label: float(label in paragraph.labels) for label in LABELS}}


def _fit(component: str, model: dict[str, Any], paragraphs: Sequence[Finding], targets: Targets, epochs: int) -> Any:
    """A pipeline of one component, trained with dropout and a falling rate."""
    import spacy  # an optional package: the group `peers`
    from spacy.training import Example
    from spacy.training.batchers import minibatch_by_words
    from spacy.util import fix_random_seed

    fix_random_seed(0)
    pipeline = spacy.blank("zh")
    pipeline.add_pipe(component, config={"model": model})
    examples = [Example.from_dict(pipeline.make_doc(p.text), targets(p)) for p in paragraphs]
    optimizer = pipeline.initialize(lambda: examples)
    shuffle = random.Random(0)
    for epoch in range(epochs):
        shuffle.shuffle(examples)
        batches = list(minibatch_by_words(examples, BATCH))
        for number, batch in enumerate(batches):
            optimizer.learn_rate = RATE * (1 - (epoch + number / len(batches)) / epochs)
            pipeline.update(batch, sgd=optimizer, drop=0.2)
    return pipeline


def _scores(pipeline: Any, texts: Sequence[str]) -> np.ndarray:
    """The probability of each label, ``[texts, labels]``."""
    return np.asarray([[doc.cats[label] for label in LABELS] for doc in pipeline.pipe(texts)])


def _entities(pipeline: Any, texts: Sequence[str]) -> list[tuple[Span, ...]]:
    return [tuple((e.start_char, e.end_char, e.label_) for e in doc.ents) for doc in pipeline.pipe(texts)]
