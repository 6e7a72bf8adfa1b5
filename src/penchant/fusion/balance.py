"""A remedy for unbalanced modalities: rows whose modalities are rare weigh more."""

from __future__ import annotations

import numpy as np

from penchant.arrays import Bools, Float64s

MOST = 20.0
"""A row never weighs more than this many times the lightest: a modality of three items must not dominate the loss."""


def weigh_by_rarity(present: Bools, strength: float = 1.0) -> Float64s:
    """Weight of each row by the rarity of its modalities, mean 1: inverse coverage, averaged over them.

    w_i ∝ mean_{m ∈ P_i} (1 / coverage_m)^strength, at most `MOST` times the lightest row

    `present` `[rows, modalities]`; returns `[rows]`. A row without any modality weighs like one with full coverage;
    with `strength` 0 all rows are equal. Inverse frequency is the usual answer to unbalanced classes (King and Zeng
    2001); here the classes are the modalities. Choose it where a rare modality is valuable.

    >>> weigh_by_rarity(np.array([[True, False], [True, False], [True, True]])).round(2).tolist()
    [0.75, 0.75, 1.5]
    """
    if not len(present):
        return np.ones(0)
    coverage = present.mean(axis=0)
    rarity = np.where(coverage > 0, 1.0 / np.maximum(coverage, 1e-12), 0.0) ** strength
    count = present.sum(axis=1)
    weight = np.where(count > 0, (present * rarity).sum(axis=1) / np.maximum(count, 1), 1.0)
    weight = np.minimum(weight, MOST * weight.min())
    return np.asarray(weight / weight.mean(), dtype=np.float64)
