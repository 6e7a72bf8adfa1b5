"""Imbalance: rows drawn so that classes are even, or weights that make them so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from penchant.data.views import Views
from penchant.errors import DataError, UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def oversampled(classes: npt.NDArray[np.integer], rng: np.random.Generator) -> Ints:
    """Row numbers in which every class is as frequent as the largest: all rows, and smaller classes drawn again.

    >>> rows = oversampled(np.array([0, 0, 0, 1]), np.random.default_rng(0))
    >>> rows.tolist()
    [0, 1, 2, 3, 3, 3]
    """
    codes, counts = _counted(classes)
    most = int(counts.max())
    drawn = [
        rng.choice(np.flatnonzero(classes == code), most - count) for code, count in zip(codes, counts, strict=True)
    ]
    return np.sort(np.concatenate([np.arange(len(classes)), *drawn]))


def undersampled(classes: npt.NDArray[np.integer], rng: np.random.Generator) -> Ints:
    """Row numbers in which every class is as frequent as the smallest; none twice, in order."""
    codes, counts = _counted(classes)
    least = int(counts.min())
    drawn = [rng.choice(np.flatnonzero(classes == code), least, replace=False) for code in codes]
    return np.sort(np.concatenate(drawn))


def class_weights(classes: npt.NDArray[np.integer]) -> Floats:
    """The weight of each row `[N]` with which all classes weigh the same: N / (classes × count); the mean is 1.

    >>> class_weights(np.array([0, 0, 0, 1])).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    _, inverse, counts = np.unique(classes, return_inverse=True, return_counts=True)
    _counted(classes)
    return np.asarray(len(classes) / (len(counts) * counts[inverse]), dtype=np.float64)


def propensities(counts: npt.NDArray[np.integer], *, power: float = 0.5) -> Floats:
    """How likely an item is to be seen, from its popularity: (count / largest count) ^ power; never 0.

    Schnabel et al. 2016, "Recommendations as treatments"; power .5 as in Yang et al. 2018, "Unbiased offline
    recommender evaluation for missing-not-at-random implicit feedback".
    """
    if not len(counts) or int(counts.max()) <= 0:
        raise DataError("Propensities need counts, and at least one above 0.")
    return np.asarray((np.maximum(counts, 1) / counts.max()) ** power, dtype=np.float64)


def inverse_propensity_weights(propensity: npt.NDArray[np.floating], *, largest: float = 100.0) -> Floats:
    """1 / propensity of each row, at most `largest`, scaled to mean 1 (self-normalised).

    Raises `DataError` for a propensity outside (0, 1].

    >>> inverse_propensity_weights(np.array([1.0, 0.5])).round(3).tolist()
    [0.667, 1.333]
    """
    if not (np.isfinite(propensity).all() and (propensity > 0).all() and (propensity <= 1).all()):
        raise DataError("A propensity is above 0 and at most 1.", remedy="Leave out rows without one, or clip them.")
    weights = np.minimum(1 / propensity, largest)
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def view_weights(views: Views) -> Mapping[str, float]:
    """A weight for each view by the share of rows that have it, so that rare views are not drowned; the mean is 1.

    A view that half of the rows have weighs twice as much where it is there. Views that no row has weigh 0.
    """
    coverage = {name: view.coverage for name, view in views.items()}
    inverse = {name: 1 / share if share else 0.0 for name, share in coverage.items()}
    present = [value for value in inverse.values() if value]
    if not present:
        raise DataError("No view has any row.", remedy="Encode at least one view.")
    scale = len(present) / sum(present)
    return {name: value * scale for name, value in inverse.items()}


def _counted(classes: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.integer], Ints]:
    if not len(classes):
        raise UsageError("There are no rows to weigh or draw from.")
    codes, counts = np.unique(classes, return_counts=True)
    return codes, counts.astype(np.int64)
