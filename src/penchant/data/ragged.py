"""Rows of different lengths in two flat arrays (the layout of a CSR matrix)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.arrays import Int32s, Int64s, Ints


@dataclass(frozen=True)
class Ragged:
    """Integer codes of B rows: row b is `values[offsets[b]:offsets[b + 1]]`.

    >>> r = Ragged.of([[3, 1], [], [2]])
    >>> r.row(0).tolist(), r.lengths.tolist(), r.take([2, 0]).values.tolist()
    ([3, 1], [2, 0, 1], [2, 3, 1])
    """

    offsets: Int64s
    values: Int32s

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Ragged:
        """Build from a list of lists, for tests and single users."""
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        flat = [value for row in rows for value in row]
        return cls(offsets, np.asarray(flat, dtype=np.int32))

    @classmethod
    def group(cls, rows: Ints, values: Ints, n_rows: int) -> Ragged:
        """Build from parallel arrays (row of each value, value); order inside a row is kept."""
        order = np.argsort(rows, kind="stable")
        offsets = np.zeros(n_rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=n_rows), out=offsets[1:])
        return cls(offsets, np.asarray(values, dtype=np.int32)[order])

    @classmethod
    def empty(cls, n_rows: int) -> Ragged:
        """`n_rows` empty rows."""
        return cls(np.zeros(n_rows + 1, dtype=np.int64), np.empty(0, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64s:
        """Number of values in each row `[B]`."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> Int64s:
        """The row of each value `[len(values)]`."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def row(self, index: int) -> Int32s:
        """The values of one row."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: Sequence[int] | Ints) -> Ragged:
        """Some rows, in the given order."""
        positions, offsets = gather_positions(self.offsets, np.asarray(rows, dtype=np.int64))
        return Ragged(offsets, self.values[positions])

    def unique(self) -> Ragged:
        """Each row sorted, without repeats or negative codes."""
        keep = self.values >= 0
        rows, values = self.rows[keep], self.values[keep]
        width = int(values.max(initial=0)) + 1
        keys = np.unique(rows * width + values)
        offsets = np.searchsorted(keys, np.arange(len(self) + 1, dtype=np.int64) * width)
        return Ragged(offsets.astype(np.int64), (keys % width).astype(np.int32))


def gather_positions(offsets: Int64s, rows: Int64s, last: int | None = None) -> tuple[Int64s, Int64s]:
    """Flat positions of some rows of a ragged layout, and the offsets of the result.

    With `last`, only the last values of each row, at most that many.
    """
    stops = offsets[rows + 1]
    lengths = stops - offsets[rows]
    if last is not None:
        lengths = np.minimum(lengths, last)
    out = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(lengths, out=out[1:])
    positions = np.arange(out[-1], dtype=np.int64) + np.repeat(stops - lengths - out[:-1], lengths)
    return positions, out
