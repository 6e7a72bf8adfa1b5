"""Repeated events: the same user, item and kind within seconds (double clicks, retried requests)."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.cleaning.finding import Finding, decode_events
from penchant.data import schema
from penchant.data.dataset import Dataset


def find_repeated_events(dataset: Dataset, *, within_s: int = 2) -> Finding:
    """Flag events that repeat another of the same user, item and kind at most `within_s` seconds before.

    The first event of a run stays; events without an item or a time are left alone. In some data a quick repeat is
    intended (two lines of one basket): inspect the finding before you quarantine it.
    """
    events = dataset.events
    span = pl.col(schema.TIME_S).diff().over(schema.USER, schema.ITEM, schema.KIND)
    gap = events.select(pl.when(pl.col(schema.ITEM).is_not_null()).then(span))[schema.TIME_S].alias("gap_s")
    rows = np.flatnonzero((gap <= within_s).fill_null(False).to_numpy())
    details = decode_events(dataset, rows).with_columns(gap.gather(rows))
    return Finding("repeated_events", schema.EVENTS, f"repeats an event within {within_s} s", rows, details)
