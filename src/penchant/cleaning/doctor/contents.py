"""The contents of a data set in counts."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.results.contents import DatasetContents


def count_contents(dataset: Dataset) -> DatasetContents:
    """Count users, items, events, kinds and texts of a data set.

    >>> log = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "timestamp": [1700000000] * 3}
    >>> contents = count_contents(Dataset.from_tables(log))
    >>> contents.users, contents.median_events, contents.first_time
    (2, 1.5, '2023-11-14T22:13:20Z')
    """
    events = dataset.events
    lengths = dataset.sequences().lengths
    lengths = lengths[lengths > 0]
    kinds = events[schema.KIND].value_counts(sort=True)
    texts = [column for column in (schema.TITLE, schema.DESCRIPTION, schema.TEXT) if column in dataset.items.columns]
    has_text = dataset.items.select(pl.any_horizontal([pl.col(c).is_not_null() for c in texts])) if texts else None
    times = events[schema.TIME_S].drop_nulls()
    return DatasetContents(
        users=dataset.n_users,
        items=dataset.n_items,
        events=dataset.n_events,
        kinds=dict(zip(dataset.kinds.decode(kinds[schema.KIND].to_numpy()), kinds["count"].to_list(), strict=True)),
        first_time=_format_time(times.min()),
        last_time=_format_time(times.max()),
        median_events=float(np.median(lengths)) if len(lengths) else 0.0,
        most_events=int(lengths.max(initial=0)),
        items_with_events=int(events[schema.ITEM].drop_nulls().n_unique()),
        items_with_text=int(has_text.to_series().sum()) if has_text is not None else 0,
        relations=dataset.relations.height if dataset.relations is not None else 0,
    )


def _format_time(time_s: object) -> str | None:
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z") if isinstance(time_s, int) else None
