"""Impossible values and times: outside the range of a column, or outside the lifetime of the platform or the item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from penchant.cleaning.finding import Finding, Repair, decode_events, with_note, with_table
from penchant.data import schema
from penchant.data.dataset import Dataset

Range = tuple[float, float]


@dataclass(frozen=True)
class ImpossibleOptions:
    """Ranges of possible values, both ends included."""

    cells: Mapping[str, Range] = field(
        default_factory=lambda: {
            schema.DWELL_S: (0, 86_400),
            schema.POSITION: (0, 1e6),
            schema.PROPENSITY: (0, 1),
            schema.PRICE: (0, 1e9),
            "age": (0, 120),
            "year": (0, 2100),
        }
    )
    """Lowest and highest value of columns of any table. A cell outside becomes missing."""
    value: Range | None = None
    """Lowest and highest value of an event (ratings of 1 to 5). The rule flags an event outside; none: not checked."""
    since_s: int | None = None
    """First second of the platform, UTC; none: not checked."""
    until_s: int | None = None
    """Last second of the platform, UTC; none: not checked."""


def find_impossible_events(dataset: Dataset, options: ImpossibleOptions = ImpossibleOptions()) -> Finding:
    """Flag events before `since_s`, after `until_s` or with a value off its scale."""
    time, value = pl.col(schema.TIME_S), pl.col(schema.VALUE)
    wrong = pl.lit(False)
    if options.since_s is not None:
        wrong = wrong | (time < options.since_s)
    if options.until_s is not None:
        wrong = wrong | (time > options.until_s)
    if options.value is not None:
        wrong = wrong | ~value.is_between(*options.value)
    mask = dataset.events.with_columns(wrong.fill_null(False).alias("wrong"))["wrong"]
    rows = np.flatnonzero(mask.to_numpy())
    return Finding("impossible_events", schema.EVENTS, "impossible time or value", rows, decode_events(dataset, rows))


def find_events_before_item(dataset: Dataset, *, slack_s: int = 86_400) -> Finding:
    """Flag events more than `slack_s` seconds before `created_at` of their item (a day: dates carry no zone).

    They are a sign of shuffled times, wrong time zones or recycled ids.
    """
    rows, early = np.empty(0, dtype=np.int64), pl.Series("early_s", [], dtype=pl.Int64)
    if schema.CREATED_AT in dataset.items.columns and dataset.items[schema.CREATED_AT].dtype.is_integer():
        born = dataset.items[schema.CREATED_AT].gather(dataset.events[schema.ITEM].fill_null(0))
        born = born.set(dataset.events[schema.ITEM].is_null(), None)
        early = (born - dataset.events[schema.TIME_S]).alias("early_s")
        rows = np.flatnonzero((early > slack_s).fill_null(False).to_numpy())
    details = decode_events(dataset, rows).with_columns(early.gather(rows))
    return Finding("events_before_item", schema.EVENTS, "event before its item existed", rows, details)


def clear_impossible_cells(dataset: Dataset, options: ImpossibleOptions = ImpossibleOptions()) -> Repair:
    """Clear cells outside their range in events, items and users; the rows stay."""
    counts: dict[str, int] = {}
    notes: list[str] = []
    for table in (schema.EVENTS, schema.ITEMS, schema.USERS):
        frame: pl.DataFrame = getattr(dataset, table)
        for name, (low, high) in options.cells.items():
            if name not in frame.columns or not frame.schema[name].is_numeric():
                continue
            outside = (~frame[name].is_between(low, high)).fill_null(False)
            if not outside.any():
                continue
            counts[f"{table}.{name}"] = int(outside.sum())
            notes.append(f"{int(outside.sum()):,} cells of {name} outside {low:,.15g} to {high:,.15g} cleared")
            frame = frame.with_columns(frame[name].set(outside, None))
            dataset = with_note(dataset, table, notes[-1])
        dataset = with_table(dataset, table, frame)
    return Repair(dataset, counts, notes)
