"""Rows and weights that make classes, items and views even: each shown by counting."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.cleaning.imbalance import (
    class_weights,
    inverse_propensity_weights,
    oversampled,
    propensities,
    undersampled,
    view_weights,
)
from penchant.data.views import View, Views
from penchant.errors import DataError, UsageError

CLASSES = np.array([0] * 50 + [1] * 5 + [7] * 20)


def test_drawing_makes_classes_even() -> None:
    more = oversampled(CLASSES, np.random.default_rng(0))
    assert np.unique(CLASSES[more], return_counts=True)[1].tolist() == [50, 50, 50]
    assert set(more) == set(range(len(CLASSES)))
    fewer = undersampled(CLASSES, np.random.default_rng(0))
    assert np.unique(CLASSES[fewer], return_counts=True)[1].tolist() == [5, 5, 5]
    assert len(set(fewer)) == 15
    assert (
        oversampled(CLASSES, np.random.default_rng(3)).tolist()
        == oversampled(CLASSES, np.random.default_rng(3)).tolist()
    )


def test_class_weights_sum_alike() -> None:
    weights = class_weights(CLASSES)
    assert [weights[code == CLASSES].sum() for code in (0, 1, 7)] == pytest.approx([25, 25, 25])
    assert weights.mean() == pytest.approx(1)


def test_inverse_propensities_undo_a_bias() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(loc=np.array([1.0, 5.0]).repeat(20_000))
    seen_with = np.array([0.9, 0.1]).repeat(20_000)
    seen = rng.random(40_000) < seen_with
    weights = inverse_propensity_weights(seen_with[seen])
    assert abs(np.average(truth[seen], weights=weights) - 3.0) < 0.1 < abs(truth[seen].mean() - 3.0)
    assert weights.mean() == pytest.approx(1)
    assert inverse_propensity_weights(np.array([1e-9, 1.0]), largest=4).tolist() == pytest.approx([1.6, 0.4])


def test_propensities_grow_with_popularity() -> None:
    assert propensities(np.array([100, 25, 1, 0])).tolist() == pytest.approx([1.0, 0.5, 0.1, 0.1])


def test_rare_views_weigh_more() -> None:
    def view(share: float) -> View:
        present = np.arange(10) < 10 * share
        return View(np.ones((10, 2), dtype=np.float32) * present[:, None].astype(np.float32), present)

    weights = view_weights(Views({"text": view(1.0), "image": view(0.5), "audio": view(0.0)}))
    assert dict(weights) == pytest.approx({"text": 2 / 3, "image": 4 / 3, "audio": 0.0})
    with pytest.raises(DataError, match=r"No view has any row\. Encode at least one"):
        view_weights(Views({"text": view(0.0)}))


def test_messages() -> None:
    with pytest.raises(DataError, match="above 0 and at most 1"):
        inverse_propensity_weights(np.array([0.0, 0.5]))
    with pytest.raises(DataError, match="at least one above 0"):
        propensities(np.array([0, 0]))
    with pytest.raises(UsageError, match="no rows to weigh or draw from"):
        oversampled(np.array([], dtype=int), np.random.default_rng(0))
