"""Plain exports: stock ``transformers`` models that read what ours reads, for people who run no remote code.

Our heads have no stock counterpart (a convolution and features of the characters themselves under the tags, attention
pooling, transitions between tags, windows of several paragraphs). So stock models start from our encoder and learn from our
model's answers to unlabelled texts: BIO tags of directives, BIO tags of slots, and themes of a paragraph. They come near it
and do not equal it; how near is measured.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, PreTrainedModel

from zhengling.errors import ConfigError, ModelError
from zhengling.extraction.annotation import annotate
from zhengling.extraction.extractor import Extractor
from zhengling.hub.agreement import read_plainly
from zhengling.hub.lessons import TASKS, lessons_of
from zhengling.hub.teaching import PlainSettings, teach
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.encoders import attention_for
from zhengling.modeling.model import ZhenglingModel
from zhengling.scheme.annotation import Document
from zhengling.scheme.bio import tag_names
from zhengling.scoring.report import report
from zhengling.text import CleanText

AGREEMENT = "agreement.json"


def export_plain(
    extractor: Extractor,
    texts: Sequence[CleanText],
    output: Path,
    settings: PlainSettings,
    check: Sequence[Document] = (),
) -> dict[str, Any]:
    """Write ``directives/``, ``slots/``, ``themes/`` and ``agreement.json`` into ``output``.

    ``texts`` are what the stock models learn from, ``check`` gold documents on which they are compared with our model.
    Returns what ``agreement.json`` holds. Raises :class:`ModelError` if the encoder has no stock models.
    """
    settings.check()
    lessons = lessons_of(extractor, texts)
    if not lessons:
        raise ConfigError(
            "the texts hold no paragraph to learn from. Expected official texts, a few hundred paragraphs or more"
        )
    models = {task: build_stock(task, extractor.model) for task in TASKS}
    teach(models, extractor, lessons, settings)
    for task, stock in models.items():
        stock.save_pretrained(output / task)
        tokenizer = copy.deepcopy(extractor.tokenizer)
        tokenizer.model_max_length = min(tokenizer.model_max_length, stock.config.max_position_embeddings)
        tokenizer.save_pretrained(output / task)
    result = {
        "learnt_from": {"texts": len(texts), "paragraphs": len(lessons), "tokens": sum(len(lesson.ids) for lesson in lessons)},
        "settings": asdict(settings),
        "provenance": extractor.config.provenance,
        **(_compare(extractor, output, check) if check else {}),
    }
    (output / AGREEMENT).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return result


def _compare(extractor: Extractor, folder: Path, gold: Sequence[Document]) -> dict[str, Any]:
    """F1 of the stock models against our model's answers, and of both against gold."""
    scheme = extractor.config.scheme
    ours, plain = annotate(extractor, gold), read_plainly(folder, gold, extractor.config)
    return {
        "plain_against_model": report(plain, ours, scheme, model=f"plain exports of {extractor.name}").as_dict(),
        "plain_against_gold": report(plain, gold, scheme, model=f"plain exports of {extractor.name}").as_dict(),
        "model_against_gold": report(ours, gold, scheme, model=extractor.name).as_dict(),
    }


def label_names(task: str, config: ZhenglingConfig) -> list[str]:
    """The labels of a stock model in order: ``O``, ``B-require``, … or themes and ``boilerplate``."""
    return config.theme_outputs if task == "themes" else tag_names(config.directives if task == "directives" else config.slots)


def build_stock(task: str, model: ZhenglingModel) -> PreTrainedModel:
    """The stock model of a task over a copy of our encoder, with a new head; raises :class:`ModelError` if there is none."""
    names = label_names(task, model.config)
    config = copy.deepcopy(model.encoder.config)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    if hasattr(config, "classifier_pooling"):
        config.classifier_pooling = "mean"
    if task == "themes":
        config.problem_type = "multi_label_classification"
    family: Any = AutoModelForSequenceClassification if task == "themes" else AutoModelForTokenClassification
    try:
        stock: PreTrainedModel = family.from_config(config, attn_implementation=attention_for(torch.device("cpu")))
    except ValueError as error:
        raise ModelError(f"plain exports: transformers has no {family.__name__} for {config.model_type!r} encoders") from error
    body: torch.nn.Module = getattr(stock, stock.base_model_prefix)
    missing = body.load_state_dict(model.encoder.state_dict(), strict=False).missing_keys
    if missing:
        raise ModelError(f"plain exports: the encoder lacks {', '.join(missing[:3])} that {type(stock).__name__} has")
    return stock
