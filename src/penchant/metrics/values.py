"""Errors of predicted values (ratings): RMSE and MAE. Pairs where either side is NaN are left out."""

from __future__ import annotations

import numpy as np

from penchant.arrays import Float64s, Floats
from penchant.errors import DataError


def rmse(predicted: Floats, actual: Floats) -> float:
    """Root of the mean squared error, √(Σ (p - a)² / n); NaN without a pair.

    >>> rmse(np.array([3.0, 5.0]), np.array([3.0, 4.0])) == 0.5**0.5
    True
    """
    return float(np.sqrt(_average(_subtract(predicted, actual) ** 2)))


def mae(predicted: Floats, actual: Floats) -> float:
    """Mean absolute error, Σ |p - a| / n; NaN without a pair.

    >>> mae(np.array([3.0, 5.0, np.nan]), np.array([3.0, 4.0, 1.0]))
    0.5
    """
    return _average(np.abs(_subtract(predicted, actual)))


def _subtract(predicted: Floats, actual: Floats) -> Float64s:
    if predicted.shape != actual.shape:
        raise DataError(f"{predicted.shape} predicted values do not fit {actual.shape} actual ones.")
    gap = predicted.astype(np.float64).ravel() - actual.astype(np.float64).ravel()
    return np.asarray(gap[np.isfinite(gap)])


def _average(values: Float64s) -> float:
    return float(values.mean()) if len(values) else float("nan")
