"""The loss of whole tag sequences against the enumeration of all of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch

from zhengling.extraction.extractor import Extractor
from zhengling.modeling.local_features import Neighbourhood
from zhengling.modeling.sequence_loss import sequence_loss
from zhengling.modeling.transitions import CLASSES, EDGE
from zhengling.scheme.bio import allowed_transitions

KINDS, TAGS = 1, 3
PIECES = torch.tensor([[-1, 0, 0, 0, 1, 1, 1]])
"""``[CLS]``, two tokens and a ``[SEP]``, two tokens and a ``[SEP]``."""
SPECIAL = [0, 3, 6]


def made(seed: int) -> tuple[torch.Tensor, Neighbourhood, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 9, PIECES.shape, generator=generator)
    near = Neighbourhood.of(ids, PIECES, torch.randint(0, CLASSES, (9,), generator=generator))
    logits = torch.randn(*PIECES.shape, TAGS, generator=generator)
    return logits, near, torch.randn(CLASSES, CLASSES, TAGS, TAGS, generator=generator)


def weight(path: tuple[int, ...], scores: np.ndarray, near: Neighbourhood, transitions: torch.Tensor) -> float:
    allowed, classes = allowed_transitions(KINDS), near.classes[0].tolist()
    total = float(scores[range(len(path)), path].sum())
    for t in range(1, len(path)):
        if not allowed[path[t - 1], path[t]]:
            return 0.0
        total += float(transitions[classes[t - 1], classes[t], path[t - 1], path[t]])
    return float(np.exp(total))


def enumerated(labels: list[int], within: list[int] | None, *made: object) -> float:
    logits, near, transitions = made
    scores = logits[0].log_softmax(-1).numpy()
    every = agreeing = 0.0
    for path in product(range(TAGS), repeat=PIECES.shape[1]):
        if any(path[t] for t in SPECIAL) or path[0] == 2:
            continue
        if within and any((tag and not of) or (tag == 2 and of % 2 == 1) for tag, of in zip(path, within, strict=True)):
            continue
        worth = weight(path, scores, near, transitions)
        every += worth
        agreeing += worth * all(label in (-100, tag) for label, tag in zip(labels, path, strict=True))
    return float(np.log(every) - np.log(agreeing))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("labels", "within"),
    [
        ([-100, 1, 2, -100, 0, 1, -100], None),
        ([-100, -100, -100, -100, -100, 0, -100], None),
        ([-100, -100, 2, -100, 1, 1, -100], None),
        ([-100, 0, 1, -100, 0, 0, -100], [-100, 1, 2, -100, 0, 1, -100]),
        ([-100, 1, 0, -100, 1, -100, -100], [-100, 1, 1, -100, 3, 4, -100]),
    ],
)
def test_it_is_the_enumeration_of_all_paths(seed: int, labels: list[int], within: list[int] | None) -> None:
    logits, near, transitions = made(seed)
    given = torch.tensor([within]) if within else None
    expected = enumerated(labels, within, logits, near, transitions)
    assert float(sequence_loss(logits, torch.tensor([labels]), near, transitions, given)) == pytest.approx(expected, abs=1e-3)


def test_a_window_that_no_sequence_agrees_with_adds_nothing() -> None:
    logits, near, transitions = made(5)
    both, near = logits.repeat(2, 1, 1).requires_grad_(), Neighbourhood(near.classes.repeat(2, 1), near.special.repeat(2, 1))
    labels = torch.tensor([[-100, 1, 2, -100, 0, 1, -100], [-100, 2, 2, -100, 0, 1, -100]])  # inside behind [CLS]
    loss = sequence_loss(both, labels, near, transitions)
    loss.backward()
    assert 0 < loss.item() < 100 and both.grad is not None
    assert bool(both.grad[0].abs().max() > 0) and not bool(both.grad[1].any())


def test_special_tokens_and_padding_are_edges() -> None:
    padded = torch.nn.functional.pad(PIECES, (0, 2), value=-1)
    near = Neighbourhood.of(torch.ones_like(padded), padded, torch.full((9,), 5))
    assert near.special[0].nonzero().flatten().tolist() == [*SPECIAL, 7, 8]
    assert near.classes[0].tolist() == [EDGE, 5, 5, EDGE, 5, 5, EDGE, EDGE, EDGE]


def test_padding_and_what_stands_behind_it_change_nothing() -> None:
    logits, near, transitions = made(7)
    labels = torch.tensor([[-100, 1, 2, -100, 0, 1, -100]])
    pad = torch.nn.functional.pad
    wider = Neighbourhood(pad(near.classes, (0, 3), value=EDGE), pad(near.special, (0, 3), value=True))
    more = sequence_loss(pad(logits, (0, 0, 0, 3)), pad(labels, (0, 3), value=-100), wider, transitions)
    assert float(more) == pytest.approx(float(sequence_loss(logits, labels, near, transitions)), abs=1e-4)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_transitions_are_learnt_with_it_only(make_extractor: Callable[..., Extractor], weight: float) -> None:
    model = make_extractor(sequence_loss=weight, transition_weight=0.6).model
    ids = torch.randint(5, 60, (2, 9), generator=torch.Generator().manual_seed(1))
    pieces = torch.tensor([[-1, 0, 0, 0, 0, 1, 1, 1, 1]] * 2)
    tags = torch.tensor([[-100, 1, 2, 2, -100, 0, 1, 2, -100]] * 2)
    output = model(ids, torch.ones_like(ids), pieces, tags, tags, torch.zeros(2, 2, 5))
    output.loss.backward()
    moved = [getattr(model, f"{name}_transitions").grad for name in model.tag_counts()]
    assert [grad is not None and bool(grad.abs().max() > 0) for grad in moved] == [bool(weight)] * 2
    assert model.directive_head.classifier.weight.grad.abs().max() > 0
