"""How likely one tag follows another between two kinds of token: counted on gold, used when tags are decoded.

A directive ends before a full stop and hardly ever inside a word; a programme's name runs on behind its closing quote. The
heads score each token by itself; what they cannot say of two neighbours is counted once on the training gold, by the class
of the token on either side, and weighs in beside their log-probabilities (as the transitions of a Markov tagger).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

EDGE, OTHER = 0, 1
MEMBERS = ("。！？；!?;", "，,", "：:", "、", "“《（‘〔(「『", "”》）’〕)」』", "一二三四五六七八九十", "是要将须应需请")
"""The characters of the classes from 2 on; the last but one are Chinese numerals, the last words that often bear a demand."""
SENTENCE_MARKS, CLAUSE_MARKS, MARKS = 2, range(2, 5), range(2, 8)
"""The class of marks that end a sentence, the classes of those that end a sentence or a clause, and of all marks."""
ASCII = 2 + len(MEMBERS)
CLASSES = ASCII + 1
"""How many classes there are: the edge of a paragraph, other characters, those of :data:`MEMBERS`, Latin letters and digits."""
BACK_OFF = 5.0
"""As how many transitions the distribution over all classes counts within each pair of classes."""

_BY_CHARACTER = {character: number for number, members in enumerate(MEMBERS, 2) for character in members}


def token_class(token: str) -> int:
    """The class of a token of a vocabulary, by its first character."""
    first = token.removeprefix("##")[:1]
    return _BY_CHARACTER.get(first, ASCII if first.isascii() else OTHER)


def token_classes(tokenizer: PreTrainedTokenizerBase, size: int) -> NDArray[np.int64]:
    """The class of each token id, shape ``[size]``."""
    classes = np.full(size, OTHER, dtype=np.int64)
    for token, number in tokenizer.get_vocab().items():
        classes[number] = token_class(token)
    classes[tokenizer.all_special_ids] = OTHER  # [UNK] is no Latin letter
    return classes


def count_transitions(sequences: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], tags: int) -> NDArray[np.float32]:
    """Log-probabilities of a tag after another, shape ``[classes, classes, tags, tags]``.

    Each sequence is one paragraph: the classes and the tags of its tokens. It is taken to stand between two edges with tag 0.
    """
    counts = np.zeros((CLASSES, CLASSES, tags, tags))
    for classes, labels in sequences:
        around, between = np.pad(classes, 1, constant_values=EDGE), np.pad(labels, 1)
        np.add.at(counts, (around[:-1], around[1:], between[:-1], between[1:]), 1)
    overall = counts.sum((0, 1)) + 0.1
    overall /= overall.sum(-1, keepdims=True)
    shares = (counts + BACK_OFF * overall) / (counts.sum(-1, keepdims=True) + BACK_OFF)
    return np.log(shares).astype(np.float32)
