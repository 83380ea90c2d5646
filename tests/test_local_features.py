"""What the tag heads see of the characters themselves."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.modeling.local_features import REACH, LocalFeatures, Neighbourhood, distance_rows, ngram_rows
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.transitions import CLASSES, EDGE, OTHER
from zhengling.text import read

SEEN = [kind for kind in range(CLASSES) if kind != OTHER]


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_those_of_a_search_token_by_token(seed: int) -> None:
    classes = torch.randint(0, CLASSES, (2, 90), generator=torch.Generator().manual_seed(seed))
    classes[torch.rand(classes.shape, generator=torch.Generator().manual_seed(seed)) < 0.7] = OTHER
    rows = distance_rows(classes)
    for line, found in zip(classes.tolist(), rows.tolist(), strict=True):
        for at in range(len(line)):
            back = [next((d for d in range(REACH) if d <= at and line[at - d] == kind), REACH) for kind in SEEN]
            ahead = [next((d for d in range(REACH) if at + d < len(line) and line[at + d] == kind), REACH) for kind in SEEN]
            expected = [d + (REACH + 1) * number for number, d in enumerate(chain(back, ahead))]
            assert found[at] == expected


def test_a_pair_has_one_row_wherever_it_stands_and_another_the_other_way_round() -> None:
    pairs, triples = ngram_rows(torch.tensor([[7, 8, 9, 7, 8, 9, 7, 9, 8, 0]]))[0].T.tolist()
    assert pairs[0] == pairs[3] and triples[1] == triples[4]
    assert len({pairs[0], pairs[1], pairs[2], pairs[6], pairs[7]}) == 5  # 78 89 97 79 98
    assert len({triples[1], triples[2], triples[6]}) == 3  # 789 897 979
    assert ngram_rows(torch.tensor([[7, 8]]))[0, 0, 1] != ngram_rows(torch.tensor([[8, 7]]))[0, 0, 0]  # no 078 for 87


def test_ngrams_say_nothing_at_first(make_extractor: Callable[..., Extractor]) -> None:
    """A new model's features depend on the classes alone: the rows of pairs and triples begin at zero."""
    config = make_extractor().model.config
    torch.manual_seed(1)
    features: LocalFeatures = ZhenglingModel(config).eval().local_features
    classes, special = torch.tensor([[EDGE, 3, 4, EDGE]]), torch.tensor([[True, False, False, True]])
    near = Neighbourhood(classes, special)
    first, second = (features(torch.tensor([[2, a, b, 3]]), near) for a, b in ((7, 8), (9, 5)))
    other = features(torch.tensor([[2, 7, 8, 3]]), Neighbourhood(classes.flip(1), special))
    assert torch.equal(first, second) and not torch.allclose(first, other)


def test_padding_changes_no_answer(extractor: Extractor) -> None:
    document = extractor.tokenize(read("各村要在6月底前查完“120处”隐患。"))
    ids = torch.tensor([[2, *document.ids.tolist(), 3]])
    pieces = torch.tensor([[-1] + [0] * (ids.shape[1] - 1)])
    longer, further = (torch.nn.functional.pad(part, (0, 9), value=value) for part, value in ((ids, 7), (pieces, -1)))
    with torch.inference_mode():
        plain = extractor.model(ids, torch.ones_like(ids), pieces)
        padded = extractor.model(longer, torch.nn.functional.pad(torch.ones_like(ids), (0, 9)), further)
    for name in ("directives", "slots", "themes"):
        ours, theirs = plain[name], padded[name][:, : plain[name].shape[1]]
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_both_tag_heads_learn_from_it_and_slots_from_the_directive_tags(extractor: Extractor) -> None:
    torch.manual_seed(0)
    model = ZhenglingModel(extractor.model.config).eval()
    ids, pieces = torch.tensor([[2, 9, 8, 7, 3]]), torch.tensor([[-1, 0, 0, 0, 0]])
    pair = ngram_rows(ids)[0, 1, 0]

    def learnt(name: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        model.zero_grad()
        model(ids, torch.ones_like(ids), pieces)[name].square().sum().backward()
        return model.local_features.table.grad.abs().sum(1), model.directive_head.classifier.weight.grad

    of_directives, _ = learnt("directives")
    assert of_directives[pair] > 0 and 0 < (of_directives > 0).sum() < len(of_directives) / 100
    _, through_tags = learnt("slots")
    assert through_tags is not None and through_tags.abs().max() > 0
    torch.nn.init.zeros_(model.directive_embedding.weight)  # what is left comes from the features themselves
    of_slots, through_tags = learnt("slots")
    assert of_slots[pair] > 0 and (through_tags is None or through_tags.abs().max() == 0)


def test_a_model_without_it_is_stored_and_loaded_as_before(make_extractor: Callable[..., Extractor], tmp_path: Path) -> None:
    old = make_extractor(local_features=0)
    old.model.save_pretrained(tmp_path)
    old.tokenizer.save_pretrained(tmp_path)
    assert not [name for name, _ in old.model.named_parameters() if name.startswith(("local_features", "directive_embedding"))]
    texts = [read("各村要在6月底前查完120处隐患。不得瞒报漏报。")]
    ours, theirs = (each.extract(texts, ["a"])[0] for each in (old, load(tmp_path, device="cpu", precision="fp32")))
    assert ours.directives and ours.directives == theirs.directives
