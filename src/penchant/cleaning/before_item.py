"""Events before their item existed: a sign of shuffled times, wrong time zones or recycled ids."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.cleaning.finding import Finding, decode_events
from penchant.data import schema
from penchant.data.dataset import Dataset


def find_events_before_item(dataset: Dataset, *, slack_s: int = 86_400) -> Finding:
    """Flag events more than `slack_s` seconds before `created_at` of their item (a day: dates carry no zone)."""
    rows, early = np.empty(0, dtype=np.int64), pl.Series("early_s", [], dtype=pl.Int64)
    if schema.CREATED_AT in dataset.items.columns and dataset.items[schema.CREATED_AT].dtype.is_integer():
        born = dataset.items[schema.CREATED_AT].gather(dataset.events[schema.ITEM].fill_null(0))
        born = born.set(dataset.events[schema.ITEM].is_null(), None)
        early = (born - dataset.events[schema.TIME_S]).alias("early_s")
        rows = np.flatnonzero((early > slack_s).fill_null(False).to_numpy())
    details = decode_events(dataset, rows).with_columns(early.gather(rows))
    return Finding("events_before_item", schema.EVENTS, "event before its item existed", rows, details)
