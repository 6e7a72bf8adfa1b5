"""Generalised binary cross-entropy: BCE that knows how thinly its negatives were drawn."""

from __future__ import annotations

from torch import Tensor

from penchant.losses.bce import bce


def gbce(
    own: Tensor, others: Tensor, same: Tensor, weights: Tensor | None = None, *, n_items: int, calibration: float = 0.75
) -> Tensor:
    """BCE with σ(s⁺) to the power of β = α (t (1 − 1/α) + 1/α), α = M / (n_items − 1), t = `calibration`.

    Shapes as in `bce`; M is the number of negatives, drawn evenly from all items. t = 0 is plain BCE (probabilities
    drift up by 1/α), t = 1 is calibrated as if all items were negatives. Returns a scalar.

    gSASRec (Petrov & Macdonald, RecSys 2023), which takes 256 negatives and t = .75. Choose it where BCE is wanted and
    the catalogue is too large for all items as negatives.
    """
    return bce(own, others, same, weights, power=beta(others.shape[1], n_items, calibration))


def beta(negatives: int, n_items: int, calibration: float) -> float:
    """The power of the target's probability.

    >>> beta(256, 3417, 0.0), beta(256, 3417, 1.0) == 256 / 3416
    (1.0, True)
    """
    rate = min(1.0, negatives / max(1, n_items - 1))
    return rate * (calibration * (1.0 - 1.0 / rate) + 1.0 / rate)
