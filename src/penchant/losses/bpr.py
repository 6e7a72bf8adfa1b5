"""Bayesian personalised ranking: the target above each negative."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import softplus

from penchant.losses.weighted_mean import weighted_mean


def bpr(
    target_scores: Float[Tensor, " tokens"],
    negative_scores: Float[Tensor, "tokens M"],
    is_target: Bool[Tensor, "tokens M"],
    weights: Float[Tensor, " tokens"] | None = None,
) -> Float[Tensor, ""]:
    """−Σ_t w_t mean_j log σ(s⁺_t − s⁻_tj) / Σ_t w_t.

    `target_scores` are those of the targets, `negative_scores` those of the negatives. `is_target` is true where a
    negative is the target itself, which is left out. Returns a scalar.

    Rendle et al., UAI 2009: a smooth AUC. Choose it where every pair counts alike, such as for AUC. It pushes easy
    negatives as hard as the few that matter at the top of a list, so `softmax` gives better lists.
    """
    pairs = softplus(negative_scores - target_scores[:, None]).masked_fill(is_target, 0.0)
    return weighted_mean(pairs.sum(dim=1) / (~is_target).sum(dim=1).clamp_min(1), weights)
