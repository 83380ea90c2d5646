"""A tokenizer of single characters, learnt by counting; what it says of a text, without running it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def count_characters(texts: Iterable[str]) -> Counter[str]:
    """How often each lower-cased character occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.lower())
    return counts


def character_tokenizer(counts: Counter[str], size: int, min_count: int = 1) -> PreTrainedTokenizerFast:
    """One token per character, line breaks read as spaces; at most ``size`` tokens, the most frequent first."""
    known = [char for char, count in counts.most_common() if count >= min_count and char not in "\n\r"]
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *known][:size])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"[\r\n]"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(names, SPECIAL, strict=True)))


CODE_POINTS, CASED = 0x110000, 0x20000
"""How many code points there are, and below which one all are that have another case."""
SEVERAL = -1
"""In place of the token of a character that in lower case is several, such as İ."""
_tables: WeakKeyDictionary[PreTrainedTokenizerBase, tuple[int, NDArray[np.int32] | None]] = WeakKeyDictionary()


def token_ids(text: str, tokenizer: PreTrainedTokenizerBase) -> NDArray[np.int64] | None:
    """The token of each character, ``[characters]``; None if the tokenizer is no :func:`character_tokenizer` or the text holds
    what is not one token per character: the name of a special token, or one of :data:`SEVERAL`.

    A lookup: the tokenizer itself reads half a million characters a second, less than a GPU.
    """
    size, table = _tables.get(tokenizer, (-1, None))
    if size != len(tokenizer):
        table = _table(tokenizer)
        _tables[tokenizer] = len(tokenizer), table
    if table is None or any(name in text for name in SPECIAL):
        return None
    ids = table[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")]
    return None if (ids == SEVERAL).any() else ids.astype(np.int64)


def _table(tokenizer: PreTrainedTokenizerBase) -> NDArray[np.int32] | None:
    """The token of each code point, ``[CODE_POINTS]``."""
    if not isinstance(tokenizer, PreTrainedTokenizerFast) or _rules(tokenizer) != _rules(
        character_tokenizer(Counter(), len(SPECIAL))
    ):
        return None
    vocabulary = tokenizer.get_vocab()
    unknown = vocabulary[SPECIAL[1]]
    table = np.full(CODE_POINTS, unknown, dtype=np.int32)
    for char, number in vocabulary.items():
        if len(char) == 1:
            table[ord(char)] = number
    for code in range(CASED):
        low = chr(code).lower()
        table[code] = vocabulary.get(low, unknown) if len(low) == 1 else SEVERAL
    table[[ord("\r"), ord("\n")]] = vocabulary.get(" ", unknown)
    return table


def _rules(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """All that decides on a text's tokens but the vocabulary."""
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    added = [{key: value for key, value in token.items() if key != "id"} for token in whole["added_tokens"]]
    model = {key: value for key, value in whole["model"].items() if key != "vocab"}
    return {"normalizer": whole["normalizer"], "pre_tokenizer": whole["pre_tokenizer"], "model": model, "added": added}
