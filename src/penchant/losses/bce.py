"""Binary cross-entropy of the target against sampled negatives."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def bce(own: Tensor, others: Tensor, same: Tensor, weights: Tensor | None = None, *, power: float = 1.0) -> Tensor:
    """−Σ_t w_t (β log σ(s⁺_t) + mean_j log(1 − σ(s⁻_tj))) / Σ_t w_t, with β = `power` (1 here; `gbce` sets it).

    `own` `[tokens]` scores of the targets, `others` `[tokens, M]` scores of the negatives, `same` bool `[tokens, M]`
    true where a negative is the target itself (left out), `weights` `[tokens]` or None. Returns a scalar.

    The loss of SASRec (Kang & McAuley, ICDM 2018), which draws one negative. It is overconfident: a negative drawn at
    random is easy, and scores of all items drift up (Petrov & Macdonald, RecSys 2023). Choose `softmax` instead where
    the list matters; choose this for probabilities of a click that are asked one item at a time.
    """
    count = (~same).sum(dim=1).clamp_min(1)
    negative = softplus(others).masked_fill(same, 0.0).sum(dim=1) / count
    loss = power * softplus(-own) + negative
    if weights is None:
        return loss.mean()
    return (loss * weights).sum() / weights.sum().clamp_min(1e-12)
