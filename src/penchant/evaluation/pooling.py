"""From runs (one a seed and fold) to one comparison: users of folds stand side by side, seeds are averaged first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.data.results.comparison import Comparison, PairedTest, SliceResult
from penchant.data.results.estimates import Interval
from penchant.evaluation.ratings import ValueErrors
from penchant.evaluation.run import Run
from penchant.metrics.significance import Test, bootstrap_intervals, mean_over_seeds, paired_differences
from penchant.models.registry import names_with

Floats = npt.NDArray[np.float64]


Runs = Sequence[Sequence[Run]]
"""Runs of one model: by seed, then by fold."""


def pooled(
    runs: Mapping[str, Runs],
    *,
    split: str,
    k: int,
    options: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    test: Test = "t",
    samples: int = 1000,
    against: Mapping[str, str] | None = None,
) -> Comparison:
    """All runs as one `Comparison`; the same resampled users for every model.

    `against`: further pairs to test, a model and its reference.
    """
    values = {name: _values([_joined(seed) for seed in found]) for name, found in runs.items()}
    models = {
        name: bootstrap_intervals(values[name], samples=samples) | _overall(found) | _errors(found, samples)
        for name, found in runs.items()
    }
    first = next(iter(runs.values()))
    return Comparison(
        split=split,
        k=k,
        users=sum(len(run.metrics.users) for run in first[0]),
        seeds=len(first),
        models=models,
        slices=_slices(runs, samples),
        cost={name: _cost(found) for name, found in runs.items()},
        tests=_tests(values, models, f"ndcg@{k}", test, samples, against or {}),
        curves={name: found[0][0].curves for name, found in runs.items() if found[0][0].curves is not None},
        by_seed={name: _by_seed(found, f"ndcg@{k}") for name, found in runs.items()},
        options=options or {},
        notes=list(notes),
        facts={name: found[-1][-1].facts for name, found in runs.items()},
        views={name: found[0][0].views for name, found in runs.items() if found[0][0].views is not None},
        probes={name: found[0][0].probes for name, found in runs.items() if found[0][0].probes},
    )


def _joined(folds: Sequence[Run]) -> dict[str, Floats]:
    """Metrics of the users of all folds, side by side; a metric that a fold lacks is NaN there."""
    names = dict.fromkeys(name for run in folds for name in run.metrics.values)
    return {
        name: np.concatenate([run.metrics.values.get(name, np.full(len(run.metrics.users), np.nan)) for run in folds])
        for name in names
    }


def _values(seeds: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    return {name: mean_over_seeds([seed[name] for seed in seeds]) for name in seeds[0]}


def _by_seed(seeds: Runs, metric: str) -> list[float]:
    """Mean over users for each seed, to show how much the seed matters."""
    found = [_joined(folds).get(metric, np.empty(0)) for folds in seeds]
    return [float(np.nanmean(values)) for values in found if np.isfinite(values).any()]


def _overall(seeds: Runs) -> dict[str, Interval]:
    every = [run.metrics.overall for folds in seeds for run in folds]
    means = {name: float(np.mean([found[name] for found in every])) for name in every[0]}
    return {name: Interval(mean, mean, mean) for name, mean in means.items() if np.isfinite(mean)}


def _errors(seeds: Runs, samples: int) -> dict[str, Interval]:
    """RMSE and MAE, pooled over folds and seeds."""
    by_seed = [[run.errors for run in folds if run.errors is not None] for folds in seeds]
    if not by_seed[0] or any(len(found) != len(by_seed[0]) for found in by_seed):
        return {}
    parts = [
        sum(np.concatenate([getattr(fold, name) for fold in folds]) for folds in by_seed)
        for name in ("squared", "absolute", "count")
    ]
    return ValueErrors(*(np.asarray(part) for part in parts)).intervals(samples=samples)


def _cost(seeds: Runs) -> dict[str, float]:
    every = [run.cost for folds in seeds for run in folds]
    return {
        "fit_cpu_s": round(float(np.mean([cost.cpu_s for cost in every])), 3),
        "peak_rss_mb": round(max(cost.peak_rss_mb for cost in every), 1),
    }


def _slices(runs: Mapping[str, Runs], samples: int) -> dict[str, SliceResult]:
    names = dict.fromkeys(name for found in runs.values() for run in found[0] for name in run.metrics.slices)
    out = {}
    for name in names:
        values = {model: _slice_values(found, name) for model, found in runs.items()}
        users = max(int(np.isfinite(next(iter(found.values()))).sum()) for found in values.values())
        models = {model: bootstrap_intervals(found, samples=samples) for model, found in values.items()}
        out[name] = SliceResult(users, models)
    return out


def _slice_values(seeds: Runs, name: str) -> dict[str, Floats]:
    """Metrics of one slice, over the users that have a target in it."""
    metrics = dict.fromkeys(m for run in seeds[0] for m in run.metrics.slices.get(name, {}))
    by_seed = [
        {
            m: np.concatenate(
                [run.metrics.slices.get(name, {}).get(m, np.full(len(run.metrics.users), np.nan)) for run in folds]
            )
            for m in metrics
        }
        for folds in seeds
    ]
    values = _values(by_seed)
    there = np.isfinite(next(iter(values.values())))
    return {m: column[there] for m, column in values.items()}


def _tests(
    values: Mapping[str, Mapping[str, Floats]],
    models: Mapping[str, Mapping[str, Interval]],
    metric: str,
    test: Test,
    samples: int,
    against: Mapping[str, str],
) -> list[PairedTest]:
    """Every model against the best baseline (where all are baselines: the best of all), the best two, and `against`."""
    ranked = sorted((name for name in models if metric in models[name]), key=lambda name: -models[name][metric].mean)
    if len(ranked) < 2:
        return []
    reference = next((name for name in ranked if name in names_with("baseline")), ranked[0])
    pairs = dict.fromkeys([(name, reference) for name in ranked if name != reference])
    if (ranked[1], ranked[0]) not in pairs:
        pairs[(ranked[0], ranked[1])] = None
    known = {frozenset(pair) for pair in pairs}
    pairs.update(dict.fromkeys(p for p in against.items() if frozenset(p) not in known and set(p) <= set(ranked)))
    columns = [(values[model][metric], values[other][metric]) for model, other in pairs]
    found = paired_differences(columns, test=test, samples=samples)
    return [PairedTest(model, other, metric, test, gap) for (model, other), gap in zip(pairs, found, strict=True)]
