"""Pool runs (one a seed and fold) into one comparison: average the seeds of each user, then join the folds."""

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
    """Pool all runs into one `Comparison` without options and notes; every model resamples the same users.

    `references`: further pairs to test, a model and its reference.
    """
    values = {name: _average_seeds([_join_folds(seed) for seed in seeds]) for name, seeds in runs.items()}
    models = {
        name: bootstrap_intervals(values[name], samples=samples)
        | _average_overall(seeds)
        | _pool_errors(seeds, samples)
        for name, seeds in runs.items()
    }
    first = next(iter(runs.values()))
    return Comparison(
        split=split,
        k=k,
        users=sum(len(run.metrics.users) for run in first[0]),
        seeds=len(first),
        models=models,
        slices=_pool_slices(runs, samples),
        cost={name: _pool_cost(seeds) for name, seeds in runs.items()},
        tests=_test_pairs(values, models, f"ndcg@{k}", test, samples, references or {}),
        curves={name: seeds[0][0].curves for name, seeds in runs.items() if seeds[0][0].curves is not None},
        by_seed={name: _average_by_seed(seeds, f"ndcg@{k}") for name, seeds in runs.items()},
        records={name: seeds[-1][-1].record for name, seeds in runs.items()},
        modalities={name: seeds[0][0].modalities for name, seeds in runs.items() if seeds[0][0].modalities},
        probes={name: seeds[0][0].probes for name, seeds in runs.items() if seeds[0][0].probes},
    )


def _join_folds(folds: Sequence[Run]) -> dict[str, Float64s]:
    """Metrics of the users of all folds, joined; a metric that a fold lacks is NaN there.

    A user is tested in one fold only, so the joined users are independent and can be resampled together.
    """
    names = dict.fromkeys(name for run in folds for name in run.metrics.values)
    return {
        name: np.concatenate([run.metrics.values.get(name, np.full(len(run.metrics.users), np.nan)) for run in folds])
        for name in names
    }


def _average_seeds(seeds: Sequence[Mapping[str, Float64s]]) -> dict[str, Float64s]:
    """Means over seeds for each user: intervals over users then do not count one user several times."""
    return {name: mean_over_seeds([seed[name] for seed in seeds]) for name in seeds[0]}


def _average_by_seed(seeds: Runs, metric: str) -> list[float]:
    """The mean over users for each seed, which shows the effect of the seed."""
    by_seed = [_join_folds(folds).get(metric, np.empty(0)) for folds in seeds]
    return [float(np.nanmean(values)) for values in by_seed if np.isfinite(values).any()]


def _average_overall(seeds: Runs) -> dict[str, Interval]:
    every = [run.metrics.overall for folds in seeds for run in folds]
    means = {name: float(np.mean([overall[name] for overall in every])) for name in every[0]}
    return {name: Interval(mean, mean, mean) for name, mean in means.items() if np.isfinite(mean)}


def _pool_errors(seeds: Runs, samples: int) -> dict[str, Interval]:
    """RMSE and MAE over all folds and seeds: a user's sums add up over seeds, and the ratio cancels their number."""
    by_seed = [[run.errors for run in folds if run.errors is not None] for folds in seeds]
    if not by_seed[0] or any(len(folds) != len(by_seed[0]) for folds in by_seed):
        return {}
    parts = [
        sum(np.concatenate([getattr(fold, name) for fold in folds]) for folds in by_seed)
        for name in ("squared", "absolute", "count")
    ]
    return ValueErrors(*(np.asarray(part) for part in parts)).intervals(samples=samples)


def _pool_cost(seeds: Runs) -> dict[str, float]:
    every = [run.cost for folds in seeds for run in folds]
    return {
        "fit_cpu_s": round(float(np.mean([cost.cpu_s for cost in every])), 3),
        "peak_rss_mb": round(max(cost.peak_rss_mb for cost in every), 1),
    }


def _pool_slices(runs: Mapping[str, Runs], samples: int) -> dict[str, SliceResult]:
    names = dict.fromkeys(name for seeds in runs.values() for run in seeds[0] for name in run.metrics.slices)
    out = {}
    for name in names:
        values = {model: _pool_slice(seeds, name) for model, seeds in runs.items()}
        users = max(int(np.isfinite(next(iter(metrics.values()))).sum()) for metrics in values.values())
        models = {model: bootstrap_intervals(metrics, samples=samples) for model, metrics in values.items()}
        out[name] = SliceResult(users, models)
    return out


def _pool_slice(seeds: Runs, name: str) -> dict[str, Float64s]:
    """Metrics of one slice over the users with a target in it."""
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
    values = _average_seeds(by_seed)
    in_slice = np.isfinite(next(iter(values.values())))
    return {m: column[in_slice] for m, column in values.items()}


def _test_pairs(
    values: Mapping[str, Mapping[str, Float64s]],
    models: Mapping[str, Mapping[str, Interval]],
    metric: str,
    test: Test,
    samples: int,
    references: Mapping[str, str],
) -> list[PairedTest]:
    """Test every model against the best baseline (or the best model, without a baseline), the best two against each
    other, and the `references`."""
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
