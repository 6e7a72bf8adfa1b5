"""The reference data of list metrics, besides targets: counts of the training part, categories, a modality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int64s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.ragged import Ragged

CONTENT_MODALITIES = (schema.TEXT, schema.IMAGE, schema.AUDIO, schema.ATTRIBUTES)
"""Modalities for diversity: the first that the items have. `behaviour` is no content, so it is not among them."""


@dataclass(frozen=True)
class Background:
    """Counts of a training part: `item_events` `[N]`, `item_users` `[N]`, `user_events` `[U]`, active users.

    `categories` has one row per item (codes below `n_categories`); `modality` has item vectors; both may be None.
    """

    item_events: Int64s
    item_users: Int64s
    user_events: Int64s
    n_users: int
    categories: Ragged | None = None
    n_categories: int = 0
    modality: Modality | None = None

    @property
    def n_items(self) -> int:
        """Number of items N."""
        return len(self.item_events)

    @property
    def head(self) -> Bools:
        """The most popular items, which together have 80 % of the events `[N]`; the others are the tail."""
        order = np.argsort(-self.item_events, kind="stable")
        before = np.cumsum(self.item_events[order]) - self.item_events[order]
        out = np.zeros(self.n_items, dtype=np.bool_)
        out[order] = before < 0.8 * self.item_events.sum()
        return out & (self.item_events > 0)


def measure_background(train: Dataset, modalities: Modalities | None = None) -> Background:
    """Count the background of a training part; items and users keep their codes."""
    events = train.events.drop_nulls(schema.ITEM)
    items, users = events[schema.ITEM].to_numpy(), events[schema.USER].to_numpy()
    pairs = np.unique(users.astype(np.int64) * max(1, train.n_items) + items) % max(1, train.n_items)
    categories, n_categories = encode_categories(train.items)
    chosen = next((modalities[m] for m in CONTENT_MODALITIES if m in modalities), None) if modalities else None
    return Background(
        item_events=np.bincount(items, minlength=train.n_items).astype(np.int64),
        item_users=np.bincount(pairs, minlength=train.n_items).astype(np.int64),
        user_events=np.bincount(train.events[schema.USER].to_numpy(), minlength=train.n_users).astype(np.int64),
        n_users=int(train.events[schema.USER].n_unique()),
        categories=categories,
        n_categories=n_categories,
        modality=chosen,
    )


def encode_categories(items: pl.DataFrame) -> tuple[Ragged | None, int]:
    """Category codes of each item and how many categories there are; None without such a column.

    >>> rows, n = encode_categories(pl.DataFrame({"categories": [["b", "a"], None, ["a"]]}))
    >>> rows.values.tolist(), rows.lengths.tolist(), n
    ([1, 0, 0], [2, 0, 1], 2)
    """
    if schema.CATEGORIES not in items.columns:
        return None, 0
    column = pl.col(schema.CATEGORIES)
    listed = column if isinstance(items.schema[schema.CATEGORIES], pl.List) else column.cast(pl.String).str.split("|")
    rows = (
        items.select(listed.cast(pl.List(pl.String)).alias("category"))
        .with_row_index("item")
        .explode("category")
        .with_columns(pl.col("category").str.strip_chars())
        .filter(pl.col("category").is_not_null() & (pl.col("category") != ""))
    )
    names = rows["category"].unique().sort()
    if not len(names):
        return None, 0
    codes = rows.with_columns(pl.col("category").rank("dense").cast(pl.Int32) - 1)
    return Ragged.group(codes["item"].to_numpy(), codes["category"].to_numpy(), items.height), len(names)
