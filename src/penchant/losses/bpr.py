"""Bayesian personalised ranking: the target above each negative."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def bpr(own: Tensor, others: Tensor, same: Tensor, weights: Tensor | None = None) -> Tensor:
    """−Σ_t w_t mean_j log σ(s⁺_t − s⁻_tj) / Σ_t w_t.

    `own` `[tokens]` scores of the targets, `others` `[tokens, M]` scores of the negatives, `same` bool `[tokens, M]`
    true where a negative is the target itself (left out), `weights` `[tokens]` or None. Returns a scalar.

    Rendle et al., UAI 2009: a smooth AUC. Choose it where every pair counts alike, such as for AUC; it pushes easy
    negatives as hard as the few that matter at the top, so `softmax` gives better lists.
    """
    apart = softplus(others - own[:, None]).masked_fill(same, 0.0)
    loss = apart.sum(dim=1) / (~same).sum(dim=1).clamp_min(1)
    if weights is None:
        return loss.mean()
    return (loss * weights).sum() / weights.sum().clamp_min(1e-12)
