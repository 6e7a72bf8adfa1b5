"""Negatives that a batch shares: which items are drawn, and how likely each was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class SharedNegatives:
    """Draws items with given probabilities `share` `[items]`; one draw costs log(items), whatever the catalogue."""

    def __init__(self, share: npt.NDArray[np.float64]) -> None:
        self.share = share
        self._cumulative = np.cumsum(share)
        self._cumulative /= self._cumulative[-1]

    def draw(self, size: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """`size` item codes, drawn with replacement, and the log-probability of each."""
        codes = self._cumulative.searchsorted(rng.random(size), side="right")
        return codes, np.log(self.share[codes]).astype(np.float32)
