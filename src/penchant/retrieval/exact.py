"""Exact top-k: over a matrix of scores, or over vectors without ever holding all scores."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from penchant.data.ragged import Ragged
from penchant.errors import DataError, UsageError

Ranked = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
"""Items `[B, k]` int32, best first (-1: fewer than k are left), and their scores `[B, k]` (-inf there)."""

LOWEST: Final = np.float32(-np.inf)
ROWS: Final = 256
"""Histories ranked at once: with `COLUMNS` items the scores stay in the processor's cache."""
COLUMNS: Final = 2048


def top_k(
    scores: npt.NDArray[np.floating],
    k: int,
    exclude: Ragged | None = None,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> Ranked:
    """The k best items of every row of `scores` `[B, N]`; equal scores: the lower item code first.

    `exclude` `[B]` are items left out row by row (codes outside 0..N-1 are ignored), `allowed` `[N]` those that
    may stand in any row. Raises `DataError` for NaN or scores of other shapes, `UsageError` for k < 1.

    >>> top_k(np.array([[0.1, 0.9, 0.9, 0.5]]), 2, exclude=Ragged.of([[1]]))[0].tolist()
    [[2, 3]]
    """
    check(k, len(scores), scores.shape[-1] if scores.ndim == 2 else -1, exclude, allowed)
    items = np.full((len(scores), k), -1, dtype=np.int32)
    best = np.full((len(scores), k), LOWEST, dtype=np.float32)
    step = max(1, min(len(scores), (1 << 21) // max(scores.shape[1], 1)))
    for start in range(0, len(scores), step):
        stop = min(start + step, len(scores))
        block = np.array(scores[start:stop], dtype=np.float32)
        if np.isnan(block).any():
            row = start + int(np.flatnonzero(np.isnan(block).any(axis=1))[0])
            raise DataError(f"Scores of row {row} are not numbers (NaN).", remedy="Mend the model's vectors first.")
        if allowed is not None:
            block[:, ~allowed] = LOWEST
        if exclude is not None:
            rows, columns = excluded_between(exclude, start, stop, 0, block.shape[1])
            block[rows, columns] = LOWEST
        items[start:stop], best[start:stop] = _best(block, k)
    return items, best


def check(k: int, n_rows: int, n_items: int, exclude: Ragged | None, allowed: npt.NDArray[np.bool_] | None) -> None:
    """Refuse arguments of a ranking that do not fit together."""
    if n_items < 0:
        raise DataError("Scores must be a matrix [B, N], one row a history.")
    if k < 1:
        raise UsageError(f"k={k} is out of range.", remedy="Give a whole number of 1 or more.")
    if exclude is not None and len(exclude) != n_rows:
        raise DataError(f"exclude has {len(exclude)} rows, the scores have {n_rows}: give one row a history.")
    if allowed is not None and (allowed.shape != (n_items,) or allowed.dtype != np.bool_):
        raise DataError(f"allowed must be bool [{n_items}], got {allowed.dtype} {list(allowed.shape)}.")


def excluded_between(
    exclude: Ragged, first_row: int, last_row: int, first_item: int, last_item: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of the excluded items inside a block, counted from its corner."""
    offsets = exclude.offsets[first_row : last_row + 1]
    values = exclude.values[offsets[0] : offsets[-1]].astype(np.int64)
    rows = np.repeat(np.arange(last_row - first_row, dtype=np.int64), np.diff(offsets))
    inside = (values >= first_item) & (values < last_item)
    return rows[inside], values[inside] - first_item


def _best(block: npt.NDArray[np.float32], k: int) -> Ranked:
    """The k best columns of every row: all above the k-th value, then the lowest codes among its equals."""
    n_rows, n_items = block.shape
    k_here = min(k, n_items)
    items = np.full((n_rows, k), -1, dtype=np.int32)
    best = np.full((n_rows, k), LOWEST, dtype=np.float32)
    if not k_here:
        return items, best
    threshold = np.partition(block, n_items - k_here, axis=1)[:, n_items - k_here]
    rows, columns = np.nonzero((block >= threshold[:, None]) & (block > LOWEST))
    return select(rows, columns, block[rows, columns], n_rows, k, items, best)


def select(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    n_rows: int,
    k: int,
    items: npt.NDArray[np.int32],
    best: npt.NDArray[np.float32],
) -> Ranked:
    """The k best of flat candidates into `items` and `best` `[n_rows, k]`, by score, then by code."""
    order = np.lexsort((columns, -values, rows))
    rows = rows[order]
    starts = np.searchsorted(rows, np.arange(n_rows))
    rank = np.arange(len(rows)) - starts[rows]
    kept = rank < k
    items[rows[kept], rank[kept]] = columns[order][kept]
    best[rows[kept], rank[kept]] = values[order][kept]
    return items, best
