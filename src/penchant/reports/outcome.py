"""The outcome of a comparison: which model leads, by how much, and whether chance explains the lead."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from penchant.data.results.comparison import Comparison
from penchant.data.results.estimates import Difference, Interval

SIGNIFICANT = 0.05

EMPTY = Comparison(split="", k=10, users=0, seeds=0, models={})
"""An empty comparison, for a report without a test."""

_LOWER_IS_BETTER = frozenset(
    {"rmse", "mae", "gini", "popularity_lift", "miscalibration", "calibration", "calibration_error"}
)
_ORDER = (
    *("ndcg", "hit_rate", "mrr", "recall", "precision", "f1", "map", "accuracy"),
    *("coverage", "diversity", "novelty", "popularity_lift", "calibration", "gini", "auc", "rmse", "mae"),
)
_UPPER_CASE = frozenset({"ndcg", "mrr", "map", "f1", "rmse", "mae", "auc"})


@dataclass(frozen=True)
class Lead:
    """The chosen model against the best baseline: relative difference, and the paired difference where tested."""

    baseline: str
    lift: float
    tested: Difference | None = None

    @property
    def is_sure(self) -> bool | None:
        """Whether the paired test supports the lead; None without a test."""
        return None if self.tested is None else is_ahead(self.tested)


@dataclass(frozen=True)
class Outcome:
    """The values of a comparison that the page shows; those that are not finite are left out."""

    comparison: Comparison

    @property
    def models(self) -> list[str]:
        """Models with at least one measure, the best on the main measure first."""
        metric = self.metric
        names = [name for name, measures in self.comparison.models.items() if measures]
        values = {name: self.estimate(name, metric) for name in names}
        return sorted(names, key=lambda name: math.inf if (value := values[name]) is None else -value.mean)

    @property
    def metric(self) -> str:
        """The main measure: NDCG, where it was measured."""
        return next(iter(self.metrics), "")

    @property
    def metrics(self) -> list[str]:
        """All measures in the order of a table: the main ones first, and of each the one at the main k."""
        names = list(dict.fromkeys(name for measures in self.comparison.models.values() for name in measures))

        def place(name: str) -> tuple[int, str, bool, int, int]:
            base, _, at = name.partition("@")
            known = _ORDER.index(base) if base in _ORDER else len(_ORDER)
            is_other_k = at != str(self.comparison.k)
            return (known, base, is_other_k, int(at) if at.isdigit() else 0, names.index(name))

        return sorted(names, key=place)

    @property
    def main_metrics(self) -> list[str]:
        """Measures of the main table: at the main k, none that repeats another value by value."""
        chosen: dict[tuple[float | None, ...], str] = {}
        for metric in self.metrics:
            if "@" not in metric or metric.endswith(f"@{self.comparison.k}"):
                values = [self.estimate(name, metric) for name in self.models]
                chosen.setdefault(tuple(value.mean if value else None for value in values), metric)
        return list(chosen.values())

    @property
    def hit_rate(self) -> str | None:
        """The name of the measure that gives the share of users who are reached."""
        k = self.comparison.k
        return next((m for m in (f"hit_rate@{k}", f"hit@{k}", f"hitrate@{k}") if m in self.metrics), None)

    def estimate(self, model: str, metric: str | None) -> Interval | None:
        """One value of the table; None if it was not measured."""
        return keep_finite(self.comparison.models.get(model, {}).get(metric or ""))

    def baseline(self, model: str) -> str | None:
        """The best baseline other than this model."""
        from penchant.models.registry import names_with

        return next((name for name in self.models if name in names_with("baseline") and name != model), None)

    def lead(self, model: str) -> Lead | None:
        """The lead of the model over the best baseline on the main measure; None without a baseline."""
        baseline = self.baseline(model)
        ours, theirs = self.estimate(model, self.metric), self.estimate(baseline or "", self.metric)
        if baseline is None or ours is None or theirs is None or theirs.mean <= 0:
            return None
        return Lead(baseline, ours.mean / theirs.mean - 1, self.paired(model, baseline, self.metric))

    def paired(self, model: str, other: str, metric: str) -> Difference | None:
        """The paired difference `model` minus `other` on a measure; None if it was not tested."""
        for test in self.comparison.tests:
            if test.metric == metric and {test.model, test.baseline} == {model, other}:
                gap, tested = test.difference.interval, test.difference
                if test.model == model:
                    return tested
                return Difference(Interval(-gap.mean, -gap.high, -gap.low), tested.p, tested.p_holm)
        return None

    def winner(self, metric: str) -> str | None:
        """The model whose lead on a measure over the next best is supported by their paired test, if there is one."""
        values = [(self.estimate(name, metric), name) for name in self.models]
        ranked = [(value.mean, name) for value, name in values if value is not None]
        is_reversed = metric.split("@")[0] in _LOWER_IS_BETTER
        ranked.sort(key=lambda pair: pair[0] if is_reversed else -pair[0])
        if len(ranked) < 2 or ranked[0][0] == ranked[1][0]:
            return None
        best, second = ranked[0][1], ranked[1][1]
        tested = self.paired(second, best, metric) if is_reversed else self.paired(best, second, metric)
        return best if tested is not None and is_ahead(tested) else None


def keep_finite(value: Interval | None) -> Interval | None:
    """The interval, or None if its mean is not finite.

    >>> keep_finite(Interval(float("nan"), 0, 1)) is None
    True
    """
    return value if value is not None and math.isfinite(value.mean) else None


def has_range(value: Interval) -> bool:
    """Whether there is a range to show: a figure of all lists together has none, its ends repeat the mean."""
    return math.isfinite(value.low) and math.isfinite(value.high) and not value.low == value.mean == value.high


def is_ahead(difference: Difference) -> bool:
    """Whether a paired test says that the first model is ahead: its interval lies above zero and Holm's p is small.

    >>> is_ahead(Difference(Interval(0.01, 0.001, 0.02), 0.01, 0.01))
    True
    >>> is_ahead(Difference(Interval(0.01, -0.001, 0.02), 0.2, 0.2))
    False
    """
    return difference.interval.low > 0 and difference.p_holm < SIGNIFICANT


def format_metric(name: str) -> str:
    """The name of a measure as papers write it.

    >>> format_metric("ndcg@10"), format_metric("hit_rate@5"), format_metric("intra_list_diversity@10")
    ('NDCG@10', 'Hit rate@5', 'Intra list diversity@10')
    """
    base, _, k = name.partition("@")
    title = base.upper() if base in _UPPER_CASE else base.replace("_", " ").capitalize()
    return f"{title}@{k}" if k else title


def format_number(value: float) -> str:
    """A measure with decimals according to its size.

    >>> format_number(0.18712), format_number(12.3456), format_number(1234.5), format_number(-0.0521)
    ('0.187', '12.35', '1,234', '−0.052')
    >>> format_number(-0.00001)
    '0'
    """
    size = abs(value)
    if 0 < size < 0.00005:
        return "0"
    places = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    if 0 < size < 0.00995:
        places = 4
    return f"{value:,.{places}f}".replace("-", "−")


def format_estimate(value: Interval | None) -> str:
    """A value with its range in words."""
    if value is None:
        return "–"
    return f"{format_number(value.mean)} ({format_range(value)})" if has_range(value) else format_number(value.mean)


def format_range(value: Interval, show: Callable[[float], str] = format_number) -> str:
    """The ends of an interval.

    >>> format_range(Interval(0.2, 0.1, 0.3)), format_range(Interval(0, -0.1, 0.1))
    ('0.100–0.300', '−0.100 … 0.100')
    """
    return f"{show(value.low)}{'–' if value.low >= 0 else ' … '}{show(value.high)}"
