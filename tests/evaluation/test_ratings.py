from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import split
from penchant.evaluation.ratings import measure_value_errors, read_target_values


class Constant:
    def __init__(self, value: float) -> None:
        self.value = value

    def predict_values(self, histories: SequenceBatch, items: Ragged) -> np.ndarray:
        return np.full(len(items.values), self.value, dtype=np.float32)


def _data(kind: str) -> Dataset:
    log = pl.DataFrame(
        {
            "user_id": ["a"] * 4 + ["b"] * 4,
            "item_id": list("wxyz") + list("zyxw"),
            "timestamp": [1, 2, 3, 4] * 2,
            "event": kind,
            "value": [1.0, 2.0, 3.0, 5.0, 4.0, 4.0, 4.0, 2.0],
        }
    )
    return Dataset.from_tables(log)


def test_errors_by_hand() -> None:
    data = _data("rating")
    test = split(data, "leave-one-out").test
    assert read_target_values(test, data).tolist() == [5.0, 2.0]
    errors = measure_value_errors(Constant(3.0), test, data)
    assert errors is not None
    intervals = errors.intervals(samples=200)
    assert intervals["rmse"].mean == pytest.approx(np.sqrt((4 + 1) / 2)) and intervals["mae"].mean == 1.5
    assert intervals["rmse"].low <= intervals["rmse"].mean <= intervals["rmse"].high


def test_no_ratings_no_errors() -> None:
    data = _data("purchase")
    test = split(data, "leave-one-out").test
    assert measure_value_errors(Constant(3.0), test, data) is None
    rated = _data("rating")
    test = split(rated, "leave-one-out").test
    assert measure_value_errors(object(), test, rated) is None
    assert measure_value_errors(Constant(float("nan")), test, rated) is None


def test_an_unknown_target_has_no_rating() -> None:
    data = _data("rating")
    test = split(data, "leave-one-out").test
    beyond = type(test)(test.histories, Ragged.of([[99], [0]]), test.seen)
    assert np.isnan(read_target_values(beyond, data)[0])
