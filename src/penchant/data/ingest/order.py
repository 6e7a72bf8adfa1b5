"""The order of a log: by user, time, `seq` and file. Works in blocks of users, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy import sparse

from penchant.arrays import Bools, Int32s, Int64s, Ints

BLOCK = 1 << 21
"""Events in one block; a block ends where a user ends."""

Keys = tuple[Ints, ...]


def sort_events(users: Int32s, keys: Keys) -> tuple[Ints | None, Bools]:
    """The stable order by user and `keys` (the last key first), None if rows are already in order; and ties.

    Ties are the rows, in that order, that have the user and the keys of a neighbour.

    >>> order, ties = sort_events(np.asarray([1, 0, 1], np.int32), (np.asarray([5, 9, 5]),))
    >>> order.tolist(), ties.tolist()
    ([1, 0, 2], [False, True, True])
    """
    order = None if _is_sorted((*keys, users)) else _sort_by_user(users)
    ties = np.zeros(len(users), dtype=np.bool_)
    for start, stop in iterate_blocks(users if order is None else users[order]):
        rows = np.arange(start, stop) if order is None else order[start:stop]
        block_keys = tuple(key[rows] for key in (*keys, users))
        if order is not None and not _is_sorted(block_keys):
            place = np.lexsort(block_keys)
            order[start:stop] = rows[place]
            block_keys = tuple(key[place] for key in block_keys)
        same = np.ones(max(stop - start - 1, 0), dtype=np.bool_)
        for key in block_keys:
            same &= key[1:] == key[:-1]
        ties[start + 1 : stop] |= same
        ties[start : stop - 1] |= same
    return order, ties


def iterate_blocks(users: Ints, size: int | None = None) -> Iterator[tuple[int, int]]:
    """Ranges of about `size` rows of users in order; no user is in two.

    >>> list(iterate_blocks(np.asarray([0, 0, 0, 1, 2, 2]), size=2))
    [(0, 3), (3, 6)]
    """
    start, step = 0, size or BLOCK
    while start < len(users):
        last = users[min(start + step, len(users)) - 1]
        stop = int(np.searchsorted(users, last, side="right"))
        yield start, stop
        start = stop


def fill_times(time_s: pl.Series, user: Int32s, seq: Int64s) -> Int64s:
    """Seconds of every event; an unknown time becomes that of the neighbour in `seq`."""
    if not time_s.null_count():
        return time_s.to_numpy()
    order = np.lexsort((seq, user))
    frame = pl.DataFrame({"u": user[order], "t": time_s.gather(order)})
    known = frame.select(pl.col("t").forward_fill().backward_fill().over("u").fill_null(0))["t"].to_numpy()
    out = np.empty(len(user), dtype=np.int64)
    out[order] = known
    return out


def _sort_by_user(users: Int32s) -> Ints:
    """A stable order by user: a counting sort, done by converting a sparse row (one column per user) to columns."""
    count = len(users)
    kind = np.uint32 if count < 2**32 else np.int64
    width = int(users.max()) + 1 if count else 1
    row = sparse.csr_matrix((np.arange(count, dtype=kind), users, np.asarray([0, count])), shape=(1, width))
    return np.asarray(row.tocsc().data, dtype=kind)


def _is_sorted(keys: Keys) -> bool:
    """Whether rows are in order by the last key, then the one before it, and so on."""
    undecided = np.ones(max(len(keys[-1]) - 1, 0), dtype=np.bool_)
    for key in reversed(keys):
        if (undecided & (key[1:] < key[:-1])).any():
            return False
        undecided &= key[1:] == key[:-1]
        if not undecided.any():
            break
    return True
