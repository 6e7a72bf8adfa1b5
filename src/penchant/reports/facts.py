"""What came out, read off the comparison: which model leads, by how much, and whether chance explains it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIGNIFICANT = 0.05

_LOWER_IS_BETTER = frozenset(
    {"rmse", "mae", "gini", "popularity_lift", "miscalibration", "calibration", "calibration_error"}
)
_ORDER = (
    *("ndcg", "hit_rate", "mrr", "recall", "precision", "f1", "map", "accuracy"),
    *("coverage", "diversity", "novelty", "popularity_lift", "calibration", "gini", "auc", "rmse", "mae"),
)
_NAMES = {
    "ndcg": "NDCG",
    "mrr": "MRR",
    "map": "MAP",
    "hit_rate": "Hit rate",
    "f1": "F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "auc": "AUC",
    "gini": "Gini",
}


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval; `low` and `high` are None where none was computed."""

    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Lead:
    """The chosen model against the best simple one: relative difference, and what the paired test says of it.

    `sure` is None where no paired test was made.
    """

    baseline: str
    lift: float
    sure: bool | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Outcome:
    """Reads the JSON of `evaluate` and `compare` (see `compare --json`); leaves out what is not finite."""

    raw: Mapping[str, Any]

    @property
    def models(self) -> list[str]:
        """Models with at least one measure, the best on the main measure first."""
        names = [name for name in self.raw.get("models", {}) if self.raw["models"][name]]
        metric = self.metric
        return sorted(names, key=lambda name: -self._sort_value(name, metric))

    @property
    def metric(self) -> str:
        """The main measure: NDCG where it is there."""
        return next(iter(self.metrics), "")

    @property
    def metrics(self) -> list[str]:
        """All measures in the order of a table: the most telling first, and of each the one at the main k."""
        seen: dict[str, None] = {}
        for measures in self.raw.get("models", {}).values():
            seen.update(dict.fromkeys(measures))
        places = list(seen)
        k = self.raw.get("k")

        def place(name: str) -> tuple[int, str, bool, int, int]:
            base, _, at = name.partition("@")
            known = _ORDER.index(base) if base in _ORDER else len(_ORDER)
            return (known, base, at != str(k), int(at) if at.isdigit() else 0, places.index(name))

        return sorted(places, key=place)

    @property
    def main_metrics(self) -> list[str]:
        """Those measures of the main table: at the main k, none that repeats another value by value."""
        k = self.raw.get("k")
        chosen: dict[tuple[float | None, ...], str] = {}
        for metric in self.metrics:
            if "@" not in metric or k is None or metric.endswith(f"@{k}"):
                values = [self.estimate(name, metric) for name in self.models]
                chosen.setdefault(tuple(value.mean if value else None for value in values), metric)
        return list(chosen.values())

    def estimate(self, model: str, metric: str) -> Estimate | None:
        """One value of the table."""
        return as_estimate(self.raw.get("models", {}).get(model, {}).get(metric))

    def hit(self) -> str | None:
        """The name of the measure that says what share of people is reached."""
        k = self.raw.get("k", 10)
        return next((m for m in (f"hit_rate@{k}", f"hit@{k}", f"hitrate@{k}") if m in self.metrics), None)

    def baseline(self, model: str) -> str | None:
        """The best simple model other than this one."""
        from penchant.models.registry import names_with

        return next((name for name in self.models if name in names_with("baseline") and name != model), None)

    def lead(self, model: str) -> Lead | None:
        """How the model stands against the best simple one on the main measure."""
        baseline = self.baseline(model)
        ours = self.estimate(model, self.metric)
        theirs = self.estimate(baseline, self.metric) if baseline else None
        if baseline is None or ours is None or theirs is None or theirs.mean <= 0:
            return None
        lift = ours.mean / theirs.mean - 1
        test = self.paired(model, baseline, self.metric)
        if test is None:
            return Lead(baseline, lift, None)
        return Lead(baseline, lift, supports(test), test["low"], test["high"])

    def paired(self, model: str, other: str, metric: str) -> dict[str, Any] | None:
        """The paired test of two models on a measure, seen from `model`; None where none was made."""
        for test in paired_tests(self.raw):
            if test["metric"] == metric and test["model"] == model and test["baseline"] == other:
                return test
            if test["metric"] == metric and test["model"] == other and test["baseline"] == model:
                turned = {key: None if test[key] is None else -test[key] for key in ("difference", "low", "high")}
                return test | {
                    "model": model,
                    "baseline": other,
                    "difference": turned["difference"],
                    "low": turned["high"],
                    "high": turned["low"],
                }
        return None

    def winner(self, metric: str) -> str | None:
        """The model whose lead on a measure over the next best is supported by their paired test, if there is one."""
        values = [(self.estimate(name, metric), name) for name in self.models]
        ranked = [(value.mean, name) for value, name in values if value is not None]
        down = metric.split("@")[0] in _LOWER_IS_BETTER
        ranked.sort(key=lambda pair: pair[0] if down else -pair[0])
        if len(ranked) < 2 or ranked[0][0] == ranked[1][0]:
            return None
        best, second = ranked[0][1], ranked[1][1]
        test = self.paired(second, best, metric) if down else self.paired(best, second, metric)
        return best if test is not None and supports(test) else None

    def _sort_value(self, name: str, metric: str) -> float:
        value = self.estimate(name, metric)
        return -math.inf if value is None else value.mean


