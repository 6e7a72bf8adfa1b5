"""Merges new rows into a dataset: old codes stay, and known events are not duplicated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int32s, Int64s, Ints
from penchant.data import columns, schema
from penchant.data.dataset import Dataset
from penchant.data.kinds import match_kind_codes
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError

_OLD_ROW, _NEW_ROW, _TIME, _ORIGIN = "__old_row", "__new_row", "__time", "__origin"
_GENERATED_ID = r"^(row-)?e\d+$"
"""The form of generated event ids: row numbers of one file, which mean nothing in another."""


@dataclass(frozen=True)
class MergeResult:
    """The merged dataset and what is new in it.

    `old_rows` and `new_rows` `[E]` say which row of the old and of the new events each event is (-1: of none).
    `changed_items` and `changed_users` are codes of known ones whose attributes changed. `known_events` of the
    new data were there before. `n_old_items`, `n_old_users`: numbers of old codes. `unread`: see `count_unread_cells`.
    """

    dataset: Dataset
    old_rows: Int64s
    new_rows: Int64s
    changed_items: Int64s
    changed_users: Int64s
    known_events: int
    n_old_items: int
    n_old_users: int
    unread: Mapping[str, Mapping[str, int]]

    @property
    def is_new(self) -> Bools:
        """Which events `[E]` are new."""
        return self.old_rows < 0

    @property
    def counts(self) -> dict[str, int]:
        """Counts of new events, items and users, and of items and users whose attributes changed."""
        return {
            "events": int(self.is_new.sum()),
            "items": self.dataset.n_items - self.n_old_items,
            "users": self.dataset.n_users - self.n_old_users,
            "changed_items": len(self.changed_items),
            "changed_users": len(self.changed_users),
        }


def merge(old: Dataset, new: Dataset) -> MergeResult:
    """Merge `new` into `old`: new ids come after the old ones, and new values of known items and users replace the old
    values.

    An event is identified by its `event_id` if both logs have ids (`Dataset.named_events`), else by user, item,
    kind, time, value and content. Raises `DataError` if neither identifies events.

    >>> log = pl.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"], "timestamp": [1, 2]})
    >>> more = pl.DataFrame({"user_id": ["b", "a"], "item_id": ["z", "y"], "timestamp": [3, 2]})
    >>> merged = merge(Dataset.from_tables(log), Dataset.from_tables(more))
    >>> merged.dataset.item_vocabulary.ids.to_list(), merged.dataset.n_events, merged.known_events
    (['x', 'y', 'z'], 3, 1)
    """
    items = old.item_vocabulary.extend(new.item_vocabulary.ids)
    users = old.user_vocabulary.extend(new.user_vocabulary.ids)
    named = _match_kind_names(old.kinds, new.kinds)
    kinds = old.kinds.extend(named)
    item_table, changed_items = _join(old.items, new.items, schema.ITEM_ID, items, old.n_items)
    user_table, changed_users = _join(old.users, new.users, schema.USER_ID, users, old.n_users)
    events, known = _merge_events(old, new, items, users, kinds.encode(named))
    relations = [frame for frame in (old.relations, new.relations) if frame is not None]
    dataset = replace(
        old,
        items=item_table,
        users=user_table,
        events=events.drop(_OLD_ROW, _NEW_ROW),
        item_vocabulary=items,
        user_vocabulary=users,
        kinds=kinds,
        relations=pl.concat(relations, how="diagonal_relaxed").unique(maintain_order=True) if relations else None,
        report=new.report,
        root=new.root or old.root,
        vectors=(),
        named_events=_has_event_ids(old) and _has_event_ids(new),
        _cache={},
    )
    rows = [events[name].fill_null(-1).to_numpy().astype(np.int64) for name in (_OLD_ROW, _NEW_ROW)]
    unread = count_unread_cells(old, new)
    return MergeResult(dataset, rows[0], rows[1], changed_items, changed_users, known, old.n_items, old.n_users, unread)


def count_unread_cells(old: Dataset, new: Dataset) -> dict[str, dict[str, int]]:
    """Cells by table and column whose type differs from that of the known column; merging treats them as missing.

    >>> log = pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [1]})
    >>> known, fresh = (pl.DataFrame({"item_id": ["x"], "pages": [pages]}) for pages in (90, "many"))
    >>> count_unread_cells(Dataset.from_tables(log, known), Dataset.from_tables(log, fresh))
    {'items': {'pages': 1}}
    """
    out: dict[str, dict[str, int]] = {}
    for table, known, fresh in ((schema.ITEMS, old.items, new.items), (schema.USERS, old.users, new.users)):
        for name in fresh.columns:
            if name in known.columns and known[name].dtype != pl.Null:
                column = columns.as_text(fresh[name]) if fresh[name].dtype == pl.String else fresh[name]
                lost = columns.convert_like(column, known[name]).null_count() - column.null_count()
                if lost > 0:
                    out.setdefault(table, {})[name] = lost
    return out


def _join(
    old: pl.DataFrame, new: pl.DataFrame, key: str, vocabulary: Vocabulary, n_old: int
) -> tuple[pl.DataFrame, Int64s]:
    """One row per id, new values before old ones; and the codes of known ids whose values changed."""
    base = pl.DataFrame({key: vocabulary.ids}).join(old, on=key, how="left", maintain_order="left")
    fresh = pl.DataFrame({key: vocabulary.ids}).join(new, on=key, how="left", maintain_order="left")
    merged_columns = {name: base[name] for name in base.columns}
    for name in (name for name in fresh.columns if name != key):
        ours = fresh[name]
        theirs = merged_columns.get(name)
        if theirs is not None and theirs.dtype != pl.Null:
            ours = columns.convert_like(ours, theirs)
            ours = pl.select(pl.coalesce(ours, theirs)).to_series().alias(name)
        merged_columns[name] = ours
    table = pl.DataFrame(list(merged_columns.values()))
    before = base.with_columns(pl.lit(None, dtype=table[n].dtype).alias(n) for n in table.columns if n not in base)
    before = before.select(pl.col(name).cast(table[name].dtype) for name in table.columns)
    hashes = [frame.head(n_old).hash_rows().to_numpy() for frame in (before, table)]
    return table, np.flatnonzero(hashes[0] != hashes[1]).astype(np.int64)


def _merge_events(
    old: Dataset, new: Dataset, items: Vocabulary, users: Vocabulary, kinds: Int32s
) -> tuple[pl.DataFrame, int]:
    """All events in order of user, time and `seq`, with the row each came from; and how many were known.

    `kinds`: the joined code of each kind of `new`.
    """
    theirs = old.events.with_columns(
        pl.Series(_OLD_ROW, np.arange(old.n_events)),
        pl.Series(_TIME, old.sequences().times_s),
        pl.lit(0, dtype=pl.Int8).alias(_ORIGIN),
    )
    ours = new.events.with_columns(
        _recode(new.events, schema.USER, users.encode(new.user_vocabulary.ids), pl.Int32),
        _recode(new.events, schema.ITEM, items.encode(new.item_vocabulary.ids), pl.Int32),
        _recode(new.events, schema.KIND, kinds, pl.Int16),
        pl.Series(_NEW_ROW, np.arange(new.n_events)),
        pl.Series(_TIME, new.sequences().times_s),
        pl.lit(1, dtype=pl.Int8).alias(_ORIGIN),
    )
    by_id = _has_event_ids(old) and _has_event_ids(new)
    if not by_id and ours[schema.TIME_S].null_count():
        raise DataError(
            "New events without times and event ids cannot be compared with the known events.",
            remedy="Give each event a timestamp, or an event_id in the old data and in the new.",
        )
    if by_id:
        added = ours.join(theirs.select(schema.EVENT_ID), on=schema.EVENT_ID, how="anti", maintain_order="left")
    else:
        added = _with_new_ids(_select_new(ours, theirs), theirs, generated=not _has_event_ids(new))
    events = pl.concat([theirs, added], how="diagonal_relaxed").sort(
        [schema.USER, _TIME, _ORIGIN, schema.SEQ], nulls_last=True, maintain_order=True
    )
    counts = np.bincount(events[schema.USER].to_numpy(), minlength=len(users))
    place = np.arange(events.height) - np.repeat(np.cumsum(counts) - counts, counts)
    events = events.with_columns(pl.Series(schema.SEQ, place, dtype=pl.Int64)).drop(_TIME, _ORIGIN)
    return events, new.n_events - added.height


def _match_kind_names(old: Vocabulary, new: Vocabulary) -> pl.Series:
    """The names of new kinds, or the old names of the same kinds; two kinds may merge."""
    names, words = old.ids.to_list(), new.ids.to_list()
    known = match_kind_codes(names, words)
    matched = [names[code] if code >= 0 else word for code, word in zip(known, words, strict=True)]
    return pl.Series(matched, dtype=pl.String)


def _recode(frame: pl.DataFrame, column: str, codes: Ints, dtype: type[pl.DataType]) -> pl.Series:
    """A column of codes, translated by a table of codes; null stays null."""
    old = frame[column]
    if not frame.height or not len(codes):
        return old.cast(dtype)
    recoded = pl.Series(column, codes[old.fill_null(0).to_numpy()], dtype=dtype)
    return recoded.set(old.is_null(), None) if old.null_count() else recoded


def _has_event_ids(data: Dataset) -> bool:
    """Whether the file gave the events their ids; the form of the ids decides where the dataset does not say."""
    if not data.n_events:
        return True
    if data.named_events is not None:
        return data.named_events
    return not bool(data.events[schema.EVENT_ID].str.contains(_GENERATED_ID).all())


def _select_new(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Events that differ from every known one in user, item, kind, time, value or content."""
    content = [name for name in schema.CONTENT if name in ours.columns or name in theirs.columns]
    keys = [schema.USER, schema.ITEM, schema.KIND, schema.TIME_S, schema.VALUE, *content]
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in content if name not in theirs.columns]
    extra = [name for name in content if name not in ours.columns]
    wide = ours.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in extra)
    known = theirs.with_columns(missing).select(keys).unique()
    return wide.join(known, on=keys, how="anti", nulls_equal=True, maintain_order="left").drop(extra)


def _with_new_ids(added: pl.DataFrame, theirs: pl.DataFrame, *, generated: bool) -> pl.DataFrame:
    """New ids for events with a generated id or with an id that a known event has."""
    taken = (
        pl.concat([added[schema.EVENT_ID], theirs[schema.EVENT_ID]]).str.extract(r"^e(\d{1,18})$").cast(pl.Int64).max()
    )
    start = max(theirs.height, int(taken) if isinstance(taken, int) else 0) + 1
    fresh = pl.select(pl.format("e{}", pl.Series(np.arange(start, start + added.height)))).to_series()
    reading = added[schema.EVENT_ID].str.contains(_GENERATED_ID) & generated
    clash = added[schema.EVENT_ID].is_in(theirs[schema.EVENT_ID].implode()) | reading
    return added.with_columns(pl.when(clash).then(fresh).otherwise(pl.col(schema.EVENT_ID)).alias(schema.EVENT_ID))
