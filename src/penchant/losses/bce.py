"""Binary cross-entropy of the target against sampled negatives."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import softplus

from penchant.losses.weighted_mean import weighted_mean


def bce(
    target_scores: Float[Tensor, " tokens"],
    negative_scores: Float[Tensor, "tokens M"],
    is_target: Bool[Tensor, "tokens M"],
    weights: Float[Tensor, " tokens"] | None = None,
    *,
    power: float = 1.0,
) -> Float[Tensor, ""]:
    """−Σ_t w_t (β log σ(s⁺_t) + mean_j log(1 − σ(s⁻_tj))) / Σ_t w_t, with β = `power` (1 here; `gbce` sets it).

    `target_scores` are those of the targets, `negative_scores` those of the negatives. `is_target` is true where a
    negative is the target itself, which is left out. Returns a scalar.

    The loss of SASRec (Kang & McAuley, ICDM 2018), which draws one negative. It is overconfident: a random negative is
    easy, and the scores of all items drift up (Petrov & Macdonald, RecSys 2023). Choose `softmax` where the list
    matters; choose this for the probability of a click on one item.
    """
    count = (~is_target).sum(dim=1).clamp_min(1)
    negative = softplus(negative_scores).masked_fill(is_target, 0.0).sum(dim=1) / count
    loss = power * softplus(-target_scores) + negative
    return weighted_mean(loss, weights)
