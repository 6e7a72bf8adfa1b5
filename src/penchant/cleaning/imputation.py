"""Imputation: fill missing cells, one method per column, or drop their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast, get_args

import numpy as np
import polars as pl

from penchant.arrays import Float64s
from penchant.cleaning.finding import TABLES, Finding, with_note, with_table
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.errors import DataError, OptionError, UsageError

Method = Literal["mean", "median", "max", "most_frequent", "interpolate", "model", "drop"]

_RIDGE = 1e-3
MOST_CATEGORIES = 50
"""Columns with more distinct texts than this are no predictors: a title identifies its row."""
_NO_VALUES = frozenset(
    (schema.EVENT_ID, schema.ITEM_ID, schema.USER_ID, schema.USER, schema.ITEM, schema.KIND, schema.TIME_S, schema.SEQ)
)
"""Ids, codes and times: neither imputed nor predictors."""


def check_imputation(methods: Mapping[str, str]) -> None:
    """Raise `UsageError` or `OptionError` for a key that is no `table.column` and for an unknown method."""
    for path, method in methods.items():
        table, _, column = path.partition(".")
        if not column:
            raise UsageError(
                f"impute={path!r} names no column.", remedy="Write TABLE.COLUMN=METHOD, as in items.price=median."
            )
        if table not in TABLES:
            raise OptionError("table", table, allowed=TABLES)
        if method not in get_args(Method):
            raise OptionError("method", method, allowed=get_args(Method))


def impute(dataset: Dataset, methods: Mapping[str, str]) -> Dataset:
    """Fill missing cells by column, `{"items.price": "median"}`, with the methods of `impute_column`.

    `interpolate` follows the times of each user's events. `model` predicts from the table's other columns that are
    numeric or have few categories. `drop` moves the rows to the quarantine of the report. Raises `OptionError`,
    `UsageError`, `DataError`.
    """
    check_imputation(methods)
    for path, method in methods.items():
        table, _, column = path.partition(".")
        frame: pl.DataFrame = getattr(dataset, table)
        allowed = [name for name in frame.columns if name not in _NO_VALUES]
        if column not in allowed:
            raise OptionError("column", column, allowed=allowed)
        missing = frame[column].is_null()
        if not missing.any():
            continue
        if method == "drop":
            rows = np.flatnonzero(missing.to_numpy()).astype(np.int64)
            dataset = Finding("missing", table, f"{column} is missing", rows, frame[rows]).quarantine(dataset)
            continue
        if method == "interpolate" and table != schema.EVENTS:
            raise UsageError(f"{path}=interpolate: {table} have no time.", remedy="Use it for a column of events.")
        orders = {"time": schema.TIME_S, "within": schema.USER} if method == "interpolate" else {}
        by = _select_predictors(frame, column) if method == "model" else ()
        new = impute_column(frame, column, cast(Method, method), by=by, **orders)[column]
        if frame[column].dtype.is_float():
            new = new.cast(frame[column].dtype)
        count = int(missing.sum()) - new.null_count()
        dataset = with_table(dataset, table, frame.with_columns(new))
        dataset = with_note(dataset, table, f"{column}: {count:,} missing cells imputed ({method})")
    return dataset


def impute_column(
    frame: pl.DataFrame, column: str, method: Method, *, time: str = "", within: str = "", by: Sequence[str] = ()
) -> pl.DataFrame:
    """The table with the missing cells of one column imputed.

    - `mean`, `median`, `max`: of the known numbers.
    - `most_frequent`: of the known values of any type; ties go to the smallest.
    - `interpolate`: linear in the column `time`, separately for each value of `within` (such as the user); the first
      and the last known value continue outwards.
    - `model`: ridge regression on the columns `by` (numbers, and one-hot texts); a text column takes the most
      frequent value among rows equal in `by`.
    - `drop`: rows with a missing cell leave.

    Raises `OptionError` for an unknown method or column, `DataError` if the column has no value or the wrong type.

    >>> impute_column(pl.DataFrame({"x": [1.0, None, 5.0]}), "x", "mean")["x"].to_list()
    [1.0, 3.0, 5.0]
    >>> table = pl.DataFrame({"t": [0, 1, 4], "x": [0.0, None, 8.0]})
    >>> impute_column(table, "x", "interpolate", time="t")["x"].to_list()
    [0.0, 2.0, 8.0]
    """
    _check(frame, column, method, [name for name in (time, within, *by) if name])
    if method == "model" and not by:
        raise OptionError("by", "", allowed=frame.columns, remedy="Name the columns that predict the missing one.")
    values = frame[column]
    if method == "drop":
        return frame.filter(values.is_not_null())
    if not values.null_count():
        return frame
    if values.null_count() == len(values):
        raise DataError(f"The column {column!r} has no known value to impute from.", remedy="Leave the column out.")
    if method == "most_frequent":
        return frame.with_columns(values.fill_null(values.drop_nulls().mode().sort()[0]))
    if method == "model" and not values.dtype.is_numeric():
        return frame.with_columns(_impute_by_group(frame, column, by))
    if not values.dtype.is_numeric():
        raise DataError(
            f"The column {column!r} has the type {values.dtype}, which has no {method}.",
            remedy="Use most_frequent, model or drop.",
        )
    numbers = values.cast(pl.Float64)
    if method == "interpolate":
        return frame.with_columns(_interpolate(frame, numbers, time, within))
    if method == "model":
        return frame.with_columns(_predict(frame, numbers, by))
    middle = {"mean": numbers.mean, "median": numbers.median, "max": numbers.max}[method]()
    return frame.with_columns(numbers.fill_null(middle))


def _select_predictors(frame: pl.DataFrame, column: str) -> Sequence[str]:
    """The other columns of a table that can predict one: numbers, and texts with few categories."""
    predictors = []
    for name in frame.columns:
        if name in _NO_VALUES | {column}:
            continue
        values = frame[name]
        if values.dtype.is_numeric() or (values.dtype == pl.String and values.n_unique() <= MOST_CATEGORIES):
            predictors.append(name)
    if not predictors:
        raise UsageError(
            f"{column}=model: no other column of the table is numeric or has few categories.",
            remedy="Use median or most_frequent.",
        )
    return predictors


def _check(frame: pl.DataFrame, column: str, method: str, others: Sequence[str]) -> None:
    if method not in get_args(Method):
        raise OptionError("method", method, allowed=get_args(Method))
    for name in (column, *others):
        if name not in frame.columns:
            raise OptionError("column", name, allowed=frame.columns)


def _interpolate(frame: pl.DataFrame, numbers: pl.Series, time: str, within: str) -> pl.Series:
    if not time:
        raise OptionError("time", time, allowed=frame.columns, remedy="Name the column of times.")
    group = frame[within].rank("dense").fill_null(0).to_numpy().astype(np.int64) if within else np.zeros(len(numbers))
    clock = frame[time].cast(pl.Float64).to_numpy()
    known = numbers.is_not_null().to_numpy() & np.isfinite(clock)
    order = np.lexsort((clock, group))
    out = numbers.to_numpy().copy()
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    for rows in np.split(order, bounds):  # one step per group, not per row
        known_rows, unknown_rows = rows[known[rows]], rows[~known[rows] & np.isfinite(clock[rows])]
        if len(known_rows) and len(unknown_rows):
            out[unknown_rows] = np.interp(clock[unknown_rows], clock[known_rows], out[known_rows])
    return pl.Series(numbers.name, out).fill_nan(None)


def _build_features(frame: pl.DataFrame, by: Sequence[str]) -> Float64s:
    """Columns of `by` as numbers: standardised, missing ones 0 with an indicator column; text one-hot."""
    parts: list[Float64s] = [np.ones((frame.height, 1))]
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


def _predict(frame: pl.DataFrame, numbers: pl.Series, by: Sequence[str]) -> pl.Series:
    """Ridge regression, fitted on the rows with a value, predicts the rows without."""
    features = _build_features(frame, by)
    known = numbers.is_not_null().to_numpy()
    x, y = features[known], numbers.to_numpy()[known]
    centre = float(y.mean())  # w = (XᵀX + ridge · I)⁻¹ Xᵀ(y − ȳ)
    weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (y - centre))
    return pl.Series(numbers.name, np.where(known, numbers.to_numpy(), features @ weights + centre))


def _impute_by_group(frame: pl.DataFrame, column: str, by: Sequence[str]) -> pl.Series:
    """The most frequent text among rows equal in `by`; where no such row has one, the most frequent of all."""
    of_group = pl.col(column).drop_nulls().mode().sort().first().over(list(by))
    guess = frame.select(of_group.alias("guess"))["guess"]
    overall = frame[column].drop_nulls().mode().sort()[0]
    return frame[column].zip_with(frame[column].is_not_null(), guess).fill_null(overall)
