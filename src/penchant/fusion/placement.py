"""Where items without events stand: in the order that is foretold of them, at the ranks that their number warrants."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TOP = 10
"""Where new items are so few that no list of ten would hold one, some lists do, and the others do not."""
DEPTH = 10_000
"""Ranks that are shared out; new items beyond stand at the end."""


def place(
    scores: Scores,
    foretold: Scores,
    new: npt.NDArray[np.integer],
    owned: Bools,
    drawn: npt.NDArray[np.floating],
    share: float,
) -> Scores:
    """`scores` `[B, N]` with those of the `new` items `[n]` (codes) changed so that they stand at their ranks.

    The rule is parity of exposure (Singh & Joachims, KDD 2018): going down a list, the next new item enters where
    `share` · Σ 1 / log2(1 + rank) comes nearest to what new ones were given so far, so that a tenth of the items gets
    a tenth of the attention: rank 4 of the first ten. Clicks cannot say what a new item is worth, for it had none;
    `foretold` `[B, n]` decides which of them a list gets. Each list has the same ranks, unless even the first would lie
    beyond ten: then so many lists have one at rank ten that attention is as warranted, those with the smallest `drawn`
    `[B]` (`lottery`).

    Items of the history (`owned` `[B, N]`) take no rank, since lists leave them out; where one does not, a new one of
    the history stands beside the next that is foretold less. Costs one partial sort of B · N.
    """
    out = scores.copy()
    if not len(new) or not len(scores):
        return out
    left_out = owned.copy()
    left_out[:, new] = True
    everywhere, least = ranks(share, len(new)), least_share()
    groups = [(np.ones(len(scores), dtype=np.bool_), everywhere)]
    if 0 < share < least:
        chosen = np.asarray(drawn < share / least)
        groups = [(chosen, ranks(least, len(new))), (~chosen, everywhere)]
    order = np.argsort(-foretold, axis=1, kind="stable")
    free = np.take_along_axis(~owned[:, new], order, axis=1)
    steps: Ints = np.cumsum(free, axis=1, dtype=np.int64) - free
    for rows, wanted in groups:
        if rows.any():
            ladder = _ladder(np.where(left_out[rows], -np.inf, scores[rows]), wanted, len(new))
            values = np.empty(ladder.shape, dtype=np.float32)
            np.put_along_axis(values, order[rows], np.take_along_axis(ladder, steps[rows], axis=1), axis=1)
            out[np.ix_(np.flatnonzero(rows), new)] = values
    return out


@lru_cache(maxsize=64)
def _ranks(share: float, count: int) -> tuple[int, ...]:
    found: list[int] = []
    warranted = given = 0.0
    for rank in range(1, DEPTH + 1):
        if len(found) == count:
            break
        attention = float(1.0 / np.log2(1.0 + rank))
        warranted += share * attention
        if warranted - given >= attention / 2:
            found.append(rank)
            given += attention
    return tuple(found)


def ranks(share: float, count: int) -> Ints:
    """Ranks (from 1) of the first, second … of `count` new items, at most `DEPTH` deep; fewer where `share` is small.

    >>> ranks(0.1, 3).tolist(), ranks(0.5, 4).tolist()
    ([4, 14, 25], [1, 4, 6, 8])
    """
    return np.asarray(_ranks(share, count), dtype=np.int64)


def least_share() -> float:
    """The smallest share that gives every list of ten a place.

    >>> round(least_share(), 4), ranks(least_share(), 1).tolist(), ranks(0.99 * least_share(), 1).tolist()
    (0.0318, [10], [11])
    """
    attention = 1.0 / np.log2(1.0 + np.arange(1, TOP + 1))
    return float(attention[-1] / 2 / attention.sum()) * (1 + 1e-9)


def lottery(rows: npt.NDArray[np.integer], items: npt.NDArray[np.integer], size: int) -> npt.NDArray[np.float64]:
    """A number from 0 to 1 for each of `size` histories, even over histories and the same for the same one.

    `rows` and `items`: the history and the item code of each event; a hash of the items, whatever their order.
    """
    mixed = (items.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    sums = np.zeros(size, dtype=np.uint64)
    np.add.at(sums, rows, mixed)
    sums *= np.uint64(0x94D049BB133111EB)
    return np.asarray((sums >> np.uint64(11)).astype(np.float64) / float(1 << 53))


def _ladder(known: Scores, wanted: Ints, count: int) -> Scores:
    """The scores `[B, count]` with which the first, second … new item of a row stands at the `wanted` ranks.

    `known` `[B, N]`: −inf where an item takes no rank. New items beyond the wanted ranks stand below all others.
    """
    finite = np.isfinite(known)
    lowest = np.where(finite, known, np.inf).min(axis=1)
    lowest = np.where(np.isfinite(lowest), lowest, 0.0)[:, None]
    beyond = count - len(wanted)
    tail = lowest - 2.0 - np.arange(1, beyond + 1) / max(1, beyond)
    if not len(wanted):
        return np.asarray(tail, dtype=np.float32)
    above = np.minimum(wanted - 1 - np.arange(len(wanted)), known.shape[1] - count)  # known items before each new one
    depth = int(above[-1]) + 1
    best = -np.sort(np.partition(-known, depth - 1, axis=1)[:, :depth], axis=1)
    missing = np.arange(1, depth + 1) - finite.sum(axis=1, keepdims=True)
    best = np.where(np.isfinite(best), best, lowest - np.minimum(missing, depth) / depth)
    best = np.hstack([best[:, :1] + 1.0, best, lowest - 2.0])
    high, low = best[:, above], best[:, above + 1]
    first = np.searchsorted(above, above, side="left")
    among = np.searchsorted(above, above, side="right") - first  # new ones between the same two known
    down = (np.arange(len(wanted)) - first + 1) / (among + 1)
    return np.hstack([high - (high - low) * down, tail]).astype(np.float32)
