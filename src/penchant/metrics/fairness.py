"""Gaps in a metric between groups of users, and the exposure of groups of items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.arrays import Float64s, Int32s, Int64s, Ints
from penchant.errors import DataError
from penchant.metrics.beyond import exposure
from penchant.metrics.quotient import quotient


@dataclass(frozen=True)
class GroupGap:
    """A metric by group: `means` `[G]` and `counts` `[G]` (users that have a value), best minus worst, worst / best."""

    means: Float64s
    counts: Int64s
    difference: float
    ratio: float


def group_gap(values: Float64s, groups: Ints, n_groups: int | None = None) -> GroupGap:
    """Means of a per-user metric `[B]` by group code `[B]` (-1: no group), and the gap between the extremes.

    NaN values are left out, as are groups without any; the gap is NaN with fewer than two groups.

    >>> gap = group_gap(np.array([0.2, 0.4, 0.1, np.nan]), np.array([0, 0, 1, 1]))
    >>> gap.means.round(2).tolist(), gap.counts.tolist(), round(gap.difference, 2), round(gap.ratio, 3)
    ([0.3, 0.1], [2, 1], 0.2, 0.333)
    """
    if values.shape != groups.shape:
        raise DataError(f"{values.shape} values do not fit {groups.shape} groups.", remedy="Give one group a value.")
    size = int(groups.max(initial=-1)) + 1 if n_groups is None else n_groups
    here = np.isfinite(values) & (groups >= 0)
    counts = np.bincount(groups[here], minlength=size).astype(np.int64)
    sums = np.bincount(groups[here], weights=values[here], minlength=size)
    means = quotient(sums, counts)
    there = means[counts > 0]
    if len(there) < 2:
        return GroupGap(means, counts, float("nan"), float("nan"))
    best, worst = float(there.max()), float(there.min())
    return GroupGap(means, counts, best - worst, worst / best if best > 0 else float("nan"))


def exposure_ratio(ranked: Int32s, item_groups: Ints, n_groups: int | None = None) -> Float64s:
    """Share of ranks that each group of items gets / its share of the catalogue, `[G]`; 1 is proportional.

    >>> exposure_ratio(np.array([[0], [0], [1], [0]], dtype=np.int32), np.array([0, 1])).tolist()
    [1.5, 0.5]
    """
    size = int(item_groups.max(initial=-1)) + 1 if n_groups is None else n_groups
    grouped = item_groups >= 0
    shown = np.bincount(
        item_groups[grouped], weights=exposure(ranked, len(item_groups))[grouped].astype(np.float64), minlength=size
    )
    catalogue = np.bincount(item_groups[grouped], minlength=size).astype(np.float64)
    expected = catalogue / max(catalogue.sum(), 1.0) * shown.sum()
    return quotient(shown, expected)
