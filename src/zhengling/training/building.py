"""What a run is made of: the model over its encoder, the parameter groups, the learning-rate schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from transformers import PreTrainedTokenizerBase

from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.cues import count_cues, cues_that_part, text_of, token_letters
from zhengling.modeling.edges import count_edges
from zhengling.modeling.encoders import load_encoder, new_encoder_config
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.transitions import count_transitions, token_classes
from zhengling.modeling.vocabulary import character_tokenizer, count_characters
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import LabelScheme
from zhengling.text import read
from zhengling.training.examples import Example
from zhengling.training.settings import Optim, TrainSettings
from zhengling.training.starting import model_to_start_from

LARGEST_VOCABULARY = 65536


def build_model(
    settings: TrainSettings, scheme: LabelScheme, gold: Sequence[Document]
) -> tuple[ZhenglingModel, PreTrainedTokenizerBase]:
    """The model to start from, the base encoder with new heads, or all new with the characters of the training texts."""
    if settings.start:
        model, tokenizer = model_to_start_from(settings, scheme)
    else:
        model, tokenizer = _with_new_heads(settings, scheme, gold)
    if settings.gradient_checkpointing:
        model.encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if settings.compile:
        model.encoder.compile(dynamic=True)
    return model, tokenizer


def _with_new_heads(
    settings: TrainSettings, scheme: LabelScheme, gold: Sequence[Document]
) -> tuple[ZhenglingModel, PreTrainedTokenizerBase]:
    if settings.encoder.base:
        encoder, tokenizer = load_encoder(settings.encoder)
        shape = encoder.config
    else:
        counts = count_characters(read(document.text).text for document in gold)
        tokenizer = character_tokenizer(counts, LARGEST_VOCABULARY)
        encoder, shape = None, new_encoder_config(settings.encoder, tokenizer)
    config = ZhenglingConfig(
        encoder=shape,
        directives=list(scheme.directives),
        slots=list(scheme.slots),
        themes=list(scheme.themes),
        **asdict(settings.model),
    )
    return ZhenglingModel(config, encoder), tokenizer


def count_tags(model: ZhenglingModel, tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example]) -> None:
    """Count on the gold, and keep in the model, the transitions between tags and the edges of slots, but for a tag head that
    brought its own, and at which cues directives part.
    """
    classes, counts = token_classes(tokenizer, len(model.token_classes)), model.tag_counts()
    paragraphs = [
        (example.document.ids[first:last], example.directives[first:last], example.slots[first:last])
        for example in examples
        for first, last in example.document.paragraphs
    ]
    tables = {
        name: count_transitions(((classes[paragraph[0]], paragraph[layer]) for paragraph in paragraphs), counts[name])
        for layer, name in enumerate(("directive", "slot"), 1)
        if not model.get_parameter(f"{name}_transitions").any()
    }
    model.set_transitions(classes, tables)
    if not model.config.edge_pairs:
        model.set_edges(count_edges(paragraphs, len(classes)))
    letters = token_letters(tokenizer, len(classes))
    counted = count_cues((text_of(ids, letters), directives) for ids, directives, _ in paragraphs)
    model.config.parting_cues = cues_that_part(counted, model.config.parting_cues)


def schedule(step: int, warmup: int, total: int) -> float:
    """Share of the peak rate after ``step`` steps: up to 1 over ``warmup`` steps, down to 0 at ``total``."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return max(0.0, (total - step) / max(1, total - warmup))


def parameter_groups(model: ZhenglingModel, optim: Optim) -> list[dict[str, Any]]:
    """Encoder and heads at their own rates; no decay for biases and norms."""
    groups = []
    for of_encoder, rate in ((True, optim.lr), (False, optim.head_lr)):
        for decays in (True, False):
            chosen = [
                parameter
                for name, parameter in model.named_parameters()
                if name.startswith("encoder.") == of_encoder and (parameter.dim() > 1) == decays
            ]
            groups.append({"params": chosen, "lr": rate, "weight_decay": optim.weight_decay if decays else 0.0})
    return groups
