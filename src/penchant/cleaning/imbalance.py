"""Class imbalance: resampling and weights that balance classes, items and modalities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from penchant.arrays import Float64s, Floats, Int64s, Ints
from penchant.data.modalities import Modalities
from penchant.errors import DataError, UsageError


def oversample(classes: Ints, rng: np.random.Generator) -> Int64s:
    """Row numbers in which every class is as frequent as the largest: all rows, and extra draws of smaller classes.

    >>> rows = oversample(np.array([0, 0, 0, 1]), np.random.default_rng(0))
    >>> rows.tolist()
    [0, 1, 2, 3, 3, 3]
    """
    codes, counts = _count_classes(classes)
    most = int(counts.max())
    drawn = [
        rng.choice(np.flatnonzero(classes == code), most - count) for code, count in zip(codes, counts, strict=True)
    ]
    return np.sort(np.concatenate([np.arange(len(classes)), *drawn]))


def undersample(classes: Ints, rng: np.random.Generator) -> Int64s:
    """Row numbers in which every class is as frequent as the smallest, in ascending order and without repeats."""
    codes, counts = _count_classes(classes)
    least = int(counts.min())
    drawn = [rng.choice(np.flatnonzero(classes == code), least, replace=False) for code in codes]
    return np.sort(np.concatenate(drawn))


def compute_class_weights(classes: Ints) -> Float64s:
    """The weight of each row `[N]` that gives all classes the same total: N / (classes × count); the mean is 1.

    >>> compute_class_weights(np.array([0, 0, 0, 1])).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    _, inverse, counts = np.unique(classes, return_inverse=True, return_counts=True)
    _count_classes(classes)
    return np.asarray(len(classes) / (len(counts) * counts[inverse]), dtype=np.float64)


def estimate_propensities(counts: Ints, *, power: float = 0.5) -> Float64s:
    """Exposure propensities from popularity: (count / largest count) ^ power; a count of 0 is taken as 1.

    Schnabel et al. 2016, "Recommendations as treatments"; power .5 as in Yang et al. 2018, "Unbiased offline
    recommender evaluation for missing-not-at-random implicit feedback".
    """
    if not len(counts) or int(counts.max()) <= 0:
        raise DataError("Propensities need counts, and at least one above 0.")
    return np.asarray((np.maximum(counts, 1) / counts.max()) ** power, dtype=np.float64)


def compute_inverse_propensity_weights(propensity: Floats, *, largest: float = 100.0) -> Float64s:
    """1 / propensity of each row, clipped at `largest` and scaled to mean 1 (self-normalised).

    Raises `DataError` for a propensity outside (0, 1].

    >>> compute_inverse_propensity_weights(np.array([1.0, 0.5])).round(3).tolist()
    [0.667, 1.333]
    """
    if not (np.isfinite(propensity).all() and (propensity > 0).all() and (propensity <= 1).all()):
        raise DataError("A propensity is above 0 and at most 1.", remedy="Leave out rows without one, or clip them.")
    weights = np.minimum(1 / propensity, largest)
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def compute_modality_weights(modalities: Modalities) -> Mapping[str, float]:
    """A weight for each modality that grows with its rarity, 1 / share of rows that have it; the mean is 1.

    A modality that 50 % of the rows have gets twice the weight of a complete one; one without rows gets 0.
    """
    coverages = {name: modality.coverage for name, modality in modalities.items()}
    inverse = {name: 1 / share if share else 0.0 for name, share in coverages.items()}
    present = [value for value in inverse.values() if value]
    if not present:
        raise DataError("No modality has any row.", remedy="Encode at least one modality.")
    scale = len(present) / sum(present)
    return {name: value * scale for name, value in inverse.items()}


def _count_classes(classes: Ints) -> tuple[Ints, Int64s]:
    if not len(classes):
        raise UsageError("There are no rows to draw from or to weight.")
    codes, counts = np.unique(classes, return_counts=True)
    return codes, counts.astype(np.int64)
