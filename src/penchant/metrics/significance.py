"""The uncertainty of a mean over users: bootstrap intervals, paired differences and tests, Holm's correction, seeds.

Users are drawn with replacement (Efron and Tibshirani, 1993, ch. 13: percentile intervals). The same `seed` draws the
same users for every metric and model, so intervals are comparable and differences are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from penchant.arrays import Float64s
from penchant.data.results.estimates import Difference, Interval
from penchant.errors import DataError, OptionError
from penchant.metrics.quotient import quotient

Test = Literal["t", "bootstrap", "wilcoxon"]
TESTS = ("t", "bootstrap", "wilcoxon")
_BLOCK_ELEMENTS = 1 << 22


def bootstrap_means(values: Float64s, *, samples: int = 1000, seed: int = 0) -> Float64s:
    """Means `[samples, M]` of resampled users for M metrics, from per-user `values` `[B, M]`; NaN is left out.

    All M columns see the same users, so differences of columns are paired. Memory is bounded by blocks of samples.
    """
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0)
    complete = bool(there.all())
    blocks = []
    for weights in resample_users(len(values), samples, seed):
        counts = weights.sum(axis=1, keepdims=True) if complete else weights @ there.astype(np.float64)
        blocks.append(quotient(weights @ filled, counts))
    return np.concatenate(blocks) if blocks else np.empty((0, values.shape[1]))


def resample_users(n: int, samples: int, seed: int) -> Iterator[Float64s]:
    """Draw counts of n users in bootstrap samples, `[block, n]`, in blocks of a fixed size, so memory stays flat."""
    rng = np.random.default_rng(seed)
    size = max(1, _BLOCK_ELEMENTS // max(1, n))
    for start in range(0, samples, size):
        rows = min(size, samples - start)
        drawn = rng.integers(0, n, (rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def bootstrap_intervals(
    values: Mapping[str, Float64s], *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Percentile intervals of the mean over users of each named metric `[B]`; metrics without a number are left out.

    >>> intervals = bootstrap_intervals({"ndcg@10": np.array([0.0, 1.0] * 200)})
    >>> i = intervals["ndcg@10"]
    >>> i.mean, 0.44 < i.low < 0.47, 0.53 < i.high < 0.56
    (0.5, True, True)
    """
    if not 0 < level < 1:
        raise OptionError("level", level, remedy="Give a share between 0 and 1, such as 0.95.")
    kept = {name: column for name, column in values.items() if np.isfinite(column).any()}
    if not kept:
        return {}
    table = np.column_stack(list(kept.values()))
    means = bootstrap_means(table, samples=samples, seed=seed)
    tail = (1 - level) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail], axis=0)
    centre = np.nanmean(table, axis=0)
    return {name: Interval(float(m), float(a), float(b)) for name, m, a, b in zip(kept, centre, low, high, strict=True)}


def bootstrap(values: Float64s, *, samples: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
    """The interval of one metric `[B]`; all NaN where it has no number."""
    intervals = bootstrap_intervals({"": values}, samples=samples, level=level, seed=seed)
    return intervals.get("", Interval(float("nan"), float("nan"), float("nan")))


def bootstrap_ratio(
    numerator: Float64s, denominator: Float64s, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Interval of Σ numerator / Σ denominator over resampled users, both `[B]`: a mean over their pairs."""
    sums = bootstrap_means(np.column_stack([numerator, denominator]), samples=samples, seed=seed)
    tail = (1 - level) / 2
    low, high = np.nanquantile(quotient(sums[:, 0], sums[:, 1]), [tail, 1 - tail])
    return Interval(float(numerator.sum() / denominator.sum()), float(low), float(high))


def paired_p(model: Float64s, reference: Float64s, *, test: Test = "t", samples: int = 1000, seed: int = 0) -> float:
    """Two-sided p-value of "no difference" over the users `[B]` that both have.

    `t`: Student's paired t; `wilcoxon`: signed ranks (SciPy); `bootstrap`: share of resampled mean differences, shifted
    to 0, at least as far off as the one seen, (n + 1) / (samples + 1). Urbano, Lima and Hanjalic (2019) recommend the
    t-test for means of ranking metrics. 1 where nothing differs or fewer than two users remain.
    """
    if test not in TESTS:
        raise OptionError("test", test, allowed=TESTS)
    gaps = _subtract(model, reference)
    if len(gaps) < 2 or not np.any(gaps):
        return 1.0
    if np.ptp(gaps) == 0 and test == "t":
        return 0.0
    if test == "bootstrap":
        means = bootstrap_means(gaps[:, None], samples=samples, seed=seed)[:, 0]
        beyond = np.abs(means - gaps.mean()) >= abs(gaps.mean())
        return float((beyond.sum() + 1) / (samples + 1))
    from scipy import stats

    if test == "wilcoxon":
        return float(stats.wilcoxon(gaps, zero_method="wilcox", method="approx").pvalue)
    return float(stats.ttest_1samp(gaps, 0.0).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction for several tests (Holm, 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in out]


def paired_differences(
    pairs: Sequence[tuple[Float64s, Float64s]],
    *,
    test: Test = "t",
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Difference]:
    """First minus second of each pair of models over the same users `[B]`; Holm's correction over all the pairs.

    >>> better, worse = np.array([0.9, 0.8, 0.7, 0.9]), np.array([0.1, 0.2, 0.1, 0.0])
    >>> [gap.p_holm < 0.05 for gap in paired_differences([(better, worse), (worse, worse)])]
    [True, False]
    """
    p = [paired_p(left, right, test=test, samples=samples, seed=seed) for left, right in pairs]
    intervals = [bootstrap(left - right, samples=samples, level=level, seed=seed) for left, right in pairs]
    return [Difference(*values) for values in zip(intervals, p, holm(p), strict=True)]


def mean_over_seeds(runs: Sequence[Float64s]) -> Float64s:
    """Each user's mean over the seeds `[B]` (NaN where a user has none): seeds add no users to a test."""
    if len({run.shape for run in runs}) != 1:
        raise DataError(f"Runs of shapes {[run.shape for run in runs]} do not hold the same users.")
    table = np.stack(runs)
    there = np.isfinite(table)
    return quotient(np.where(there, table, 0.0).sum(axis=0), there.sum(axis=0))


def _subtract(model: Float64s, reference: Float64s) -> Float64s:
    if model.shape != reference.shape:
        raise DataError(
            f"{model.shape} users of the model do not fit {reference.shape} of the reference.",
            remedy="A paired test needs both over the same users in the same order.",
        )
    gaps = model - reference
    return np.asarray(gaps[np.isfinite(gaps)], dtype=np.float64)
