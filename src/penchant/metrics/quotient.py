"""Division where the denominator may be 0."""

from __future__ import annotations

import numpy as np

from penchant.arrays import Float64s, Floats, Ints


def quotient(numerator: Ints | Floats, denominator: Ints | Floats, empty: float = np.nan) -> Float64s:
    """The quotient in float64, `empty` where the denominator is not above 0.

    >>> quotient(np.array([1, 1]), np.array([4, 0]), empty=-1.0).tolist()
    [0.25, -1.0]
    """
    out = np.full(numerator.shape, empty, dtype=np.float64)
    np.divide(numerator, denominator, out=out, where=np.broadcast_to(denominator > 0, out.shape))
    return out
