"""A mean with its interval, and the difference of two."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def to_dict(self) -> dict[str, float]:
        """For JSON: `mean`, `low`, `high`."""
        return {"mean": self.mean, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Difference:
    """One model minus another over the same users: interval, p-value, and p after Holm's correction."""

    interval: Interval
    p: float
    p_holm: float
