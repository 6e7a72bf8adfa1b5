"""Division where the denominator may be 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.arrays import Float64s


def quotient(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any], empty: float = np.nan) -> Float64s:
    """The quotient in float64, `empty` where the denominator is not above 0.

    >>> quotient(np.array([1, 1]), np.array([4, 0]), empty=-1.0).tolist()
    [0.25, -1.0]
    """
    out = np.full(numerator.shape, empty, dtype=np.float64)
    np.divide(numerator, denominator, out=out, where=np.broadcast_to(denominator > 0, out.shape))
    return out
