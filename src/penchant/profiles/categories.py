"""Interests in words: the weight of each category in interest vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.arrays import Float32s, Float64s
from penchant.data import schema
from penchant.metrics.interest_recovery import read_out_topics

MOST_CATEGORIES = 40
FEWEST_ITEMS = 3
"""A category of fewer items is left out."""


@dataclass(frozen=True)
class CategoryWeights:
    """`weights` `[T, K]` of K categories, by their `names`, in T interest vectors; each row sums to 1."""

    weights: Float64s
    names: list[str]

    def nearest(self, row: int, k: int = 3) -> str:
        """The `k` categories of the largest weights in one row, as text: `Film 40%, Jazz 20%`."""
        best = (-self.weights[row]).argsort(kind="stable")[:k]
        return ", ".join(f"{self.names[n]} {self.weights[row, n]:.0%}" for n in best)


def measure_category_weights(vectors: Float32s, item_vectors: Float32s, items: pl.DataFrame) -> CategoryWeights | None:
    """Weights of the largest categories of a catalogue `items` in interest vectors `[T, D]`.

    `item_vectors` `[N, D]` are those of the same model. None if fewer than two categories are large enough.
    """
    if schema.CATEGORIES not in items.columns or not len(vectors):
        return None
    column = items[schema.CATEGORIES]
    listed = column if isinstance(column.dtype, pl.List) else column.cast(pl.String).str.split("|")
    rows = pl.DataFrame({"category": listed.cast(pl.List(pl.String))}).with_row_index("item").explode("category")
    sizes = rows.drop_nulls("category")["category"].value_counts().sort(["count", "category"], descending=[True, False])
    names = sizes.filter(pl.col("count") >= FEWEST_ITEMS)["category"].head(MOST_CATEGORIES).to_list()
    if len(names) < 2:
        return None
    members = rows.join(pl.DataFrame({"category": names}).with_row_index("topic"), on="category")
    is_member = np.zeros((items.height, len(names)))
    is_member[members["item"].to_numpy(), members["topic"].to_numpy()] = 1.0
    return CategoryWeights(read_out_topics(vectors, item_vectors, is_member), names)
