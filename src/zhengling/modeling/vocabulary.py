"""A tokenizer of single characters, learnt by counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from zhengling.modeling.lookup import SPECIAL


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
