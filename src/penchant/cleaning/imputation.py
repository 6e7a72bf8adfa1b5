"""Missing cells of a column, filled by a rule that is said; or their rows left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.errors import DataError, OptionError

Fill = Literal["mean", "median", "max", "most_frequent", "interpolate", "model", "drop"]

_RIDGE = 1e-3


def imputed(
    frame: pl.DataFrame,
    column: str,
    how: Fill,
    *,
    time: str = "",
    within: str = "",
    by: Sequence[str] = (),
) -> pl.DataFrame:
    """A table with the missing cells of one column filled.

    `how`: `mean`, `median`, `max` (numbers), `most_frequent` (anything; of ties the smallest), `interpolate` (linear in
    the column `time`, inside each value of `within`, such as the user; before the first and after the last known
    value that value), `model` (ridge regression on the numbers and one-hot texts of `by`; for text the value of the
    best matching group), `drop` (rows with a missing cell are left out).

    Raises `OptionError` for an unknown rule or column, `DataError` where the column has no value or the wrong type.

    >>> imputed(pl.DataFrame({"x": [1.0, None, 5.0]}), "x", "mean")["x"].to_list()
    [1.0, 3.0, 5.0]
    >>> table = pl.DataFrame({"t": [0, 1, 4], "x": [0.0, None, 8.0]})
    >>> imputed(table, "x", "interpolate", time="t")["x"].to_list()
    [0.0, 2.0, 8.0]
    """
    _check(frame, column, how, [name for name in (time, within, *by) if name])
    values = frame[column]
    if how == "drop":
        return frame.filter(values.is_not_null())
    if not values.null_count():
        return frame
    if values.null_count() == len(values):
        raise DataError(f"The column {column!r} has no value to fill others from.", remedy="Leave the column out.")
    if how == "most_frequent":
        return frame.with_columns(values.fill_null(values.drop_nulls().mode().sort()[0]))
    if how == "model" and not values.dtype.is_numeric():
        return frame.with_columns(_by_group(frame, column, by))
    if not values.dtype.is_numeric():
        raise DataError(
            f"The column {column!r} holds {values.dtype}, which has no {how}.",
            remedy="Use most_frequent, model or drop.",
        )
    numbers = values.cast(pl.Float64)
    if how == "interpolate":
        return frame.with_columns(_interpolated(frame, numbers, time, within))
    if how == "model":
        return frame.with_columns(_predicted(frame, numbers, by))
    middle = {"mean": numbers.mean, "median": numbers.median, "max": numbers.max}[how]()
    return frame.with_columns(numbers.fill_null(middle))


def _check(frame: pl.DataFrame, column: str, how: str, others: Sequence[str]) -> None:
    if how not in get_args(Fill):
        raise OptionError("how", how, allowed=get_args(Fill))
    for name in (column, *others):
        if name not in frame.columns:
            raise OptionError("column", name, allowed=frame.columns)


def _interpolated(frame: pl.DataFrame, numbers: pl.Series, time: str, within: str) -> pl.Series:
    if not time:
        raise OptionError("time", time, allowed=frame.columns, remedy="Say which column holds the time.")
    group = frame[within].rank("dense").fill_null(0).to_numpy().astype(np.int64) if within else np.zeros(len(numbers))
    clock = frame[time].cast(pl.Float64).to_numpy()
    known = numbers.is_not_null().to_numpy() & np.isfinite(clock)
    order = np.lexsort((clock, group))
    out = numbers.to_numpy().copy()
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    for rows in np.split(order, bounds):  # one turn a group, not a row
        have, lack = rows[known[rows]], rows[~known[rows] & np.isfinite(clock[rows])]
        if len(have) and len(lack):
            out[lack] = np.interp(clock[lack], clock[have], out[have])
    return pl.Series(numbers.name, out).fill_nan(None)


def _features(frame: pl.DataFrame, by: Sequence[str]) -> npt.NDArray[np.float64]:
    """Columns of `by` as numbers: standardised, missing ones 0 with a mark; text one-hot."""
    parts: list[npt.NDArray[np.float64]] = [np.ones((frame.height, 1))]
    for name in by:
        column = frame[name]
        if column.dtype.is_numeric():
            x = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            absent = ~np.isfinite(x)
            deviation = float(np.std(x[~absent])) if (~absent).any() else 0.0
            centred = np.where(absent, 0.0, x - (np.mean(x[~absent]) if (~absent).any() else 0.0))
            parts.append((centred / (deviation or 1.0))[:, None])
            if absent.any():
                parts.append(absent.astype(np.float64)[:, None])
        else:
            parts.append(column.cast(pl.String).to_frame().to_dummies().to_numpy().astype(np.float64))
    return np.hstack(parts)


def _predicted(frame: pl.DataFrame, numbers: pl.Series, by: Sequence[str]) -> pl.Series:
    """Ridge regression from the rows that have a value to those that lack it."""
    if not by:
        raise OptionError("by", "", allowed=frame.columns, remedy="Say which columns predict the missing one.")
    features = _features(frame, by)
    known = numbers.is_not_null().to_numpy()
    x, y = features[known], numbers.to_numpy()[known]
    centre = float(y.mean())
    weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (y - centre))
    return pl.Series(numbers.name, np.where(known, numbers.to_numpy(), features @ weights + centre))


def _by_group(frame: pl.DataFrame, column: str, by: Sequence[str]) -> pl.Series:
    """The most frequent text among rows equal in `by`; overall where there is none."""
    if not by:
        raise OptionError("by", "", allowed=frame.columns, remedy="Say which columns predict the missing one.")
    of_group = pl.col(column).drop_nulls().mode().sort().first().over(list(by))
    guess = frame.select(of_group.alias("guess"))["guess"]
    overall = frame[column].drop_nulls().mode().sort()[0]
    return frame[column].zip_with(frame[column].is_not_null(), guess).fill_null(overall)
