"""A model's use of the modalities: coverage, contribution to the score, and the loss without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from penchant.data.results.estimates import Difference, Interval
from penchant.options import Json


@dataclass(frozen=True)
class Coverage:
    """Share of items and of events that have a modality, 0 to 1."""

    items: float
    events: float


@dataclass(frozen=True)
class AblationRow:
    """The metric with some modalities only, and its paired difference to the metric with all of them."""

    modalities: tuple[str, ...]
    value: Interval
    difference: Difference | None = None

    def to_dict(self) -> Json:
        """For JSON: `modalities`, `mean`, `low`, `high`, and `difference` with `p_holm` where there is one."""
        out: Json = {"modalities": list(self.modalities), **self.value.to_dict()}
        if self.difference is not None:
            out["difference"] = {**self.difference.interval.to_dict(), "p_holm": self.difference.p_holm}
        return out


@dataclass(frozen=True)
class Ablation:
    """A fitted model with some modalities hidden, on `users` users; the first row has all modalities."""

    metric: str
    users: int
    rows: Sequence[AblationRow]


@dataclass(frozen=True)
class ModalityUse:
    """Coverage by modality, mean share of the score by modality, and the ablation where there is one."""

    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    contribution: Mapping[str, float] = field(default_factory=dict)
    ablation: Ablation | None = None

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        out: Json = {
            "coverage": {name: asdict(coverage) for name, coverage in self.coverage.items()},
            "contribution": dict(self.contribution),
        }
        if self.ablation is not None:
            rows = [row.to_dict() for row in self.ablation.rows]
            out |= {"how": "masked", "metric": self.ablation.metric, "users": self.ablation.users, "rows": rows}
        return out
