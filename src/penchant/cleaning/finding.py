"""The result of a cleaning rule: the flagged rows, and the dataset without them or with their cells repaired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from penchant.arrays import Int64s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.quarantine import REASON
from penchant.data.vocabulary import Vocabulary

TABLES = (schema.ITEMS, schema.USERS, schema.EVENTS)
TEXT_COLUMNS = (schema.TITLE, schema.DESCRIPTION, schema.TEXT)


@dataclass(frozen=True)
class Finding:
    """Rows of one table that a rule flags. The dataset stays as it is until `quarantine` is called.

    `rows` `[M]` are row numbers of the table `table` (`events`, `items` or `users`); for items and users these are
    the codes. `details` has one row for each, in the same order: ids and measurements. `replaced_by` `[M]` (items
    only) is the item that takes over the events of each.
    """

    rule: str
    table: str
    reason: str
    rows: Int64s
    details: pl.DataFrame
    replaced_by: Int64s | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def quarantine(self, dataset: Dataset) -> Dataset:
        """The dataset with the flagged rows in the quarantine of its report.

        Flagged users lose their events and stay in the table, so codes do not change. Flagged items leave the table
        (codes change); their events move to the item in `replaced_by`, or leave too.
        """
        if not len(self):
            return dataset
        if self.table == schema.EVENTS:
            return without_events(dataset, self.rows, self.reason)
        if self.table == schema.USERS:
            of_users = np.isin(dataset.events[schema.USER].to_numpy(), self.rows)
            return without_events(dataset, np.flatnonzero(of_users), self.reason)
        return _without_items(dataset, self)


@dataclass(frozen=True)
class Repair:
    """A dataset with changed cells: `cells` counts them by column, `notes` describe the changes."""

    dataset: Dataset
    cells: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def decode_events(dataset: Dataset, rows: Int64s) -> pl.DataFrame:
    """The given events with ids in place of codes."""
    part = dataset.events[rows]
    codes = part[schema.ITEM].fill_null(0).to_numpy()
    ids = dataset.item_vocabulary.ids.gather(codes) if len(dataset.item_vocabulary) else part[schema.ITEM]
    return part.select(
        schema.EVENT_ID,
        pl.Series(schema.USER_ID, dataset.user_vocabulary.ids.gather(part[schema.USER])),
        pl.when(part[schema.ITEM].is_not_null()).then(ids.cast(pl.String)).alias(schema.ITEM_ID),
        pl.Series(schema.EVENT, dataset.kinds.ids.gather(part[schema.KIND])),
        pl.exclude(schema.EVENT_ID, schema.USER, schema.ITEM, schema.KIND),
    )


def without_events(dataset: Dataset, rows: Int64s, reason: str) -> Dataset:
    """The dataset without the given events, which go to the quarantine of its report with the reason."""
    if not len(rows):
        return dataset
    keep = np.ones(dataset.n_events, dtype=bool)
    keep[rows] = False
    smaller = dataset.where(keep)
    if dataset.report is None:
        return smaller
    rejected = decode_events(dataset, rows).with_columns(pl.lit(reason).alias(REASON))
    return replace(smaller, report=dataset.report.with_rejected(schema.EVENTS, rejected))


def with_table(dataset: Dataset, table: str, frame: pl.DataFrame) -> Dataset:
    """The dataset with one table replaced by one with the same rows."""
    if table == schema.EVENTS:
        return dataset.with_events(frame)
    return replace(dataset, items=frame) if table == schema.ITEMS else replace(dataset, users=frame)


def with_note(dataset: Dataset, table: str, note: str) -> Dataset:
    """The dataset with a note in its report (if it has one)."""
    return dataset if dataset.report is None else replace(dataset, report=dataset.report.with_note(table, note))


def repair_texts(
    dataset: Dataset,
    change: Callable[[pl.Series], tuple[pl.Series, dict[str, int]]],
    columns: Sequence[str] = TEXT_COLUMNS,
) -> Repair:
    """Apply `change` to every text column; it returns the new column and its changed cells by kind of change."""
    cells: dict[str, int] = {}
    notes: list[str] = []
    for table in TABLES:
        frame: pl.DataFrame = getattr(dataset, table)
        for name in columns:
            if frame.schema.get(name) != pl.String:
                continue
            text, counts = change(frame[name])
            if not counts:
                continue
            frame = frame.with_columns(text.alias(name))
            cells |= {f"{table}.{name}.{kind}": count for kind, count in counts.items()}
            listed = ", ".join(f"{count:,} cells with {kind}" for kind, count in counts.items())
            notes.append(f"{name}: {listed} repaired")
            dataset = with_note(dataset, table, notes[-1])
        dataset = with_table(dataset, table, frame)
    return Repair(dataset, cells, notes)


def count_changes(before: pl.Series, after: pl.Series) -> int:
    """How many cells differ; a missing text equals an empty one."""
    return int((after.fill_null("") != before.fill_null("")).sum())


def _without_items(dataset: Dataset, finding: Finding) -> Dataset:
    flagged = np.zeros(dataset.n_items, dtype=bool)
    flagged[finding.rows] = True
    code = np.full(dataset.n_items, -1, dtype=np.int32)
    code[~flagged] = np.arange(int((~flagged).sum()), dtype=np.int32)
    if finding.replaced_by is not None:
        code[finding.rows] = code[finding.replaced_by]
    old = dataset.events[schema.ITEM]
    new = np.where(old.is_null().to_numpy(), -1, code[old.fill_null(0).to_numpy()])
    lost = np.flatnonzero((new < 0) & old.is_not_null().to_numpy())
    kept = without_events(dataset, lost, finding.reason)
    new = np.delete(new, lost)
    events = kept.events.with_columns(pl.Series(schema.ITEM, new, dtype=pl.Int32).replace(-1, None))
    rejected = dataset.items[finding.rows].with_columns(pl.lit(finding.reason).alias(REASON))
    items = dataset.items.filter(pl.Series(~flagged))
    report = None if kept.report is None else kept.report.with_rejected(schema.ITEMS, rejected)
    vocabulary = Vocabulary(items[schema.ITEM_ID])
    return replace(kept, items=items, item_vocabulary=vocabulary, report=report).with_events(events)
