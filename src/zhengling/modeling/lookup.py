"""The tokens of a text by a look into a table, where the tokenizer reads single characters."""

from __future__ import annotations

import json
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
RULES: dict[str, Any] = {
    "normalizer": {
        "type": "Sequence",
        "normalizers": [{"type": "Replace", "pattern": {"Regex": r"[\r\n]"}, "content": " "}, {"type": "Lowercase"}],
    },
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
    "model": {"type": "WordLevel", "unk_token": "[UNK]"},
    "added": list(SPECIAL),
}
"""What :func:`zhengling.modeling.vocabulary.character_tokenizer` makes, as the tokenizers library writes it down."""
CODE_POINTS, CASED = 0x110000, 0x20000
"""How many code points there are, and below which one all are that have another case."""
SEVERAL = -1
"""In place of the token of a character that in lower case is several, such as İ."""
_tables: WeakKeyDictionary[PreTrainedTokenizerBase, tuple[int, NDArray[np.int32] | None]] = WeakKeyDictionary()


def token_ids(text: str, tokenizer: PreTrainedTokenizerBase) -> NDArray[np.int64] | None:
    """The token of each character, ``[characters]``; None if the tokenizer has other :data:`RULES` or the text holds what is
    not one token per character: the name of a special token, or one of :data:`SEVERAL`.

    The tokenizer itself reads half a million characters a second, less than a GPU.
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
    if not isinstance(tokenizer, PreTrainedTokenizerFast) or _rules(tokenizer) != RULES:
        return None
    vocabulary = tokenizer.get_vocab()
    unknown = vocabulary[RULES["model"]["unk_token"]]
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
    model = {key: value for key, value in whole["model"].items() if key != "vocab"}
    added = [token["content"] for token in whole["added_tokens"]]
    return {"normalizer": whole["normalizer"], "pre_tokenizer": whole["pre_tokenizer"], "model": model, "added": added}
