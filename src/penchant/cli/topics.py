"""Interest vectors in words: how near each stands to the items of each category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema
from penchant.errors import ModelError

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender

_MOST = 40
_FEWEST_ITEMS = 3


def category_weights(
    rec: Recommender, vectors: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], list[str]] | None:
    """Weights `[T, K]` of the K largest categories for interest vectors `[T, D]`, rows summing to 1, and their names.

    None where the items have no categories or the model has no item vectors.
    """
    from penchant.metrics.interest_recovery import topic_readout

    items = rec.dataset.items
    if schema.CATEGORIES not in items.columns or not len(vectors):
        return None
    column = items[schema.CATEGORIES]
    listed = column if isinstance(column.dtype, pl.List) else column.cast(pl.String).str.split("|")
    rows = pl.DataFrame({"category": listed.cast(pl.List(pl.String))}).with_row_index("item").explode("category")
    sizes = rows.drop_nulls("category")["category"].value_counts().sort(["count", "category"], descending=[True, False])
    names = sizes.filter(pl.col("count") >= _FEWEST_ITEMS)["category"].head(_MOST).to_list()
    if len(names) < 2:
        return None
    places = rows.join(pl.DataFrame({"category": names}).with_row_index("topic"), on="category")
    member = np.zeros((items.height, len(names)))
    member[places["item"].to_numpy(), places["topic"].to_numpy()] = 1.0
    try:
        item_vectors = rec.dense_model().item_vectors
    except ModelError:
        return None
    return topic_readout(vectors, item_vectors, member), names
