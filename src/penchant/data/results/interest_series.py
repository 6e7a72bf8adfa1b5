"""The interest vectors of one user over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.arrays import Float32s, Int64s


@dataclass(frozen=True)
class InterestSeries:
    """`f(H_u) = I_u`: the interest vector after every event.

    `times_s` `[T]` UTC seconds, `vectors` `[T, D]` (`[T, K, D]` for a multi-interest series) float32, `event_ids` `[T]`
    the events after which each vector holds.
    """

    user_id: str
    times_s: Int64s
    vectors: Float32s
    event_ids: list[str]

    def __len__(self) -> int:
        return len(self.times_s)

    def at(self, time_s: int) -> Float32s:
        """The vector at a time: after the last event that is not later; zeros before the first event."""
        row = int(np.searchsorted(self.times_s, time_s, side="right")) - 1
        return self.vectors[row] if row >= 0 else np.zeros(self.vectors.shape[1:], dtype=np.float32)
