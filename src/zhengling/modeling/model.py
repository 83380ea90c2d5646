"""The model: one encoder, three heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import AutoModel, PreTrainedModel
from transformers.utils import ModelOutput

from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.decoding import Transitions
from zhengling.modeling.edges import Edges
from zhengling.modeling.local_features import NGRAM_ROWS, LocalFeatures, Neighbourhood
from zhengling.modeling.sequence_loss import sequence_loss
from zhengling.modeling.transitions import CLASSES, SENTENCE_MARKS

IGNORED = -100


@dataclass
class ZhenglingOutput(ModelOutput):
    """What the heads say of a batch of windows."""

    loss: torch.Tensor | None = None
    """Sum of the three losses, if labels were given; a scalar."""
    directives: torch.Tensor | None = None
    """Logits of the directive tags, ``[batch, tokens, 1 + 2 × kinds]``."""
    slots: torch.Tensor | None = None
    """Logits of the slot tags, ``[batch, tokens, 1 + 2 × kinds]``."""
    themes: torch.Tensor | None = None
    """Logits of themes and boilerplate per paragraph piece, ``[batch, pieces, themes + 1]``."""


class TagHead(nn.Module):
    """Tag logits from each token and its neighbours: a residual convolution, then a linear layer."""

    def __init__(self, width: int, tags: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.local = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, tags)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """``[batch, tokens, width]`` and a mask of real tokens to ``[batch, tokens, tags]``."""
        hidden = self.dropout(hidden * mask.unsqueeze(-1).to(hidden.dtype))
        local = nn.functional.gelu(self.local(hidden.transpose(1, 2)).transpose(1, 2))
        return self.classifier(self.dropout(self.norm(hidden + local)))


class ThemeHead(nn.Module):
    """Theme logits per paragraph: each theme looks for its own evidence among the paragraph's tokens (attention pooling)."""

    def __init__(self, width: int, themes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.Linear(width, themes)
        self.evidence = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.classifier = nn.Parameter(torch.zeros(themes, width))
        self.bias = nn.Parameter(torch.zeros(themes))

    def forward(self, hidden: torch.Tensor, pieces: torch.Tensor, count: int) -> torch.Tensor:
        """``[batch, tokens, width]`` and each token's piece (-1: none) to ``[batch, count, themes]``."""
        hidden = self.evidence(self.dropout(hidden))
        inside = pieces.unsqueeze(1) == torch.arange(count, device=pieces.device).view(1, -1, 1)  # batch, count, tokens
        scores = self.attention(hidden).float().transpose(1, 2).unsqueeze(1)  # batch, 1, themes, tokens
        scores = scores.masked_fill(~inside.unsqueeze(2), -1e9)
        weights = scores.softmax(-1).to(hidden.dtype)  # batch, count, themes, tokens
        pooled = torch.einsum("bctl,blw->bctw", weights, hidden)
        return torch.einsum("bctw,tw->bct", self.dropout(pooled), self.classifier.to(pooled.dtype)) + self.bias


class ZhenglingModel(PreTrainedModel):
    """Directive tags, slot tags and paragraph themes over one encoder."""

    config_class = ZhenglingConfig
    config: ZhenglingConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"
    token_classes: torch.Tensor
    edge_pairs: torch.Tensor
    edge_odds: torch.Tensor
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: ZhenglingConfig, encoder: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        self.encoder = encoder if encoder is not None else AutoModel.from_config(config.encoder)
        width = self.encoder.config.hidden_size
        self.directive_head = TagHead(width, 1 + 2 * len(config.directives), config.convolution, config.dropout)
        self.slot_head = TagHead(width, 1 + 2 * len(config.slots), config.convolution, config.dropout)
        if config.local_features:
            self.local_features = LocalFeatures(config.local_features, width, config.dropout)
            self.directive_embedding = nn.Linear(1 + 2 * len(config.directives), width, bias=False)
        self.theme_head = ThemeHead(width, len(config.theme_outputs), config.dropout)
        self.register_buffer("token_classes", torch.zeros(self.encoder.config.vocab_size, dtype=torch.long))
        self._register_edges(torch.zeros(config.edge_pairs, dtype=torch.long), torch.zeros(config.edge_pairs, 2))
        for name, tags in self.tag_counts().items():
            self.register_parameter(f"{name}_transitions", nn.Parameter(torch.zeros(CLASSES, CLASSES, tags, tags)))
        self.post_init()

    def tag_counts(self) -> dict[str, int]:
        """How many tags each tag head has, by its name."""
        return {"directive": 1 + 2 * len(self.config.directives), "slot": 1 + 2 * len(self.config.slots)}

    def set_transitions(self, classes: NDArray[np.int64], tables: dict[str, NDArray[np.float32]]) -> None:
        """Keep the classes of the tokens and, by the names of tag heads, tables of :func:`count_transitions`."""
        self.token_classes.copy_(torch.from_numpy(classes))
        for name, table in tables.items():
            self.get_parameter(f"{name}_transitions").data.copy_(torch.from_numpy(table))

    def sentence_ends(self) -> NDArray[np.bool_]:
        """Of each token id whether a sentence ends with it."""
        ends: NDArray[np.bool_] = self.token_classes.cpu().numpy() == SENTENCE_MARKS
        return ends

    def set_edges(self, edges: Edges) -> None:
        """Keep what :func:`zhengling.modeling.edges.count_edges` counted."""
        self.config.edge_pairs = len(edges.pairs)
        device = self.token_classes.device
        self._register_edges(torch.from_numpy(edges.pairs).to(device), torch.from_numpy(edges.odds).to(device))

    def _register_edges(self, pairs: torch.Tensor, odds: torch.Tensor) -> None:
        """Stored with the weights if there are any, so that models from before have nothing missing."""
        self.register_buffer("edge_pairs", pairs, persistent=len(pairs) > 0)
        self.register_buffer("edge_odds", odds, persistent=len(pairs) > 0)

    def edges(self) -> Edges:
        """The log-odds of edges of slots that decoding adds."""
        return Edges(self.edge_pairs.cpu().numpy(), self.edge_odds.float().cpu().numpy(), len(self.token_classes))

    def transitions(self) -> Transitions | None:
        """What decoding adds between tags, None if it weighs nothing."""
        weight = self.config.transition_weight
        tables = (getattr(self, f"{name}_transitions").detach().float().cpu().numpy() for name in self.tag_counts())
        return Transitions(*(weight * table for table in tables)) if weight else None

    def _init_weights(self, module: nn.Module) -> None:
        std = getattr(self.config.encoder, "initializer_range", 0.02)
        if isinstance(module, nn.Linear | nn.Conv1d):
            nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, ThemeHead):
            nn.init.normal_(module.classifier, std=std)
            nn.init.zeros_(module.bias)
        elif isinstance(module, LocalFeatures) and not getattr(module.table, "_is_hf_initialized", False):
            nn.init.zeros_(module.table[:NGRAM_ROWS])  # n-grams say nothing at first
            nn.init.normal_(module.table[NGRAM_ROWS:], std=std)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        pieces: torch.Tensor,
        directive_labels: torch.Tensor | None = None,
        slot_labels: torch.Tensor | None = None,
        theme_labels: torch.Tensor | None = None,
        piece_count: int | None = None,
    ) -> ZhenglingOutput:
        """Logits, and the loss if all three labels are given.

        ``input_ids``, ``attention_mask``, ``pieces``, ``directive_labels``, ``slot_labels``: ``[batch, tokens]``;
        ``theme_labels``: ``[batch, pieces, themes + 1]`` of 0 and 1. Labels of -100 are not learnt from.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        count = piece_count if piece_count is not None else int(pieces.max()) + 1
        directives, slots = self.tag_logits(hidden, input_ids, attention_mask, pieces)
        output = ZhenglingOutput(directives=directives, slots=slots, themes=self.theme_head(hidden, pieces, count))
        if directive_labels is not None and slot_labels is not None and theme_labels is not None:
            labels = directive_labels, slot_labels, theme_labels
            sums = self.loss_sums(output, input_ids, pieces, *labels)
            output.loss = torch.stack([each / _known(given) for each, given in zip(sums, labels, strict=True)]).sum()
        return output

    def tag_logits(
        self, hidden: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor, pieces: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of directives and slots; with local features the slot head also sees the probabilities of directive tags."""
        if not self.config.local_features:
            return self.directive_head(hidden, attention_mask), self.slot_head(hidden, attention_mask)
        hidden = hidden + self.local_features(input_ids, Neighbourhood.of(input_ids, pieces, self.token_classes))
        directives = self.directive_head(hidden, attention_mask)
        return directives, self.slot_head(hidden + self.directive_embedding(directives.softmax(-1)), attention_mask)

    def loss_sums(
        self,
        output: ZhenglingOutput,
        input_ids: torch.Tensor,
        pieces: torch.Tensor,
        directive_labels: torch.Tensor,
        slot_labels: torch.Tensor,
        theme_labels: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The losses of directives, slots and themes, each summed over its labels; arguments as of :meth:`forward`."""
        assert output.directives is not None and output.slots is not None and output.themes is not None
        directives, slots = tag_loss(output.directives, directive_labels), tag_loss(output.slots, slot_labels)
        if self.config.sequence_loss:
            weight, near = self.config.transition_weight, Neighbourhood.of(input_ids, pieces, self.token_classes)
            of_directives, of_slots = (weight * getattr(self, f"{name}_transitions") for name in self.tag_counts())
            directives = directives + self.config.sequence_loss * sequence_loss(
                output.directives, directive_labels, near, of_directives
            )
            slots = slots + self.config.sequence_loss * sequence_loss(
                output.slots, slot_labels, near, of_slots, directive_labels
            )
        return directives, slots, theme_loss(output.themes, theme_labels)


def tag_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Sum over the tokens with a label, a scalar; ``[batch, tokens, tags]`` and ``[batch, tokens]``."""
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def theme_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Sum over the labels that are given, a scalar; both ``[batch, pieces, themes + 1]``."""
    losses = nn.functional.binary_cross_entropy_with_logits(logits.float(), labels.clamp(min=0).float(), reduction="none")
    return (losses * (labels != IGNORED)).sum()


def _known(labels: torch.Tensor) -> torch.Tensor:
    return (labels != IGNORED).sum().clamp(min=1)
