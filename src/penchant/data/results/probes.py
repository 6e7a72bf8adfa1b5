"""The training data of linear probes, and their quality compared with baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from penchant.data.results.estimates import Interval
from penchant.options import Json, JsonMapping

Measures = Mapping[str, Interval | float]
"""Measures of a probe or a baseline by name; those over users have an interval."""


def mean_of(value: Interval | float) -> float:
    """The mean of a measure with or without an interval."""
    return value.mean if isinstance(value, Interval) else value


@dataclass(frozen=True)
class ProbeRecord:
    """The training data of a probe, or the reason why it was not fitted."""

    pairs: int | None = None
    """Pairs of interest and item (interest probe)."""
    interested: float | None = None
    """Share of positive pairs, 0 to 1 (interest probe)."""
    negatives: str | None = None
    """`real` or `sampled` (interest probe)."""
    events: int | None = None
    """Events with a class (category probe)."""
    counts: tuple[int, ...] | None = None
    """Events of each class (category probe)."""
    left_out: str | None = None
    """Why the probe was not fitted."""

    def to_dict(self) -> Json:
        """Plain values for JSON, without the fields of the other probe."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return values if self.counts is None else values | {"counts": list(self.counts)}

    @classmethod
    def from_dict(cls, values: JsonMapping) -> Self:
        """The opposite of `to_dict`."""
        return cls(**{**values, **({"counts": tuple(values["counts"])} if "counts" in values else {})})


@dataclass(frozen=True)
class UntestedProbe:
    """A probe that was not fitted or cannot be tested."""

    left_out: str
    """The reason."""

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return {"left_out": self.left_out}


@dataclass(frozen=True)
class CalibrationBin:
    """A bin of pairs of similar predicted probability: the mean probability, the share of positives, and the number of
    pairs."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True)
class InterestProbeResult:
    """Quality of the interest probe on pairs of users and items."""

    pairs: int
    users: int
    interested: float
    """Share of positive pairs, 0 to 1."""
    negatives: str
    """`real` or `sampled`."""
    ratio: int | None
    """Sampled negatives of each positive."""
    training: ProbeRecord
    rows: Mapping[str, Measures]
    """`auc`, `log_loss` and `calibration_error` of `probe`, `dot`, `popularity` and `share`, those that apply."""
    auc_gain: Interval | None
    """AUC minus that of popularity; None if no popularity is known."""
    calibration: Sequence[CalibrationBin]

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return {
            "pairs": self.pairs,
            "users": self.users,
            "interested": self.interested,
            "negatives": self.negatives,
            "ratio": self.ratio,
            "training": self.training.to_dict(),
            "rows": _rows_to_dict(self.rows),
            **({} if self.auc_gain is None else {"auc_gain": self.auc_gain.to_dict()}),
            "calibration": [asdict(one) for one in self.calibration],
        }


@dataclass(frozen=True)
class Confusion:
    """Counts of events by actual class (row) and predicted class (column)."""

    classes: list[str]
    matrix: list[list[int]]


@dataclass(frozen=True)
class CategoryProbeResult:
    """Quality of the category probe on the next items of users."""

    events: int
    users: int
    classes: int
    training_events: int
    rows: Mapping[str, Measures]
    """`accuracy` and macro `precision`, `recall` and `f1` of `probe`, `commonest` and `last`."""
    baseline: str
    """The more accurate of the two baselines."""
    accuracy_gain: Interval
    """Accuracy less that of `baseline`."""
    confusion: Confusion

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return {
            "events": self.events,
            "users": self.users,
            "classes": self.classes,
            "training": {"events": self.training_events},
            "rows": _rows_to_dict(self.rows),
            "accuracy_gain": {"over": self.baseline, **self.accuracy_gain.to_dict()},
            "confusion": asdict(self.confusion),
        }


@dataclass(frozen=True)
class ProbeResults:
    """Quality of the probes of one model; None for a probe that the model does not have."""

    interest: InterestProbeResult | UntestedProbe | None = None
    category: CategoryProbeResult | UntestedProbe | None = None

    def __bool__(self) -> bool:
        return self.interest is not None or self.category is not None

    def to_dict(self) -> Json:
        """Plain values for JSON, by probe."""
        parts = {"interest": self.interest, "category": self.category}
        return {name: part.to_dict() for name, part in parts.items() if part is not None}


def _rows_to_dict(rows: Mapping[str, Measures]) -> dict[str, Json]:
    return {
        name: {measure: value.to_dict() if isinstance(value, Interval) else value for measure, value in row.items()}
        for name, row in rows.items()
    }
