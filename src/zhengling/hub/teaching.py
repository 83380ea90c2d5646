"""Stock models learn from lessons, all three at once over one encoder, so that the texts are read once."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from zhengling.errors import ConfigError
from zhengling.extraction.extractor import Extractor
from zhengling.hub.lessons import Lesson
from zhengling.modeling.batches import pad, token_batches
from zhengling.modeling.model import IGNORED

log = logging.getLogger(__name__)
REPORTED = 50
"""Steps between two lines of the log."""


@dataclass(frozen=True, kw_only=True)
class PlainSettings:
    """How the stock models learn."""

    epochs: int = 3
    """Times the texts are read."""
    lr: float = 3e-4
    """Peak rate of AdamW for the encoder; it falls linearly to 0."""
    head_lr: float = 1e-3
    """The same for the new head."""
    batch_tokens: int = 1024
    """Tokens per step, padding counted."""
    seed: int = 1

    def check(self) -> None:
        """Raise :class:`ConfigError` for values that make no training."""
        if self.epochs < 1 or self.batch_tokens < 1 or min(self.lr, self.head_lr) <= 0:
            raise ConfigError(f"epochs, batch_tokens, lr and head_lr must be above 0, got {asdict(self)}")


class _Once(nn.Module):
    """An encoder that reads a batch once, whichever stock model asks first."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.answer: Any = None

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> Any:
        if self.answer is None:
            self.answer = self.body(input_ids=input_ids, attention_mask=attention_mask)
        return self.answer


def teach(
    models: Mapping[str, PreTrainedModel], extractor: Extractor, lessons: Sequence[Lesson], settings: PlainSettings
) -> None:
    """Train the stock models, by task, in place; each keeps the encoder that they learnt together."""
    torch.manual_seed(settings.seed)
    shared = _Once(copy.deepcopy(extractor.model.encoder))
    bodies = {task: getattr(stock, stock.base_model_prefix) for task, stock in models.items()}
    for stock in models.values():
        setattr(stock, stock.base_model_prefix, shared)
        stock.to(extractor.device).train()  # type: ignore[arg-type]
    heads = {id(p): p for stock in models.values() for p in stock.parameters()}
    for parameter in shared.parameters():
        del heads[id(parameter)]
    groups = [
        {"params": list(shared.parameters()), "lr": settings.lr},
        {"params": list(heads.values()), "lr": settings.head_lr},
    ]
    _learn(models, shared, groups, lessons, settings)
    for task, stock in models.items():
        bodies[task].load_state_dict(shared.body.state_dict(), strict=False)
        setattr(stock, stock.base_model_prefix, bodies[task])
        stock.eval()


def _learn(
    models: Mapping[str, PreTrainedModel],
    shared: _Once,
    groups: list[dict[str, Any]],
    lessons: Sequence[Lesson],
    settings: PlainSettings,
) -> None:
    batches = list(token_batches([len(lesson.ids) for lesson in lessons], settings.batch_tokens))
    steps = settings.epochs * len(batches)
    optimizer = torch.optim.AdamW(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    order = np.concatenate([torch.randperm(len(batches)).numpy() for _ in range(settings.epochs)])
    for step, number in enumerate(order.tolist(), 1):
        shared.answer = None
        chosen = [lessons[i] for i in batches[number]]
        losses = {task: _loss(stock, task, chosen) for task, stock in models.items()}
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % REPORTED == 0 or step == steps:
            log.info("step %4d/%d  %s", step, steps, "  ".join(f"{task} {loss:.3f}" for task, loss in losses.items()))


def _loss(stock: PreTrainedModel, task: str, lessons: Sequence[Lesson]) -> torch.Tensor:
    """The loss of one task on a batch; a scalar."""
    device = next(stock.parameters()).device
    ids = pad([lesson.ids for lesson in lessons], stock.config.pad_token_id or 0).to(device)
    mask = pad([np.ones_like(lesson.ids) for lesson in lessons], 0).to(device)
    logits = stock(input_ids=ids, attention_mask=mask).logits.float()
    if task == "themes":
        wanted = torch.tensor([lesson.themes for lesson in lessons], dtype=torch.float32, device=device)
        return nn.functional.binary_cross_entropy_with_logits(logits, wanted)
    tags = pad([getattr(lesson, task) for lesson in lessons], IGNORED).to(device)
    return nn.functional.cross_entropy(logits.flatten(0, 1), tags.flatten(), ignore_index=IGNORED)
