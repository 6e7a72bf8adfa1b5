"""RMSE and MAE of predicted ratings, for models that predict values and events with ratings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl

from penchant.arrays import Float32s, Float64s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ragged import Ragged
from penchant.data.results.estimates import Interval
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.metrics.significance import bootstrap_ratio


@runtime_checkable
class ValuePredictor(Protocol):
    """A model that predicts the rating of a user for an item."""

    def predict_values(self, histories: SequenceBatch, items: Ragged) -> Float32s:
        """A rating for each of `items.values`, one row of items a history; NaN where there is no prediction."""


@dataclass(frozen=True)
class ValueErrors:
    """Sums over the rated targets of each user `[B]`: squared errors, absolute errors, and their number."""

    squared: Float64s
    absolute: Float64s
    count: Float64s

    def intervals(self, *, samples: int = 1000, seed: int = 0) -> dict[str, Interval]:
        """`rmse` and `mae` over all pairs, with bootstrap intervals over users."""
        # Both are ratios of sums: a resampling draws users with all their pairs, and a root keeps the quantiles.
        square = bootstrap_ratio(self.squared, self.count, samples=samples, seed=seed)
        root = Interval(*(float(np.sqrt(v)) for v in (square.mean, square.low, square.high)))
        return {"rmse": root, "mae": bootstrap_ratio(self.absolute, self.count, samples=samples, seed=seed)}


def read_target_values(holdout: Holdout, dataset: Dataset) -> Float32s:
    """The rating of each target: the last one of its user for its item; NaN where there is none."""
    out = np.full(len(holdout.targets.values), np.nan, dtype=np.float32)
    if schema.VALUE not in dataset.events.columns or schema.RATING_KIND not in dataset.kinds:
        return out
    rating = dataset.kinds.encode_one(schema.RATING_KIND, kind="kind of event")
    rated = dataset.events.filter(pl.col(schema.KIND) == rating).drop_nulls([schema.VALUE, schema.ITEM])
    if not rated.height:
        return out
    pairs = rated[schema.USER].to_numpy().astype(np.int64) * dataset.n_items + rated[schema.ITEM].to_numpy()
    # `unique` returns the first of equal pairs: reversed, that is the last rating.
    keys, latest = np.unique(pairs[::-1], return_index=True)
    values = rated[schema.VALUE].to_numpy()[::-1][latest]
    users = holdout.histories.users[holdout.targets.rows].astype(np.int64)
    wanted = users * dataset.n_items + holdout.targets.values
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = (keys[at] == wanted) & (holdout.targets.values < dataset.n_items)
    out[known] = values[at[known]]
    return out


def measure_value_errors(model: object, holdout: Holdout, dataset: Dataset) -> ValueErrors | None:
    """Errors of the predicted ratings of the targets; None if the model predicts none or no target is rated."""
    if not isinstance(model, ValuePredictor):
        return None
    actual = read_target_values(holdout, dataset)
    if not np.isfinite(actual).any():
        return None
    gaps = model.predict_values(holdout.histories, holdout.targets).astype(np.float64) - actual
    has_both = np.isfinite(gaps)
    if not has_both.any():
        return None
    rows, gaps, n = holdout.targets.rows[has_both], gaps[has_both], len(holdout)
    sums = [np.bincount(rows, weights=part, minlength=n) for part in (gaps**2, np.abs(gaps), np.ones_like(gaps))]
    return ValueErrors(*(np.asarray(part, dtype=np.float64) for part in sums))
