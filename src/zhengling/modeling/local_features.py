"""What the tag heads see of the characters themselves, beside what the encoder makes of them.

A small encoder knows the characters around a token only as far as it learnt to look. A character field
(`benchmarks/peers_crf.py`) sees at once which pair stands here, how far the last comma and the next closing quote are; so do
the tag heads, by these features. Each is a row of one embedding table, and the rows of a token's features are summed, as
weights of a linear model are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from zhengling.modeling.transitions import CLASSES, EDGE, OTHER

REACH = 15
"""A token sees the nearest token of a class at distances below this, in tokens; farther is as if there were none."""
NGRAM_ROWS = 65_536
"""Rows that pairs and triples of tokens share, by a hash (Weinberger et al. 2009)."""
_MULTIPLIERS = (1, 40_503, 60_493)
"""Different, so that the hash depends on the order of the tokens; odd, so that each loses nothing modulo :data:`NGRAM_ROWS`."""
_SALT = 7919
"""Added to the hash of a triple: without it that of (padding, x, y) were that of the pair (y, x)."""
_SEEN = CLASSES - 1
"""Classes whose distance is a feature: all but :data:`OTHER`."""
ROWS = NGRAM_ROWS + 2 * _SEEN * (REACH + 1)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What stands at the tokens of a batch of windows, each ``[batch, tokens]``."""

    classes: torch.Tensor
    """Of :func:`zhengling.modeling.transitions.token_classes`; special tokens and padding are :data:`EDGE`."""
    special: torch.Tensor
    """Whether a token is special or padding: outside of every span."""

    @classmethod
    def of(cls, input_ids: torch.Tensor, pieces: torch.Tensor, token_classes: torch.Tensor) -> Neighbourhood:
        """From what the model is given: the last token of a piece is its ``[SEP]``."""
        following = torch.nn.functional.pad(pieces[:, 1:], (0, 1), value=-1)
        special = (pieces < 0) | (pieces != following)
        return cls(token_classes[input_ids].masked_fill(special, EDGE), special)


class LocalFeatures(nn.Module):
    """A vector per token of the pair and the triple of tokens here, and how near which marks, numbers and cues are."""

    def __init__(self, table_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(ROWS, table_width))
        self.norm = nn.LayerNorm(table_width)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(table_width, width)

    def forward(self, input_ids: torch.Tensor, near: Neighbourhood) -> torch.Tensor:
        """``[batch, tokens]`` to ``[batch, tokens, width]``; what a token sees does not depend on the padding."""
        features = torch.cat([ngram_rows(input_ids.masked_fill(near.special, 0)), NGRAM_ROWS + distance_rows(near.classes)], -1)
        return self.projection(self.dropout(self.norm(self._sums(features))))

    def _sums(self, features: torch.Tensor) -> torch.Tensor:
        """The sum of the rows of each token: ten times as fast as a bag, which an ONNX graph would make a loop over tokens."""
        if torch.compiler.is_exporting():
            return nn.functional.embedding(features, self.table).sum(-2)
        return nn.functional.embedding_bag(features.flatten(0, 1), self.table, mode="sum").unflatten(0, features.shape[:2])


def ngram_rows(ids: torch.Tensor) -> torch.Tensor:
    """Rows of the pair that begins at a token and of the triple around it: ``[batch, tokens]`` to ``[batch, tokens, 2]``."""
    around = nn.functional.pad(ids, (1, 1))
    before, after = around[:, :-2], around[:, 2:]
    first, second, third = _MULTIPLIERS
    pair = first * ids + second * after
    triple = _SALT + third * before + second * ids + first * after
    return torch.stack([pair, triple], -1) % NGRAM_ROWS


def distance_rows(classes: torch.Tensor) -> torch.Tensor:
    """How far back and ahead the nearest token of each class is, as rows: ``[batch, tokens, 2 × classes]``.

    A token is at distance 0 of its own class; a class that is not in sight is at distance :data:`REACH`.
    """
    kinds = torch.arange(_SEEN, device=classes.device)
    kinds = kinds + (kinds >= OTHER)
    here = (classes.unsqueeze(1) == kinds.view(1, -1, 1)).float()  # batch, classes, tokens
    nearness = torch.arange(REACH, 0, -1, device=classes.device, dtype=torch.float32)
    back = _nearest(nn.functional.pad(here, (REACH - 1, 0)), nearness.flip(0))
    ahead = _nearest(nn.functional.pad(here, (0, REACH - 1)), nearness)
    distances = torch.cat([back, ahead], 1).transpose(1, 2)
    return distances + (REACH + 1) * torch.arange(2 * _SEEN, device=classes.device)


def _nearest(here: torch.Tensor, nearness: torch.Tensor) -> torch.Tensor:
    """Distances from the strongest in each stretch of :data:`REACH` tokens, ``[batch, classes, tokens]``."""
    return REACH - (here.unfold(-1, REACH, 1) * nearness).amax(-1).long()
