"""The mean that every loss ends with."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def weighted_mean(values: Float[Tensor, " rows"], weights: Float[Tensor, " rows"] | None = None) -> Float[Tensor, ""]:
    """Σᵢ wᵢ · vᵢ / Σᵢ wᵢ; without `weights` the plain mean, and 0 where all weights are 0."""
    if weights is None:
        return values.mean()
    return (values * weights).sum() / weights.sum().clamp_min(1e-12)
