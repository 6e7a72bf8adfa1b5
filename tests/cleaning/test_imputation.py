"""Imputation: known answers, and predictions that are exact for a linear relation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.cleaning.imputation import impute_column
from penchant.errors import DataError, OptionError

TABLE = pl.DataFrame({"x": [1.0, None, 4.0, 4.0, None], "word": ["b", "a", None, "b", "a"], "n": [1, 2, None, 2, 9]})


@pytest.mark.parametrize(
    ("column", "method", "expected"),
    [
        ("x", "mean", [1.0, 3.0, 4.0, 4.0, 3.0]),
        ("x", "median", [1.0, 4.0, 4.0, 4.0, 4.0]),
        ("x", "max", [1.0, 4.0, 4.0, 4.0, 4.0]),
        ("x", "most_frequent", [1.0, 4.0, 4.0, 4.0, 4.0]),
        ("word", "most_frequent", ["b", "a", "a", "b", "a"]),
        ("n", "mean", [1.0, 2.0, 3.5, 2.0, 9.0]),
        ("n", "median", [1.0, 2.0, 2.0, 2.0, 9.0]),
    ],
)
def test_one_value_for_all(column: str, method: str, expected: list[object]) -> None:
    assert impute_column(TABLE, column, method)[column].to_list() == expected  # type: ignore[arg-type]


def test_rows_without_a_value_can_be_left_out() -> None:
    assert impute_column(TABLE, "x", "drop")["n"].to_list() == [1, None, 2]


def test_interpolation_over_time_and_inside_a_user() -> None:
    table = pl.DataFrame(
        {
            "user": ["u", "v", "u", "u", "v", "u", "w"],
            "t": [0, 0, 10, 20, 5, 30, 1],
            "x": [None, 7.0, 1.0, None, None, 5.0, None],
        }
    )
    inside = impute_column(table, "x", "interpolate", time="t", within="user")["x"].to_list()
    assert inside == [1.0, 7.0, 1.0, 3.0, 7.0, 5.0, None]
    straight = impute_column(table.filter(pl.col("user") == "u"), "x", "interpolate", time="t")["x"].to_list()
    assert straight == [1.0, 1.0, 3.0, 5.0]


def test_a_linear_rule_is_recovered() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=200), rng.choice(["red", "blue"], 200)
    truth = 3 * a + np.where(b == "red", 2.0, -1.0)
    missing = rng.random(200) < 0.3
    table = pl.DataFrame({"a": a, "b": b, "y": np.where(missing, np.nan, truth)}).with_columns(
        pl.col("y").fill_nan(None)
    )
    predicted = impute_column(table, "y", "model", by=["a", "b"])["y"].to_numpy()
    assert np.abs(predicted - truth).max() < 0.01
    mean = impute_column(table, "y", "mean")["y"].to_numpy()
    assert np.abs(mean - truth)[missing].mean() > 100 * np.abs(predicted - truth)[missing].mean()


def test_text_is_predicted_from_its_group() -> None:
    table = pl.DataFrame({"brand": ["x", "x", "y", "y", "z"], "kind": ["tea", None, "pan", None, None]})
    assert impute_column(table, "kind", "model", by=["brand"])["kind"].to_list() == ["tea", "tea", "pan", "pan", "pan"]


def test_missing_predictors_do_not_stop_a_prediction() -> None:
    table = pl.DataFrame({"a": [1.0, 2.0, None, 4.0], "y": [1.0, 2.0, 3.0, None]})
    assert np.isfinite(impute_column(table, "y", "model", by=["a"])["y"].to_numpy()).all()


@pytest.mark.parametrize(
    ("column", "method", "options", "kind", "message"),
    [
        ("x", "average", {}, OptionError, r"method='average' is not known\. Allowed: mean, median"),
        ("y", "mean", {}, OptionError, r"column='y' is not known\. Allowed: x, word, n"),
        ("word", "mean", {}, DataError, r"'word' has the type String, which has no mean\. Use most_frequent"),
        ("x", "interpolate", {}, OptionError, "Name the column of times"),
        ("x", "model", {}, OptionError, "Name the columns that predict"),
        ("word", "model", {}, OptionError, "Name the columns that predict"),
        ("x", "model", {"by": ["q"]}, OptionError, "column='q' is not known"),
    ],
)
def test_messages(column: str, method: str, options: dict[str, object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        impute_column(TABLE, column, method, **options)  # type: ignore[arg-type]


def test_a_column_of_nothing_is_refused_and_a_full_one_is_left() -> None:
    with pytest.raises(DataError, match="'x' has no known value to impute from"):
        impute_column(pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64}), "x", "mean")
    full = pl.DataFrame({"x": [1, 2]})
    assert impute_column(full, "x", "mean") is full
