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
