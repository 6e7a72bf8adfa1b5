"""CPU seconds of a training that several processes may work on, one after another."""

from __future__ import annotations

import time


class CpuSeconds:
    """CPU seconds of this process since `__init__`, and those of earlier processes of the same training."""

    def __init__(self) -> None:
        self._begun_s, self._earlier_s = time.process_time(), 0.0

    @property
    def total(self) -> float:
        """CPU seconds of all processes."""
        return self._earlier_s + time.process_time() - self._begun_s

    def resume(self, total: float) -> None:
        """Add the seconds of a checkpoint; of several checkpoints the latest counts."""
        self._earlier_s = max(self._earlier_s, total)