def as_estimate(value: Any) -> Estimate | None:
    """`{"mean", "low", "high"}` or a plain number as an `Estimate`; None where the mean is not finite.

    A figure of all lists together has no interval over people: its ends repeat the mean and are left out.

    >>> as_estimate({"mean": 0.5, "low": None, "high": 0.6})
    Estimate(mean=0.5, low=None, high=0.6)
    """
    if isinstance(value, Mapping):
        mean, low, high = (finite(value.get(key)) for key in ("mean", "low", "high"))
    else:
        mean, low, high = finite(value), None, None
    if mean is None:
        return None
    return Estimate(mean) if low == mean == high else Estimate(mean, low, high)


def finite(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def paired_tests(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The paired tests of a comparison: `model`, `baseline`, `metric`, `difference`, `low`, `high`, `p_holm`."""
    listed: Sequence[Mapping[str, Any]] = raw.get("tests") or []
    metric = Outcome(raw).metric
    return [
        {
            "model": str(test.get("model", "")),
            "baseline": str(test.get("baseline", "")),
            "metric": str(test.get("metric", metric)),
            "difference": finite(test.get("difference")),
            "low": finite(test.get("low")),
            "high": finite(test.get("high")),
            "p_holm": finite(test.get("p_holm")),
        }
        for test in listed
        if isinstance(test, Mapping)
    ]


def supports(test: Mapping[str, Any]) -> bool:
    """Whether a paired test says that the first model is ahead: its interval lies above zero and Holm's p is small.

    >>> supports({"low": 0.001, "high": 0.02, "p_holm": 0.01}), supports({"low": -0.001, "high": 0.02, "p_holm": 0.2})
    (True, False)
    """
    low, p = test.get("low"), test.get("p_holm")
    return low is not None and low > 0 and (p is None or p < SIGNIFICANT)


def metric_title(name: str) -> str:
    """A measure's name as people write it.

    >>> metric_title("ndcg@10"), metric_title("hit_rate@5"), metric_title("intra_list_diversity@10")
    ('NDCG@10', 'Hit rate@5', 'Intra list diversity@10')
    """
    base, _, k = name.partition("@")
    title = _NAMES.get(base, base.replace("_", " ").capitalize())
    return f"{title}@{k}" if k else title


def number(value: float, metric: str = "") -> str:
    """A measure with as many decimals as its size asks for.

    >>> number(0.18712), number(12.3456), number(1234.5), number(-0.0521)
    ('0.187', '12.35', '1,234', '−0.052')
    """
    size = abs(value)
    places = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    if 0 < size < 0.00995:
        places = 4
    return f"{value:,.{places}f}".replace("-", "−")
