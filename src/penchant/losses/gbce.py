"""Generalised binary cross-entropy: BCE corrected for the sampling rate of its negatives."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from penchant.losses.bce import bce


def gbce(
    target_scores: Float[Tensor, " tokens"],
    negative_scores: Float[Tensor, "tokens M"],
    is_target: Bool[Tensor, "tokens M"],
    weights: Float[Tensor, " tokens"] | None = None,
    *,
    n_items: int,
    t: float = 0.75,
) -> Float[Tensor, ""]:
    """BCE with σ(s⁺) to the power of β = α (t (1 − 1/α) + 1/α), α = M / (n_items − 1), with `t` from 0 to 1.

    Arguments as in `bce`; M is the number of negatives, drawn uniformly from all items. t = 0 is plain BCE
    (probabilities drift up by 1/α), t = 1 is calibrated as if all items were negatives. Returns a scalar.

    gSASRec (Petrov & Macdonald, RecSys 2023), which takes 256 negatives and t = .75. Choose it where BCE is wanted and
    the catalogue is too large for all items as negatives.
    """
    return bce(target_scores, negative_scores, is_target, weights, power=beta(negative_scores.shape[1], n_items, t))


def beta(n_negatives: int, n_items: int, t: float) -> float:
    """The power of the target's probability.

    >>> beta(256, 3417, 0.0), beta(256, 3417, 1.0) == 256 / 3416
    (1.0, True)
    """
    rate = min(1.0, n_negatives / max(1, n_items - 1))
    return rate * (t * (1.0 - 1.0 / rate) + 1.0 / rate)
