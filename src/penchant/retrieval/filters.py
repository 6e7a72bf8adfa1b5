"""Filters: which items may be recommended at all, from the columns of the item table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int32s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.errors import OptionError, UnknownIdError, UsageError


@dataclass(frozen=True)
class Filters:
    """Conditions that an item must all meet.

    - `categories`: it has at least one of these.
    - `attributes`: its column equals the value, or one of the values where a list is given (lists of the item
      must share one); numbers may be given as text.
    - `allow`: only these item ids; `deny`: none of these. An allow list that is empty allows nothing; None allows all.
    - `price_min`, `price_max`: its price lies between (both ends included); an item without a price does not.
    """

    categories: Sequence[str] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    allow: Sequence[str] | None = None
    deny: Sequence[str] = ()
    price_min: float | None = None
    price_max: float | None = None

    def __post_init__(self) -> None:
        low, high = self.price_min, self.price_max
        if low is not None and high is not None and low > high:
            raise UsageError(
                f"price_min={low} is above price_max={high}.", remedy="No price can lie between: swap them."
            )

    def mask(self, dataset: Dataset) -> Bools:
        """Which items may be recommended, bool `[N]`.

        Raises `OptionError` for a column or category that the items do not have, `UnknownIdError` for an unknown id.
        """
        allowed = np.ones(dataset.n_items, dtype=np.bool_)
        if self.categories:
            allowed &= _match_categories(dataset.items, self.categories)
        for column, value in self.attributes.items():
            allowed &= _match_values(dataset.items, column, value)
        if self.price_min is not None or self.price_max is not None:
            allowed &= _match_price(dataset.items, self.price_min, self.price_max)
        if self.allow is not None:
            listed = np.zeros(dataset.n_items, dtype=np.bool_)
            listed[_encode_ids(dataset, self.allow, "allow")] = True
            allowed &= listed
        allowed[_encode_ids(dataset, self.deny, "deny")] = False
        return allowed


def _match_categories(items: pl.DataFrame, wanted: Sequence[str]) -> Bools:
    column = _get_column(items, schema.CATEGORIES, "categories")
    known = column.explode().drop_nulls().unique() if column.dtype == pl.List else column.unique()
    for category in wanted:
        if category not in known:
            raise OptionError("category", category, allowed=_sample_values(known))
    return _match_values(items, schema.CATEGORIES, list(wanted))


def _match_values(items: pl.DataFrame, name: str, value: object) -> Bools:
    column = _get_column(items, name, "attribute")
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    inner = column.dtype.inner if isinstance(column.dtype, pl.List) else column.dtype
    try:
        wanted = pl.Series(values).cast(inner, strict=True).implode()
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise UsageError(
            f"The attribute {name!r} holds {inner}; {values} is not that.",
            remedy=f"Values are like {_sample_values(column)[:3]}.",
        ) from error
    frame = pl.DataFrame({name: column})
    if isinstance(column.dtype, pl.List):
        shared = frame.select(pl.col(name).list.set_intersection(pl.lit(wanted)).list.len() > 0)
    else:
        shared = frame.select(pl.col(name).is_in(pl.lit(wanted)))
    return shared.to_series().fill_null(False).to_numpy().astype(np.bool_)


def _match_price(items: pl.DataFrame, low: float | None, high: float | None) -> Bools:
    price = (
        _get_column(items, schema.PRICE, "price_min or price_max").cast(pl.Float64).fill_null(float("nan")).to_numpy()
    )
    inside = ~np.isnan(price)
    if low is not None:
        inside &= price >= low
    if high is not None:
        inside &= price <= high
    return np.asarray(inside, dtype=np.bool_)


def _get_column(items: pl.DataFrame, name: str, what: str) -> pl.Series:
    if name not in items.columns:
        others = [column for column in items.columns if column != schema.ITEM_ID]
        raise OptionError(
            f"filter by {what}: column", name, allowed=others, remedy="The item table must have the column."
        )
    return items[name]


def _encode_ids(dataset: Dataset, ids: Sequence[str], what: str) -> Int32s:
    if isinstance(ids, str):
        raise UsageError(f"{what}={ids!r} is one string.", remedy="Give a list of item ids.")
    codes = dataset.item_vocabulary.encode(list(ids)) if len(ids) else np.empty(0, dtype=np.int32)
    if (codes < 0).any():
        first = list(ids)[int(np.flatnonzero(codes < 0)[0])]
        near = dataset.item_vocabulary.ids.head(20_000).to_list()
        raise UnknownIdError("item", first, near=near, remedy=f"Take it off the {what} list.")
    return codes


def _sample_values(column: pl.Series) -> list[str]:
    """A few dozen values of a column, for a message."""
    flat = column.explode() if column.dtype == pl.List else column
    return [str(value) for value in flat.drop_nulls().unique().sort().head(40).to_list()]
