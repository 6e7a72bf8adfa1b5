"""Imputation of a dataset's missing cells, one method a column; the report counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args

import numpy as np
import polars as pl

from penchant.cleaning.finding import TABLES, Finding, with_note, with_table
from penchant.cleaning.imputation import Method, impute_column
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.errors import OptionError, UsageError

MOST_CATEGORIES = 50
"""Columns with more different texts than this predict nothing: a title identifies its row."""
_NO_VALUES = frozenset(
    {
        *(schema.EVENT_ID, schema.ITEM_ID, schema.USER_ID),
        schema.USER,
        schema.ITEM,
        schema.KIND,
        schema.TIME_S,
        schema.SEQ,
    }
)


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
