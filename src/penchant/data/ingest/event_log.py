"""The event log, built piece by piece: ids become codes immediately, so memory never holds the text of all rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int32s, Ints
from penchant.data import schema
from penchant.data.ingest.events import KIND_NAME, SUB_NS
from penchant.data.ingest.order import fill_times, iterate_blocks, sort_events
from penchant.data.ingest.table import CleanTable
from penchant.data.read_report import TableReport, merge_reports
from penchant.data.vocabulary import Vocabulary

_CODES = {schema.USER_ID: schema.USER, schema.ITEM_ID: schema.ITEM, KIND_NAME: schema.KIND}
_LEAD = (schema.EVENT_ID, schema.USER, schema.ITEM, schema.KIND, schema.TIME_S, schema.SEQ, schema.VALUE)


@dataclass(frozen=True)
class CodedEvents:
    """The events as `Dataset.events`, the vocabulary of kinds, the final counts, and the rejected rows."""

    frame: pl.DataFrame
    kinds: Vocabulary
    report: TableReport
    rejected: pl.DataFrame


class _Names:
    """Distinct texts in order of first appearance; the code of a text is its position."""

    def __init__(self) -> None:
        self._categories = pl.Series([], dtype=pl.Categorical(pl.Categories.random()))  # codes last as long as a column
        self._fresh: list[pl.Series] = [pl.Series([], dtype=pl.String)]
        self._count = 0

    def encode(self, names: pl.Series) -> pl.Series:
        """Codes (Int32) of a column of text; null stays null."""
        codes = names.cast(self._categories.dtype).to_physical()
        new = (codes >= self._count).fill_null(False)
        if new.any():
            fresh = pl.DataFrame({"code": codes.filter(new), "name": names.filter(new)}).unique("code").sort("code")
            self._fresh.append(fresh["name"].alias(""))
            self._count += fresh.height
        return codes.cast(pl.Int32)

    @property
    def names(self) -> pl.Series:
        return pl.concat(self._fresh)


class EventLog:
    """Cleaned events, added piece by piece in the order of the file, then sorted and deduplicated."""

    def __init__(self) -> None:
        self._names = {name: _Names() for name in _CODES}
        self._columns: dict[str, list[pl.Series]] = {}
        self._reports: list[TableReport] = []
        self._rejected: list[pl.DataFrame] = []
        self._has_seq = False

    def add(self, piece: CleanTable) -> None:
        """Add the rows of the next piece; all pieces have the same columns."""
        self._has_seq = schema.SEQ in piece.report.columns.values()
        self._reports.append(piece.report)
        self._rejected.append(piece.rejected)
        for column in piece.frame.get_columns():
            name = column.name
            if name in _CODES:
                column, name = self._names[name].encode(column), _CODES[name]
            if name != schema.SEQ or self._has_seq:
                self._columns.setdefault(name, []).append(column.alias(name))

    def ids(self, key: str) -> pl.Series:
        """Ids of users or items in the log, in order of first appearance."""
        return self._names[key].names.alias(key)

    def has_repeated_event_ids(self) -> bool:
        """Whether an event id occurs in two pieces. Compares hashes: a false positive occurs in about one log in
        thousands."""
        hashes = np.concatenate([part.hash(0).to_numpy() for part in self._columns[schema.EVENT_ID]])
        hashes.sort()
        return bool((hashes[1:] == hashes[:-1]).any())

    def encode(self, items: Vocabulary, users: Vocabulary) -> CodedEvents:
        """The table of events with the codes of the dataset. Empties the log, column by column, to save memory."""
        kinds = Vocabulary(self._names[KIND_NAME].names)
        report = merge_reports(self._reports)
        columns = self._take_columns()
        columns[schema.USER] = _recode(columns[schema.USER], self.ids(schema.USER_ID), users)
        columns[schema.ITEM] = _recode(columns[schema.ITEM], self.ids(schema.ITEM_ID), items)
        columns[schema.KIND] = columns[schema.KIND].cast(pl.Int16)
        user = columns[schema.USER].to_numpy()
        order, ties = sort_events(user, _sort_keys(columns, user))
        generated = schema.EVENT_ID not in report.columns.values()
        order, dropped = _drop_duplicates(columns, order, ties, leave_out=schema.EVENT_ID if generated else "")
        columns.pop(SUB_NS)
        if not self._has_seq:
            counts = np.bincount(user if order is None else user[order], minlength=len(users))
            places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        frame = []
        for name in (*_LEAD, *(name for name in columns if name not in _LEAD)):
            if name == schema.SEQ and not self._has_seq:
                frame.append(pl.Series(name, places, dtype=pl.Int64))
                continue
            column = columns.pop(name)
            frame.append(column if order is None else column.gather(pl.Series(order)))
        table = pl.DataFrame(frame)
        report = replace(report, rows_kept=table.height, duplicates_dropped=report.duplicates_dropped + dropped)
        return CodedEvents(table, kinds, report, pl.concat(self._rejected))

    def _take_columns(self) -> dict[str, pl.Series]:
        """Move each column out of the log, as one series."""
        return {name: pl.concat(self._columns.pop(name), rechunk=True) for name in list(self._columns)}


def _recode(codes: pl.Series, ids: pl.Series, vocabulary: Vocabulary) -> pl.Series:
    """Codes of the log as codes of the dataset."""
    return pl.Series(codes.name, vocabulary.encode(ids), dtype=pl.Int32).gather(codes)


def _sort_keys(columns: dict[str, pl.Series], user: Int32s) -> tuple[Ints, ...]:
    """The sort keys of a user's events, the most important last: `seq`, nanoseconds, seconds."""
    seq = np.zeros(0, dtype=np.int64)
    if schema.SEQ in columns:
        column = columns[schema.SEQ]
        top = column.max()
        seq = column.fill_null((top if isinstance(top, int) else 0) + 1).to_numpy()
    elif columns[schema.TIME_S].null_count():
        seq = np.arange(len(user))
    time = fill_times(columns[schema.TIME_S], user, seq)
    sub = columns[SUB_NS].fill_null(0).to_numpy()
    return (*((seq,) if schema.SEQ in columns else ()), *((sub,) if sub.any() else ()), time)


def _drop_duplicates(
    columns: dict[str, pl.Series], order: Ints | None, ties: Bools, leave_out: str
) -> tuple[Ints | None, int]:
    """The order without rows that equal an earlier one in every column, and their number. Only ties can be equal."""
    places = np.flatnonzero(ties)
    if not len(places):
        return order, 0
    rows = places if order is None else order[places]
    kept = np.ones(len(ties), dtype=np.bool_)
    names = [name for name in columns if name != leave_out]
    for start, stop in iterate_blocks(columns[schema.USER].to_numpy()[rows]):
        chosen = pl.Series(rows[start:stop])
        part = pl.DataFrame([columns[name].gather(chosen) for name in names])
        first = part.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
        kept[places[start:stop]] = first
    if kept.all():
        return order, 0
    return (np.flatnonzero(kept) if order is None else order[kept]), int((~kept).sum())
