"""The categories of items as classes of the category probe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from penchant.arrays import Int64s, Ints
from penchant.data import schema
from penchant.data.schema import OTHERS
from penchant.errors import DataError


def first_categories(items: pl.DataFrame) -> pl.Series:
    """The first category of every item `[N]`, null for none. Raises `DataError` if no item has one.

    >>> first_categories(pl.DataFrame({"categories": ["纪录片|音乐", "", None, "音乐"]})).to_list()
    ['纪录片', None, None, '音乐']
    """
    if schema.CATEGORIES in items.columns:
        column = items[schema.CATEGORIES]
        listed = column if isinstance(column.dtype, pl.List) else column.cast(pl.String).str.split("|")
        names = listed.cast(pl.List(pl.String)).list.first().str.strip_chars()
        names = names.set(names == "", None)
        if names.null_count() < len(names):
            return names
    raise DataError(
        "No item has a category, so there are no classes for the category probe.",
        remedy="Fill the column categories of the items, or set probes.fit=interest.",
    )


def select_frequent_categories(items: pl.DataFrame, events: Ints, most: int) -> tuple[str, ...]:
    """Names of the `most` most frequent categories of these events (item codes, -1: none), then `OTHERS`.

    `OTHERS` is added if a category has no class, which a category of that name never has. Raises `DataError` for fewer
    than two categories.
    """
    names = first_categories(items)
    seen = names.gather(events[(events >= 0) & (events < len(names))].astype(np.int64)).drop_nulls()
    n_seen = seen.n_unique()
    seen = seen.filter(seen != OTHERS)  # a category of that very name is one of the others
    counted = pl.DataFrame({"name": seen}).group_by("name").len().sort(["len", "name"], descending=[True, False])
    classes = counted["name"].head(most).to_list()
    if names.drop_nulls().n_unique() > len(classes):
        classes.append(OTHERS)
    if n_seen < 2:
        raise DataError(
            f"The events for the probes have {n_seen} category: a classifier needs two.",
            remedy="Provide more events, or set probes.fit=interest.",
        )
    return tuple(classes)


def encode_first_categories(items: pl.DataFrame, classes: Sequence[str]) -> Int64s:
    """The class of every item `[N]`, -1 for an item without a category; an unknown category is of `OTHERS`."""
    names = first_categories(items)
    named = [name for name in classes if name != OTHERS]
    codes = {name: code for code, name in enumerate(named)}
    rest = len(named) if OTHERS in classes else -1
    return np.array([-1 if name is None else codes.get(name, rest) for name in names.to_list()], dtype=np.int64)
