"""The result of a comparison: every metric with its interval, by model and slice, with tests, curves and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penchant.data.results.curves import CurveResults
from penchant.data.results.estimates import Difference, Interval
from penchant.data.results.modality_use import ModalityUse
from penchant.data.results.probes import ProbeResults
from penchant.data.results.records import FitRecord
from penchant.options import Json, JsonMapping

TABLE_METRICS = ("ndcg", "hit_rate", "mrr", "coverage", "novelty", "diversity")
"""Metrics of the printed table, where available."""


@dataclass(frozen=True)
class SliceResult:
    """One slice: the number of tested users with a target in it, and metrics by model."""

    users: int
    models: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True)
class PairedTest:
    """`model` minus `baseline` in one metric over the same users: mean difference with interval, p, p after Holm."""

    model: str
    baseline: str
    metric: str
    test: str
    difference: Difference


@dataclass(frozen=True)
class Comparison:
    """Models on one split. `split` names it, `k` is the list length of the table, `users` were tested.

    `models[name][metric]` and `slices[slice].models[name][metric]` are means over users with 95 % intervals; a
    value over all lists (coverage, Gini) has no interval over users: `low` and `high` repeat it.
    `tests` compare each model with the best baseline, and the best two with each other. `curves[name]` has
    the ROC and the precision-recall curve. `cost[name]` has `fit_cpu_s` (mean over fits) and `peak_rss_mb` (highest).
    `modalities[name]`: coverage, contributions and ablation of the modalities where requested.
    `probes[name]`: the quality of the linear probes, where there are any (see `penchant.evaluation.probes`).
    `by_seed[name]` is the mean NDCG at k of each seed, `records[name]` the record of its last fit.
    """

    split: str
    k: int
    users: int
    seeds: int
    models: Mapping[str, Mapping[str, Interval]]
    slices: Mapping[str, SliceResult] = field(default_factory=dict)
    cost: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tests: Sequence[PairedTest] = ()
    curves: Mapping[str, CurveResults] = field(default_factory=dict)
    by_seed: Mapping[str, Sequence[float]] = field(default_factory=dict)
    options: JsonMapping = field(default_factory=dict)
    notes: Sequence[str] = ()
    records: Mapping[str, FitRecord] = field(default_factory=dict)
    modalities: Mapping[str, ModalityUse] = field(default_factory=dict)
    probes: Mapping[str, ProbeResults] = field(default_factory=dict)

    def to_json(self) -> Json:
        """Plain values for `json.dump`: the fixed keys, and `tests`, `curves`, `options`, `notes` beside them."""
        out: Json = {
            "split": self.split,
            "k": self.k,
            "users": self.users,
            "seeds": self.seeds,
            "models": {name: _intervals_to_dict(metrics) for name, metrics in self.models.items()},
            "slices": {
                name: {
                    model: {"users": part.users} | _intervals_to_dict(metrics) for model, metrics in part.models.items()
                }
                for name, part in self.slices.items()
            },
            "cost": {name: dict(values) for name, values in self.cost.items()},
            "options": dict(self.options),
            "notes": list(self.notes),
        }
        if self.seeds > 1:
            out["by_seed"] = {name: list(values) for name, values in self.by_seed.items()}
        if self.modalities:
            out["modalities"] = {name: use.to_dict() for name, use in self.modalities.items()}
        if self.probes:
            out["probes"] = {name: results.to_dict() for name, results in self.probes.items()}
        if self.tests:
            out["tests"] = [_test_to_dict(test) for test in self.tests]
        if self.curves:
            curves = {name: one.to_dict() for name, one in self.curves.items()}
            out["curves"] = {kind: {name: one[kind] for name, one in curves.items()} for kind in ("roc", "pr")}
        return out

    def table(self, metrics: Sequence[str] | None = None) -> tuple[list[str], list[list[str]]]:
        """Header and rows of text, best first by the first metric: `0.153 [0.146, 0.160]`, CPU seconds, memory.

        `metrics` are names such as `ndcg@10`; by default those of `TABLE_METRICS` at k.
        """
        wanted = metrics or [f"{name}@{self.k}" for name in TABLE_METRICS]
        shown = [m for m in wanted if any(m in values for values in self.models.values())]
        rows = [
            [name, *(_format_interval(values.get(m)) for m in shown), *_format_costs(self.cost.get(name, {}))]
            for name, values in sorted(self.models.items(), key=lambda pair: -_get_mean(pair[1], shown))
        ]
        return ["model", *shown, "fit CPU s", "peak MB"], rows

    def markdown(self, metrics: Sequence[str] | None = None) -> str:
        """The table as Markdown, with the notes below it."""
        header, rows = self.table(metrics)
        lines = [header, ["---"] * len(header), *rows]
        table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        return table + "".join(f"\n\n{note}" for note in self.notes) + "\n"

    def best(self, metric: str | None = None) -> str:
        """The model with the highest mean of a metric (NDCG at k)."""
        name = metric or f"ndcg@{self.k}"
        return max(self.models, key=lambda model: _get_mean(self.models[model], [name]))


def _intervals_to_dict(metrics: Mapping[str, Interval]) -> Json:
    return {name: interval.to_dict() for name, interval in metrics.items()}


def _test_to_dict(test: PairedTest) -> Json:
    gap = test.difference.interval
    return {
        "model": test.model,
        "baseline": test.baseline,
        "metric": test.metric,
        "test": test.test,
        "difference": gap.mean,
        "low": gap.low,
        "high": gap.high,
        "p": test.difference.p,
        "p_holm": test.difference.p_holm,
    }


def _get_mean(values: Mapping[str, Interval], metrics: Sequence[str]) -> float:
    return values[metrics[0]].mean if metrics and metrics[0] in values else float("-inf")


def _format_interval(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    if interval.low == interval.high == interval.mean:
        return f"{interval.mean:.3f}"
    return str(interval)


def _format_costs(cost: Mapping[str, float]) -> list[str]:
    return [f"{cost[key]:,.1f}" if key in cost else "–" for key in ("fit_cpu_s", "peak_rss_mb")]
