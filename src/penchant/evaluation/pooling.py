"""From runs (one a seed and fold) to one comparison: users of folds stand side by side, seeds are averaged first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from penchant.arrays import Float64s
from penchant.data.results.comparison import Comparison, PairedTest, SliceResult
from penchant.data.results.estimates import Interval
from penchant.evaluation.ratings import ValueErrors
from penchant.evaluation.run import Run
from penchant.metrics.significance import Test, bootstrap_intervals, mean_over_seeds, paired_differences
from penchant.models.registry import names_with

Runs = Sequence[Sequence[Run]]
"""Runs of one model: by seed, then by fold."""


def pool_runs(
    runs: Mapping[str, Runs],
    *,
    split: str,
    k: int,
    test: Test = "t",
    samples: int = 1000,
    references: Mapping[str, str] | None = None,
) -> Comparison:
    """All runs as one `Comparison` without options and notes; the same resampled users for every model.

    `references`: further pairs to test, a model and its reference.
    """
    values = {name: _values([_joined(seed) for seed in seeds]) for name, seeds in runs.items()}
    models = {
        name: bootstrap_intervals(values[name], samples=samples) | _overall(seeds) | _errors(seeds, samples)
        for name, seeds in runs.items()
    }
    first = next(iter(runs.values()))
    return Comparison(
        split=split,
        k=k,
        users=sum(len(run.metrics.users) for run in first[0]),
        seeds=len(first),
        models=models,
        slices=_slices(runs, samples),
        cost={name: _cost(seeds) for name, seeds in runs.items()},
        tests=_tests(values, models, f"ndcg@{k}", test, samples, references or {}),
        curves={name: seeds[0][0].curves for name, seeds in runs.items() if seeds[0][0].curves is not None},
        by_seed={name: _by_seed(seeds, f"ndcg@{k}") for name, seeds in runs.items()},
        records={name: seeds[-1][-1].record for name, seeds in runs.items()},
        modalities={name: seeds[0][0].modalities for name, seeds in runs.items() if seeds[0][0].modalities},
        probes={name: seeds[0][0].probes for name, seeds in runs.items() if seeds[0][0].probes},
    )


def _joined(folds: Sequence[Run]) -> dict[str, Float64s]:
    """Metrics of the users of all folds, side by side; a metric that a fold lacks is NaN there."""
    names = dict.fromkeys(name for run in folds for name in run.metrics.values)
    return {
        name: np.concatenate([run.metrics.values.get(name, np.full(len(run.metrics.users), np.nan)) for run in folds])
        for name in names
    }


def _values(seeds: Sequence[Mapping[str, Float64s]]) -> dict[str, Float64s]:
    return {name: mean_over_seeds([seed[name] for seed in seeds]) for name in seeds[0]}


def _by_seed(seeds: Runs, metric: str) -> list[float]:
    """Mean over users for each seed, to show how much the seed matters."""
    by_seed = [_joined(folds).get(metric, np.empty(0)) for folds in seeds]
    return [float(np.nanmean(values)) for values in by_seed if np.isfinite(values).any()]


def _overall(seeds: Runs) -> dict[str, Interval]:
    every = [run.metrics.overall for folds in seeds for run in folds]
    means = {name: float(np.mean([overall[name] for overall in every])) for name in every[0]}
    return {name: Interval(mean, mean, mean) for name, mean in means.items() if np.isfinite(mean)}


def _errors(seeds: Runs, samples: int) -> dict[str, Interval]:
    """RMSE and MAE, pooled over folds and seeds."""
    by_seed = [[run.errors for run in folds if run.errors is not None] for folds in seeds]
    if not by_seed[0] or any(len(folds) != len(by_seed[0]) for folds in by_seed):
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
    names = dict.fromkeys(name for seeds in runs.values() for run in seeds[0] for name in run.metrics.slices)
    out = {}
    for name in names:
        values = {model: _slice_values(seeds, name) for model, seeds in runs.items()}
        users = max(int(np.isfinite(next(iter(metrics.values()))).sum()) for metrics in values.values())
        models = {model: bootstrap_intervals(metrics, samples=samples) for model, metrics in values.items()}
        out[name] = SliceResult(users, models)
    return out


def _slice_values(seeds: Runs, name: str) -> dict[str, Float64s]:
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
    values: Mapping[str, Mapping[str, Float64s]],
    models: Mapping[str, Mapping[str, Interval]],
    metric: str,
    test: Test,
    samples: int,
    references: Mapping[str, str],
) -> list[PairedTest]:
    """Every model against the best baseline (of baselines alone: the best), the best two, and the `references`."""
    ranked = sorted((name for name in models if metric in models[name]), key=lambda name: -models[name][metric].mean)
    if len(ranked) < 2:
        return []
    reference = next((name for name in ranked if name in names_with("baseline")), ranked[0])
    pairs = dict.fromkeys([(name, reference) for name in ranked if name != reference])
    if (ranked[1], ranked[0]) not in pairs:
        pairs[(ranked[0], ranked[1])] = None
    known = {frozenset(pair) for pair in pairs}
    pairs.update(dict.fromkeys(p for p in references.items() if frozenset(p) not in known and set(p) <= set(ranked)))
    columns = [(values[model][metric], values[other][metric]) for model, other in pairs]
    gaps = paired_differences(columns, test=test, samples=samples)
    return [PairedTest(model, other, metric, test, gap) for (model, other), gap in zip(pairs, gaps, strict=True)]
