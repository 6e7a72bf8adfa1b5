"""Windows: how histories of any length become batches with little padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from penchant.arrays import Int64s
from penchant.data.sequences import SequenceBatch
from penchant.models.nn.tokens import Padded, bucket_gaps, pad

STEPS, LEAST_TOKENS, BATCH_TOKENS = 300, 64, 3200
"""Steps of an epoch, and events in a batch at least and at most, without `batch_tokens`."""

Window = tuple[Int64s, Int64s]
"""Starts `[B]` and stops `[B]` of windows, as flat positions of a packed batch."""

Cells = tuple[Int64s, Int64s]
"""Rows and columns of events in a padded window."""


def draw_batches(offsets: Int64s, size: int, tokens: int, rng: np.random.Generator) -> list[Window]:
    """One epoch of training batches: windows of at most `size` events, of similar length together, in random order.

    `tokens`: events in a batch; 0 takes a three-hundredth of all, but 64 at least and 3,200 at most, so that an
    epoch has about three hundred steps. A window is never cut to fit.
    """
    starts, stops = draw_windows(offsets, size, rng)
    lengths = stops - starts
    limit = tokens or int(np.clip(lengths.sum() // STEPS, LEAST_TOKENS, BATCH_TOKENS))
    return batch_windows(starts, stops, lengths, limit, rng)


def batch_windows(starts: Int64s, stops: Int64s, sizes: Int64s, limit: int, rng: np.random.Generator) -> list[Window]:
    """Windows of similar size (1 or more) together, padded to at most `limit` in sum, in random order."""
    order = np.argsort(-sizes * (1.0 + 0.1 * rng.random(len(sizes))), kind="stable")
    chunks, start = [], 0
    while start < len(order):
        stop = start + max(1, limit // int(sizes[order[start]]))
        chunks.append(order[start:stop])
        start = stop
    return [(starts[chunks[i]], stops[chunks[i]]) for i in rng.permutation(len(chunks))]


def draw_windows(offsets: Int64s, size: int, rng: np.random.Generator) -> tuple[Int64s, Int64s]:
    """Starts and stops of windows of at most `size` events that share one event at their seams.

    Every history is cut from its end backwards. The length of the last window is drawn, so that the seams of long
    histories move from epoch to epoch.
    """
    lengths = np.diff(offsets)
    stride = size - 1
    long = lengths > size
    first = np.where(long, rng.integers(stride // 2, stride + 1, size=len(lengths)) + 1, np.minimum(lengths, size))
    extra = np.where(long, -(-(lengths - first) // stride), 0)
    count = np.where(lengths >= 2, 1 + extra, 0)
    user = np.repeat(np.arange(len(lengths)), count)
    nth = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
    stops = offsets[user + 1] - np.where(nth == 0, 0, first[user] - 1 + (nth - 1) * stride)
    starts = np.where(nth == 0, stops - first[user], stops - size)
    starts = np.maximum(starts, offsets[user])
    keep = stops - starts >= 2
    return starts[keep], stops[keep]


def bucket_next_gap(batch: SequenceBatch, stops: Int64s) -> Int64s:
    """Bucket of the time between the last input event (stops − 2) and its target (stops − 1)."""
    return bucket_gaps(batch.times_s[stops - 1] - batch.times_s[stops - 2])


def group_by_length(batch: SequenceBatch, tokens: int) -> Iterator[tuple[Int64s, Padded]]:
    """Rows with events, of similar length together, as padded windows."""
    order = np.argsort(batch.lengths, kind="stable")
    order = order[batch.lengths[order] > 0]
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop - start + 1) * batch.lengths[order[stop]] <= tokens * 2:
            stop += 1
        rows = order[start:stop]
        yield rows, pad(batch, batch.offsets[rows], batch.offsets[rows + 1])
        start = stop


def iterate_events(
    histories: SequenceBatch, max_length: int, tokens: int
) -> Iterator[tuple[Padded, SequenceBatch, Int64s, Cells]]:
    """Windows that show every event with at most `max_length` events up to it: `(window, batch, events, cells)`.

    The state after each of the `events` (flat positions) stands in its cell (row, column) of the window. One pass over
    the first `max_length` events of a history serves all of them; a later event needs a separate window. The
    time of a request is hidden.
    """
    hidden = histories.at(None)
    index = np.arange(hidden.n_events) - hidden.offsets[hidden.rows]
    flat = np.flatnonzero(index < max_length)
    early = hidden.keep(index < max_length)
    for chosen, window in group_by_length(early, tokens):
        rows, columns = expand_ranges(np.zeros(len(chosen), dtype=np.int64), early.lengths[chosen])
        yield window, early, flat[early.offsets[chosen][rows] + columns], (rows, columns)
    late = np.flatnonzero(index >= max_length)
    size = max(1, tokens // max_length)
    for start in range(0, len(late), size):
        events = late[start : start + size]
        last = np.full(len(events), max_length - 1)
        yield pad(hidden, events + 1 - max_length, events + 1), hidden, events, (np.arange(len(events)), last)


def expand_ranges(starts: Int64s, stops: Int64s) -> tuple[Int64s, Int64s]:
    """The integers from starts[b] up to stops[b] of every row b, and the row of each.

    >>> [part.tolist() for part in expand_ranges(np.array([3, 7]), np.array([5, 8]))]
    [[0, 0, 1], [3, 4, 7]]
    """
    lengths = stops - starts
    rows = np.repeat(np.arange(len(starts)), lengths)
    return rows, np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[rows]
