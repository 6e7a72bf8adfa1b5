"""Missing cells of a dataset's columns, filled by the rule that was asked for and counted in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args

import numpy as np
import polars as pl

from penchant.cleaning.finding import Finding, noted, with_table
from penchant.cleaning.imputation import Fill, imputed
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.errors import OptionError, UsageError

TABLES = (schema.ITEMS, schema.USERS, schema.EVENTS)
MOST_WORDS = 50
"""Different words of a column above which it predicts nothing: a title names its row alone."""
_CODES = frozenset({schema.EVENT_ID, schema.USER, schema.ITEM, schema.KIND, schema.TIME_S, schema.SEQ})
_IDS = frozenset({schema.ITEM_ID, schema.USER_ID})


def check_fills(wanted: Mapping[str, str]) -> None:
    """Raise `UsageError` / `OptionError` for a place that is no `table.column`, or a rule that is none."""
    for place, how in wanted.items():
        table, _, column = place.partition(".")
        if not column:
            raise UsageError(
                f"fill={place!r} names no column.", remedy="Write TABLE.COLUMN=RULE, as in items.price=median."
            )
        if table not in TABLES:
            raise OptionError("table", table, allowed=TABLES)
        if how not in get_args(Fill):
            raise OptionError("rule", how, allowed=get_args(Fill))


def filled(dataset: Dataset, wanted: Mapping[str, str]) -> Dataset:
    """The dataset with missing cells filled, `{"items.price": "median"}`; rules are those of `imputed`.

    `interpolate` goes by time inside each user's events; `model` predicts from the other columns of the table that hold
    numbers or few words; `drop` sets the rows aside, in the quarantine of the report. Raises `OptionError`,
    `UsageError`, `DataError`.
    """
    check_fills(wanted)
    for place, how in wanted.items():
        table, _, column = place.partition(".")
        frame: pl.DataFrame = getattr(dataset, table)
        allowed = [name for name in frame.columns if name not in _CODES | _IDS]
        if column not in allowed:
            raise OptionError("column", column, allowed=allowed)
        missing = frame[column].is_null()
        if not missing.any():
            continue
        if how == "drop":
            rows = np.flatnonzero(missing.to_numpy()).astype(np.int64)
            dataset = Finding("missing", table, f"{column} is missing", rows, frame[rows]).quarantined(dataset)
            continue
        if how == "interpolate" and table != schema.EVENTS:
            raise UsageError(f"{place}=interpolate: {table} have no time.", remedy="Use it for a column of events.")
        orders = {"time": schema.TIME_S, "within": schema.USER} if how == "interpolate" else {}
        by = _predictors(frame, column) if how == "model" else ()
        new = imputed(frame, column, cast(Fill, how), by=by, **orders)[column]
        if frame[column].dtype.is_float():
            new = new.cast(frame[column].dtype)
        count = int(missing.sum()) - new.null_count()
        dataset = with_table(dataset, table, frame.with_columns(new))
        dataset = noted(dataset, table, f"{column}: {count:,} missing cells filled ({how})")
    return dataset


def _predictors(frame: pl.DataFrame, column: str) -> Sequence[str]:
    """The other columns of a table that may tell about one: numbers, and words of which there are few."""
    found = []
    for name in frame.columns:
        if name in _CODES | _IDS | {column}:
            continue
        values = frame[name]
        if values.dtype.is_numeric() or (values.dtype == pl.String and values.n_unique() <= MOST_WORDS):
            found.append(name)
    if not found:
        raise UsageError(
            f"{column}=model: the table has no other column of numbers or few words.",
            remedy="Use median or most_frequent.",
        )
    return found
