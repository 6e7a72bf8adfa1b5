from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from penchant.errors import DataError
from penchant.metrics.values import mae, rmse


def test_agrees_with_scikit_learn_and_leaves_nan_out() -> None:
    rng = np.random.default_rng(0)
    predicted, actual = rng.random(40).astype(np.float32), rng.random(40)
    assert rmse(predicted, actual) == pytest.approx(root_mean_squared_error(actual, predicted))
    assert mae(predicted, actual) == pytest.approx(mean_absolute_error(actual, predicted))
    gaps = np.append(predicted, np.nan), np.append(actual, 3.0)
    assert rmse(*gaps) == pytest.approx(rmse(predicted, actual))
    assert np.isnan(rmse(np.empty(0), np.empty(0))) and np.isnan(mae(np.array([np.nan]), np.array([1.0])))


def test_shapes_must_fit() -> None:
    with pytest.raises(DataError, match=r"\(2,\) predicted values do not fit \(3,\)"):
        rmse(np.zeros(2), np.zeros(3))
