"""The loss of whole tag sequences: how much likelier others are than those that agree with the gold (Lafferty et al. 2001).

A head that scores each token by itself may find a span's first character and not its second. Learnt as a sequence, with the
same transitions that decoding adds, only what a path is worth as a whole counts.
"""

from __future__ import annotations

import torch

from zhengling.modeling.decoding import FORBIDDEN
from zhengling.modeling.local_features import Neighbourhood
from zhengling.scheme.bio import OUTSIDE, allowed_transitions, breaks_out


def sequence_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    near: Neighbourhood,
    transitions: torch.Tensor,
    within: torch.Tensor | None = None,
) -> torch.Tensor:
    """Negative log-likelihood of the labels, summed over a batch; a scalar.

    ``logits``: ``[batch, tokens, tags]``; ``labels``: ``[batch, tokens]``, negative where any tag will do; ``transitions``:
    ``[classes, classes, tags, tags]``, added to the log-probabilities. ``within``: directive labels if ``logits`` are of
    slots, which then lie inside directives only and do not run on over a directive's begin. A window whose labels no allowed
    sequence agrees with (an inside label at its edge) adds nothing.
    """
    tags = torch.arange(logits.shape[-1], device=logits.device)
    never = near.special[..., None] & (tags != OUTSIDE)
    if within is not None:
        never = never | breaks_out(tags, within[..., None])
    scores = logits.float().log_softmax(-1).masked_fill(never, FORBIDDEN)
    other = (labels >= 0)[..., None] & (labels[..., None] != tags)
    allowed = torch.from_numpy(allowed_transitions((len(tags) - 1) // 2)).to(logits.device)
    between = transitions.float().masked_fill(~allowed, FORBIDDEN)[near.classes[:, :-1], near.classes[:, 1:]]
    either = torch.stack([scores, scores.masked_fill(other, FORBIDDEN)])  # all paths, those that agree with the labels
    every, agreeing = _log_sum_of_paths(either, between)
    return torch.where(agreeing > FORBIDDEN / 2, every - agreeing, 0.0).sum()


def _log_sum_of_paths(scores: torch.Tensor, between: torch.Tensor) -> torch.Tensor:
    """``[paths, batch, tokens, tags]`` and ``[batch, tokens - 1, tags, tags]`` to ``[paths, batch]``.

    Steps are joined in pairs, pairs of pairs and so on: a few large operations instead of one small one for each token
    (Särkkä and García-Fernández 2021). A window begins with a special token, so that no tag can be inside at its start.
    """
    steps = between + scores[:, :, 1:, None]
    same = torch.eye(scores.shape[-1], device=scores.device)
    idle = ((same - 1) * -FORBIDDEN).expand(*steps.shape[:2], 1, -1, -1)
    while steps.shape[2] > 1:
        if steps.shape[2] % 2:
            steps = torch.cat([steps, idle], 2)
        left, right = steps[:, :, 0::2, :, :, None], steps[:, :, 1::2, None]
        steps = torch.logsumexp(left + right, -2)
    return torch.logsumexp(scores[:, :, 0, :, None] + steps[:, :, 0], (-1, -2))
