"""Near duplicates of events: the same user, item and kind again within a moment (double clicks, retried requests)."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.cleaning.finding import Finding, readable
from penchant.data import schema
from penchant.data.dataset import Dataset


def repeated_events(dataset: Dataset, *, within_s: int = 2) -> Finding:
    """Find events that repeat another of the same user, item and kind at most `within_s` seconds before.

    The first of a run is never found; events without an item or a time are left alone. Not for data in which a repeat
    within the span is meant (two lines of one basket): look at the finding before it is put in quarantine.
    """
    events = dataset.events
    span = pl.col(schema.TIME_S).diff().over(schema.USER, schema.ITEM, schema.KIND)
    gap = events.select(pl.when(pl.col(schema.ITEM).is_not_null()).then(span))[schema.TIME_S].alias("gap_s")
    rows = np.flatnonzero((gap <= within_s).fill_null(False).to_numpy())
    details = readable(dataset, rows).with_columns(gap.gather(rows))
    return Finding("repeated_events", schema.EVENTS, f"repeats an event within {within_s} s", rows, details)
