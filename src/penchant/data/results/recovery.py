"""How well interest vectors recover the interests that a simulation planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penchant.data.results.estimates import Interval

POPULATION_MEAN = "population mean"
"""Name of the population-mean baseline: the mean mixture of all users."""
HEADER = ("vectors of", "cosine", "turn seen after events", "days", "turns seen", "early", "false")

Intervals = Mapping[str, Interval]


@dataclass(frozen=True)
class Recovery:
    """Recovery of planted interests; empty if the data keep no truth.

    `cosine`: agreement by name of the vectors. `drift`, by the same names, has an interval for each measure of a turn:

    - `events`, `days`: delay of the learned turn after the planted one (medians over users),
    - `seen`: share of the turns that are seen before the history ends,
    - `early`: share of the events before the turn at which the learned interests look turned,
    - `decoy`: the same for users whose interests stay, measured against the interests of another user.
    """

    cosine: Intervals = field(default_factory=dict)
    drift: Mapping[str, Intervals] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.cosine)

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Header and rows: cosine, delay of detection in events and days, detected changes, both kinds of false
        alarms."""
        rows = []
        for name, cosine in self.cosine.items():
            drift = self.drift.get(name, {})
            shares = [_format(drift.get(measure), percent=True) for measure in ("seen", "early", "decoy")]
            rows.append((name, _format(cosine, 3), _format(drift.get("events")), _format(drift.get("days")), *shares))
        return HEADER, rows


def _format(interval: Interval | None, digits: int = 1, *, percent: bool = False) -> str:
    if interval is None:
        return "–"
    mean, low, high = (value * (100 if percent else 1) for value in (interval.mean, interval.low, interval.high))
    digits, unit = (0, " %") if percent else (digits, "")
    return f"{mean:.{digits}f}{unit} [{low:.{digits}f}, {high:.{digits}f}]"
