"""What a rule gives back: the rows it found, and the dataset without them or with their cells mended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.quarantine import REASON
from penchant.data.vocabulary import Vocabulary

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Finding:
    """Rows of one table that a rule speaks of; nothing is changed until `quarantined` or `merged` is called.

    `rows` `[M]` are row numbers of the table `table` (`events`, `items` or `users`) of the dataset it was given, so for
    items and users their codes. `details` has one row for each, in the same order: ids and what was measured.
    `instead` `[M]` (items only) says which item stands for each.
    """

    rule: str
    table: str
    reason: str
    rows: Rows
    details: pl.DataFrame
    instead: Rows | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def quarantined(self, dataset: Dataset) -> Dataset:
        """The dataset with the found rows in the quarantine of its report.

        Of found users the events go and the users stay in the table (codes do not change). Of found items the rows go,
        and their events point to the item that stands for them, or go too where none does (codes change).
        """
        if not len(self):
            return dataset
        if self.table == schema.EVENTS:
            return without_events(dataset, self.rows, self.reason)
        if self.table == schema.USERS:
            theirs = np.isin(dataset.events[schema.USER].to_numpy(), self.rows)
            return without_events(dataset, np.flatnonzero(theirs), self.reason)
        return _without_items(dataset, self)


@dataclass(frozen=True)
class Mended:
    """A dataset whose cells were changed: `cells` counts them by column, `notes` say it in words."""

    dataset: Dataset
    cells: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def readable(dataset: Dataset, rows: Rows) -> pl.DataFrame:
    """Some events with ids for codes, as a person would read them."""
    part = dataset.events[rows]
    items = part[schema.ITEM].to_numpy(writable=False) if not part[schema.ITEM].null_count() else None
    codes = part[schema.ITEM].fill_null(0).to_numpy() if items is None else items
    names = dataset.item_vocabulary.ids.gather(codes) if len(dataset.item_vocabulary) else part[schema.ITEM]
    return part.select(
        schema.EVENT_ID,
        pl.Series(schema.USER_ID, dataset.user_vocabulary.ids.gather(part[schema.USER])),
        pl.when(part[schema.ITEM].is_not_null()).then(names.cast(pl.String)).alias(schema.ITEM_ID),
        pl.Series(schema.EVENT, dataset.kinds.ids.gather(part[schema.KIND])),
        pl.exclude(schema.EVENT_ID, schema.USER, schema.ITEM, schema.KIND),
    )


def without_events(dataset: Dataset, rows: Rows, reason: str) -> Dataset:
    """The dataset without some events, which go to the quarantine of its report with the reason."""
    if not len(rows):
        return dataset
    keep = np.ones(dataset.n_events, dtype=bool)
    keep[rows] = False
    smaller = dataset.where(keep)
    if dataset.report is None:
        return smaller
    refused = readable(dataset, rows).with_columns(pl.lit(reason).alias(REASON))
    return replace(smaller, report=dataset.report.with_refused(schema.EVENTS, refused))


def with_table(dataset: Dataset, table: str, frame: pl.DataFrame) -> Dataset:
    """The dataset with the same rows of one table in other columns."""
    if table == schema.EVENTS:
        return dataset.with_events(frame)
    return replace(dataset, items=frame) if table == schema.ITEMS else replace(dataset, users=frame)


def noted(dataset: Dataset, table: str, note: str) -> Dataset:
    """The dataset with a note in its report (if it has one)."""
    return dataset if dataset.report is None else replace(dataset, report=dataset.report.with_note(table, note))


def _without_items(dataset: Dataset, finding: Finding) -> Dataset:
    gone = np.zeros(dataset.n_items, dtype=bool)
    gone[finding.rows] = True
    code = np.full(dataset.n_items, -1, dtype=np.int32)
    code[~gone] = np.arange(int((~gone).sum()), dtype=np.int32)
    if finding.instead is not None:
        code[finding.rows] = code[finding.instead]
    old = dataset.events[schema.ITEM]
    new = np.where(old.is_null().to_numpy(), -1, code[old.fill_null(0).to_numpy()])
    lost = np.flatnonzero((new < 0) & old.is_not_null().to_numpy())
    kept = without_events(dataset, lost, finding.reason)
    new = np.delete(new, lost)
    events = kept.events.with_columns(pl.Series(schema.ITEM, new, dtype=pl.Int32).replace(-1, None))
    refused = dataset.items[finding.rows].with_columns(pl.lit(finding.reason).alias(REASON))
    items = dataset.items.filter(pl.Series(~gone))
    report = None if kept.report is None else kept.report.with_refused(schema.ITEMS, refused)
    vocabulary = Vocabulary(items[schema.ITEM_ID])
    return replace(kept, items=items, item_vocabulary=vocabulary, report=report).with_events(events)
