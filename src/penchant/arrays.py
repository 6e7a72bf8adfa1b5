"""Array types by their dtype, evenly spaced positions, and the type of a progress report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""An array of any dtype."""
Bools = npt.NDArray[np.bool_]
UInt8s = npt.NDArray[np.uint8]
UInt64s = npt.NDArray[np.uint64]
Int8s = npt.NDArray[np.int8]
Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Ints = npt.NDArray[np.integer]
"""Integers of any width."""
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]
"""Floating-point numbers of any width."""

Progress = Callable[[str, float], None]
"""Called with the name of a phase and the share of it that is done, 0 to 1."""


def evenly_spaced(size: int, count: int, *, nearest: bool = False) -> Int64s:
    """At most `count` distinct positions from 0 to `size` − 1 in ascending order, with both ends.

    A position between two integers is rounded down, or with `nearest` to the nearest.

    >>> evenly_spaced(10, 4).tolist(), evenly_spaced(9, 4, nearest=True).tolist(), evenly_spaced(3, 10).tolist()
    ([0, 3, 6, 9], [0, 3, 5, 8], [0, 1, 2])
    """
    positions = np.linspace(0, size - 1, min(size, count))
    return np.unique((positions.round() if nearest else positions).astype(np.int64))
