"""CPU seconds of a work that may be killed and gone on with by another process."""

from __future__ import annotations

import time


class CpuSeconds:
    """CPU seconds since this was made, and those of the processes that were at the same work before."""

    def __init__(self) -> None:
        self._begun_s, self._earlier_s = time.process_time(), 0.0

    @property
    def total(self) -> float:
        """CPU seconds of all processes."""
        return self._earlier_s + time.process_time() - self._begun_s

    def resume(self, total: float) -> None:
        """Go on from what a checkpoint said; of several checkpoints of one work the latest counts."""
        self._earlier_s = max(self._earlier_s, total)
