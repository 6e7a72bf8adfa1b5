"""Packed event histories: the input of models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from penchant.arrays import Bools, Float32s, Int16s, Int32s, Int64s, Ints
from penchant.data.modalities import Modalities
from penchant.data.ragged import Ragged, gather_positions
from penchant.errors import DataError


@dataclass(frozen=True)
class SequenceBatch:
    """Histories of B users, oldest event first, without padding.

    The events of row b are `offsets[b]:offsets[b + 1]` of each flat array:
    `items` int32 (-1: the event has content only), `times_s` int64 UTC seconds (never null: an
    unknown time repeats the one before), `kinds` int16, `values` float32 (NaN: none).
    `users` `[B]` are user codes (-1: not a known user). `query_times_s` `[B]` is when the
    recommendation is requested, or None if that is hidden. `content_rows` `[E]` points from an event to
    its text, image or audio in `content` (-1: none). `event_rows` `[E]` is the row of the event in
    `Dataset.events`, for citing (None outside a dataset). `embed_users` `[B]` are modalities of the users
    themselves (attributes, text), or None. `dwells_s` `[E]` float32 are seconds spent on the event (NaN: unknown),
    or None.
    """

    offsets: Int64s
    items: Int32s
    times_s: Int64s
    kinds: Int16s
    values: Float32s
    users: Int32s
    query_times_s: Int64s | None = None
    content_rows: Int32s | None = None
    content: Modalities | None = None
    event_rows: Int64s | None = None
    user_modalities: Modalities | None = None
    dwells_s: Float32s | None = None

    @classmethod
    def of_items(cls, rows: Sequence[Sequence[int]], times_s: Sequence[Sequence[int]] | None = None) -> SequenceBatch:
        """Build from lists of item codes, for tests and small calls. Times default to 0, 1, 2, …"""
        items = Ragged.of(rows)
        clock = np.arange(len(items.values), dtype=np.int64) - np.repeat(items.offsets[:-1], items.lengths)
        if times_s is not None:
            flat = np.asarray([t for row in times_s for t in row], dtype=np.int64)
            if len(flat) != len(items.values):
                raise DataError(f"{len(items.values)} items but {len(flat)} times.")
            clock = flat
        return cls(
            items.offsets,
            items.values,
            clock,
            np.zeros(len(clock), dtype=np.int16),
            np.full(len(clock), np.nan, dtype=np.float32),
            np.full(len(rows), -1, dtype=np.int32),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_events(self) -> int:
        """Number of events E over all rows."""
        return len(self.items)

    @property
    def lengths(self) -> Int64s:
        """Number of events of each row `[B]`."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> Int64s:
        """The row of each event `[E]`."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    @property
    def history_items(self) -> Ragged:
        """The item codes as a ragged array (with -1 for events without an item)."""
        return Ragged(self.offsets, self.items)

    def take(self, rows: Sequence[int] | Ints, last: int | None = None) -> SequenceBatch:
        """Some rows in the given order; with `last`, only the most recent events of each."""
        chosen = np.asarray(rows, dtype=np.int64)
        positions, offsets = gather_positions(self.offsets, chosen, last)
        return self._gather(positions, offsets, chosen)

    def windows(self, starts: Int64s, stops: Int64s) -> SequenceBatch:
        """Segments of histories as separate rows, from flat positions: each `[start, stop)` lies inside one row."""
        rows = np.searchsorted(self.offsets, starts, side="right") - 1
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(stops - starts)])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], stops - starts)
        return self._gather(places, offsets, rows)

    def last(self, n: int) -> SequenceBatch:
        """Every row truncated to its most recent n events."""
        return self.take(np.arange(len(self)), last=n)

    def keep(self, mask: Bools) -> SequenceBatch:
        """Only the events where `mask` `[E]` is true; every row stays, even if it is empty."""
        counts = np.bincount(self.rows[mask], minlength=len(self))
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
        return self._gather(np.flatnonzero(mask), offsets, np.arange(len(self)))

    def before(self, times_s: Int64s) -> SequenceBatch:
        """Events not later than `times_s` `[B]`, which become the times of the request."""
        return replace(self.keep(self.times_s <= times_s[self.rows]), query_times_s=times_s)

    def at(self, query_times_s: Int64s | None) -> SequenceBatch:
        """The same histories with the time of the request given, or hidden (None)."""
        return replace(self, query_times_s=query_times_s)

    def blocks(self, size: int) -> Iterator[tuple[slice, SequenceBatch]]:
        """The rows in blocks of `size`, each with its slice."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield slice(start, stop), self.take(np.arange(start, stop))

    def padded_items(self, length: int) -> Int32s:
        """Item codes `[B, length]`, right-aligned (the last column is the most recent), -1 to the left."""
        cut = self.last(length)
        out = np.full((len(self), length), -1, dtype=np.int32)
        columns = np.arange(cut.n_events) - np.repeat(cut.offsets[1:], cut.lengths) + length
        out[cut.rows, columns] = cut.items
        return out

    def _gather(self, positions: Int64s, offsets: Int64s, rows: Ints) -> SequenceBatch:
        return SequenceBatch(
            offsets=offsets,
            items=self.items[positions],
            times_s=self.times_s[positions],
            kinds=self.kinds[positions],
            values=self.values[positions],
            users=self.users[rows],
            query_times_s=None if self.query_times_s is None else self.query_times_s[rows],
            content_rows=None if self.content_rows is None else self.content_rows[positions],
            content=self.content,
            event_rows=None if self.event_rows is None else self.event_rows[positions],
            user_modalities=None if self.user_modalities is None else self.user_modalities.take(rows),
            dwells_s=None if self.dwells_s is None else self.dwells_s[positions],
        )
