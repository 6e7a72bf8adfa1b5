"""Rows and weights that balance classes, items and modalities: each shown by counting."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.cleaning.imbalance import (
    compute_class_weights,
    compute_inverse_propensity_weights,
    compute_modality_weights,
    estimate_propensities,
    oversample,
    undersample,
)
from penchant.data.modalities import Modalities, Modality
from penchant.errors import DataError, UsageError

CLASSES = np.array([0] * 50 + [1] * 5 + [7] * 20)


def test_drawing_makes_classes_even() -> None:
    more = oversample(CLASSES, np.random.default_rng(0))
    assert np.unique(CLASSES[more], return_counts=True)[1].tolist() == [50, 50, 50]
    assert set(more) == set(range(len(CLASSES)))
    fewer = undersample(CLASSES, np.random.default_rng(0))
    assert np.unique(CLASSES[fewer], return_counts=True)[1].tolist() == [5, 5, 5]
    assert len(set(fewer)) == 15
    assert (
        oversample(CLASSES, np.random.default_rng(3)).tolist() == oversample(CLASSES, np.random.default_rng(3)).tolist()
    )


def test_class_weights_sum_alike() -> None:
    weights = compute_class_weights(CLASSES)
    assert [weights[code == CLASSES].sum() for code in (0, 1, 7)] == pytest.approx([25, 25, 25])
    assert weights.mean() == pytest.approx(1)


def test_inverse_propensities_undo_a_bias() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(loc=np.array([1.0, 5.0]).repeat(20_000))
    seen_with = np.array([0.9, 0.1]).repeat(20_000)
    seen = rng.random(40_000) < seen_with
    weights = compute_inverse_propensity_weights(seen_with[seen])
    assert abs(np.average(truth[seen], weights=weights) - 3.0) < 0.1 < abs(truth[seen].mean() - 3.0)
    assert weights.mean() == pytest.approx(1)
    assert compute_inverse_propensity_weights(np.array([1e-9, 1.0]), largest=4).tolist() == pytest.approx([1.6, 0.4])


def test_propensities_grow_with_popularity() -> None:
    assert estimate_propensities(np.array([100, 25, 1, 0])).tolist() == pytest.approx([1.0, 0.5, 0.1, 0.1])


def test_rare_modalities_get_more_weight() -> None:
    def modality(share: float) -> Modality:
        present = np.arange(10) < 10 * share
        return Modality(np.ones((10, 2), dtype=np.float32) * present[:, None].astype(np.float32), present)

    weights = compute_modality_weights(
        Modalities({"text": modality(1.0), "image": modality(0.5), "audio": modality(0.0)})
    )
    assert dict(weights) == pytest.approx({"text": 2 / 3, "image": 4 / 3, "audio": 0.0})
    with pytest.raises(DataError, match=r"No modality has any row\. Encode at least one"):
        compute_modality_weights(Modalities({"text": modality(0.0)}))


def test_messages() -> None:
    with pytest.raises(DataError, match="above 0 and at most 1"):
        compute_inverse_propensity_weights(np.array([0.0, 0.5]))
    with pytest.raises(DataError, match="at least one above 0"):
        estimate_propensities(np.array([0, 0]))
    with pytest.raises(UsageError, match="no rows to draw from or to weight"):
        oversample(np.array([], dtype=int), np.random.default_rng(0))
