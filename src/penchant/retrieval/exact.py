"""Exact top-k: over a matrix of scores, or over vectors without the matrix of all scores."""

from __future__ import annotations

from typing import Final

import numpy as np

from penchant.arrays import Bools, Float32s, Floats, Int32s, Int64s
from penchant.data.ragged import Ragged
from penchant.errors import DataError, UsageError

Ranked = tuple[Int32s, Float32s]
"""Items `[B, k]` int32, best first (-1: fewer than k are left), and their scores `[B, k]` (-inf there)."""

LOWEST: Final = np.float32(-np.inf)
CACHE: Final = 1 << 20
"""Scores in one block: 4 MB, so that they stay in the cache of the processor."""
COLUMNS: Final = 512
"""Histories that share one pass over the items."""


def top_k(
    scores: Floats,
    k: int,
    exclude: Ragged | None = None,
    allowed: Bools | None = None,
) -> Ranked:
    """The k best items of every row of `scores` `[B, N]`; equal scores: the lower item code first.

    `exclude` `[B]` are items left out row by row (codes outside 0..N-1 are ignored), `allowed` `[N]` those that
    may stand in any row. Raises `DataError` for NaN or scores of other shapes, `UsageError` for k < 1.

    >>> top_k(np.array([[0.1, 0.9, 0.9, 0.5]]), 2, exclude=Ragged.of([[1]]))[0].tolist()
    [[2, 3]]
    """
    check_arguments(k, len(scores), scores.shape[-1] if scores.ndim == 2 else -1, exclude, allowed)
    n_rows, n_items = scores.shape
    items, best = create_empty(n_rows, k)
    step = min(max(1, CACHE // max(n_items, 1)), COLUMNS)
    buffer = np.empty((min(step, n_rows), n_items), dtype=np.float32)
    denied = None if allowed is None else np.flatnonzero(~allowed)
    for start in range(0, n_rows if n_items else 0, step):
        stop = min(start + step, n_rows)
        block = buffer[: stop - start]
        np.copyto(block, scores[start:stop], casting="same_kind")
        if denied is not None:
            block[:, denied] = LOWEST
        if exclude is not None:
            rows, columns = _list_excluded(exclude, start, stop, n_items)
            block[rows, columns] = LOWEST
        # The bound is at most the k-th best score; one float lower, `>` below also keeps scores equal to it.
        bound = np.nextafter(bound_kth_best(block.T, k), LOWEST)
        if np.isnan(bound).any():
            row = start + int(np.flatnonzero(np.isnan(block).any(axis=1))[0])
            raise DataError(f"Scores of row {row} are not numbers (NaN).", remedy="Correct the vectors of the model.")
        # Positions ascend, so candidates of a row come in the order of item codes, and ties go to the lower code.
        flat = np.flatnonzero(block > bound[:, None])
        rows, columns = np.divmod(flat, n_items)
        select_best(rows, columns, block.reshape(-1)[flat], items[start:stop], best[start:stop])
    return items, best


def create_empty(n_rows: int, k: int) -> Ranked:
    """Rankings without items."""
    return np.full((n_rows, k), -1, dtype=np.int32), np.full((n_rows, k), LOWEST, dtype=np.float32)


def check_arguments(k: int, n_rows: int, n_items: int, exclude: Ragged | None, allowed: Bools | None) -> None:
    """Raise an error for arguments of a ranking that do not fit together."""
    if n_items < 0:
        raise DataError("Scores must be a matrix [B, N], one row per history.")
    if k < 1:
        raise UsageError(f"k={k} is out of range.", remedy="Give an integer of 1 or more.")
    if exclude is not None and len(exclude) != n_rows:
        raise DataError(f"exclude has {len(exclude)} rows, the scores have {n_rows}: give one row per history.")
    if allowed is not None and (allowed.shape != (n_items,) or allowed.dtype != np.bool_):
        raise DataError(f"allowed must be bool [{n_items}], got {allowed.dtype} {list(allowed.shape)}.")


def bound_kth_best(scores: Float32s, k: int) -> Float32s:
    """A value `[B]` that at least k of the scores `[N, B]` of each column reach (-inf where there are fewer).

    The k-th largest of the maxima of groups of items: far cheaper than the k-th largest item, and hardly lower.
    NaN in a column stays NaN.
    """
    n_items, n_rows = scores.shape
    if n_items < k:
        return np.where(np.isnan(scores).any(axis=0), np.float32(np.nan), LOWEST)
    size = max(1, n_items // (8 * k))  # about 8k groups: the k best items mostly lie in different groups
    groups = n_items // size
    maxima = scores[: groups * size].reshape(groups, size, n_rows).max(axis=1) if size > 1 else scores.copy()
    if groups * size < n_items:  # the remainder joins the first group
        np.maximum(maxima[0], scores[groups * size :].max(axis=0), out=maxima[0])
    broken = np.isnan(maxima).any(axis=0)
    maxima.partition(groups - k, axis=0)  # a partial sort: row `groups - k` is the k-th largest maximum
    return np.where(broken, np.float32(np.nan), maxima[groups - k])


def select_best(
    rows: Int64s,
    codes: Int64s,
    values: Float32s,
    items: Int32s,
    best: Float32s,
) -> None:
    """Write the best of flat candidates into `items` and `best` `[B, k]`; equal values stay in the order given."""
    order = sort_by_row_and_value(rows, values)
    rows = rows[order]
    # The rank in a row is the position less that of the row's first candidate, as rows are sorted.
    rank = np.arange(len(rows)) - np.searchsorted(rows, np.arange(len(items)))[rows]
    kept = rank < items.shape[1]
    rows, rank, order = rows[kept], rank[kept], order[kept]
    items[rows, rank] = codes[order]
    best[rows, rank] = values[order]


def sort_by_row_and_value(rows: Int64s, values: Float32s) -> Int64s:
    """The order by row, then by value from high to low, then as given.

    Row (10 bits), value (32 bits, so turned that integers sort as the floats do) and position (22 bits) make one
    integer, because a plain sort of integers is several times faster than a sort by two keys.
    """
    if len(rows) >= 1 << 22 or rows.max(initial=0) >= 1 << 10:  # more bits than the key has
        return np.lexsort((-values, rows))
    bits = (values + np.float32(0)).view(np.uint32)  # adding 0 turns -0.0 into 0.0, so that the two tie
    # IEEE floats of one sign sort like their bits: flip all but the sign of positive floats, so that high values come
    # first; negative floats (sign bit set) then follow, the smallest magnitude first.
    falling = np.where(bits >> 31, bits, bits ^ np.uint32(0x7FFFFFFF)).astype(np.uint64)
    keys = (
        (rows.astype(np.uint64) << np.uint64(54)) | (falling << np.uint64(22)) | np.arange(len(rows), dtype=np.uint64)
    )
    keys.sort()
    return (keys & np.uint64((1 << 22) - 1)).astype(np.int64)


def _list_excluded(exclude: Ragged, start: int, stop: int, n_items: int) -> tuple[Int64s, Int64s]:
    """Rows (from 0) and item codes of the excluded items of rows `start` to `stop`."""
    offsets = exclude.offsets[start : stop + 1]
    values = exclude.values[offsets[0] : offsets[-1]].astype(np.int64)
    rows = np.repeat(np.arange(stop - start, dtype=np.int64), np.diff(offsets))
    known = (values >= 0) & (values < n_items)
    return rows[known], values[known]


class ExactIndex:
    """All items by dot product, in blocks of items that stay in the cache: exact, without a `[B, N]` matrix.

    Each block of scores is compared with the k-th best score of each row so far. Only candidates above it (a few dozen
    a row in 100,000 items) are scored again, in one fixed order of summation, so that the answer for a row does not
    depend on its batch. The comparison allows for the rounding of the block product.
    """

    def __init__(self, item_vectors: Float32s) -> None:
        """`item_vectors` `[N, D]`. Raises `DataError` if they are not a matrix of finite numbers."""
        if item_vectors.ndim != 2:
            raise DataError(f"Item vectors must be a matrix [N, D], got {list(item_vectors.shape)}.")
        self.item_vectors = np.ascontiguousarray(item_vectors, dtype=np.float32)
        require_finite(self.item_vectors, "Item")
        norms = np.linalg.norm(self.item_vectors, axis=1)
        # A float32 dot product of D terms is off by at most about D · 2^-23 · |x| · |u|, whatever the order of the sum.
        self._slack = np.float32(2.0**-23 * (self.dim + 2) * float(norms.max(initial=0)))

    def __len__(self) -> int:
        return len(self.item_vectors)

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return int(self.item_vectors.shape[1])

    def search(
        self,
        user_vectors: Float32s,
        k: int,
        *,
        exclude: Ragged | None = None,
        allowed: Bools | None = None,
    ) -> Ranked:
        """The k best items for every user vector `[B, D]`; arguments, ties and result as of `top_k`."""
        users = require_users(user_vectors, self.dim)
        check_arguments(k, len(users), len(self), exclude, allowed)
        codes = None if allowed is None or allowed.all() else np.flatnonzero(allowed)
        vectors = self.item_vectors if codes is None else self.item_vectors[codes]
        items, best = create_empty(len(users), k)
        for start in range(0, len(users), COLUMNS):
            stop = min(start + COLUMNS, len(users))
            closed = None if exclude is None else _Excluded(exclude, start, stop, codes, len(self))
            scan = _Scan(vectors, users[start:stop], k, closed, self._slack)
            items[start:stop], best[start:stop] = scan.run()
        if codes is not None and len(codes):
            items = np.where(items >= 0, codes[np.maximum(items, 0)], -1).astype(np.int32)
        return items, best


def require_finite(vectors: Float32s, whose: str) -> None:
    """Raise a `DataError` with the first row of vectors with NaN or infinity."""
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise DataError(
            f"{whose} vectors are not finite in {int((~finite).sum())} rows (first: row {row}).",
            remedy="Correct or leave out these rows: NaN cannot be ranked.",
        )


def require_users(user_vectors: Float32s, dim: int) -> Float32s:
    """User vectors as finite float32 `[B, dim]`."""
    if user_vectors.ndim != 2 or user_vectors.shape[1] != dim:
        raise DataError(f"User vectors must be [B, {dim}] as the items are, got {list(user_vectors.shape)}.")
    users = np.ascontiguousarray(user_vectors, dtype=np.float32)
    require_finite(users, "User")
    return users


class _Excluded:
    """The excluded items of a block of rows, ordered by block of items."""

    def __init__(self, exclude: Ragged, start: int, stop: int, codes: Int64s | None, n_items: int) -> None:
        """Rows `start` to `stop` of `exclude`; `codes` are the allowed items, None for all."""
        self.rows, self.items = _list_excluded(exclude, start, stop, n_items)
        if codes is not None:
            places = np.full(n_items, -1, dtype=np.int64)
            places[codes] = np.arange(len(codes))
            inside = places[self.items] >= 0
            self.rows, self.items = self.rows[inside], places[self.items[inside]]
        self.edges = np.zeros(1, dtype=np.int64)

    def in_blocks(self, step: int, n_items: int) -> None:
        """Order by blocks of `step` items."""
        n_blocks = -(-n_items // step)
        blocks = (self.items // step).astype(np.uint16 if n_blocks < 1 << 16 else np.int64)
        if n_blocks > 1:
            order = np.argsort(blocks, kind="stable")
            self.rows, self.items = self.rows[order], self.items[order]
        self.edges = np.concatenate([self.edges[:1], np.cumsum(np.bincount(blocks, minlength=n_blocks))])

    def hide(self, scores: Float32s, block: int, first: int) -> None:
        """-inf in the `scores` `[items, B]` of one block, whose first item is `first`."""
        part = slice(self.edges[block], self.edges[block + 1])
        scores[self.items[part] - first, self.rows[part]] = LOWEST


class _Scan:
    """One pass over all items for a block of users that collects candidates above the k-th best score so far."""

    def __init__(
        self,
        vectors: Float32s,
        users: Float32s,
        k: int,
        excluded: _Excluded | None,
        slack: np.float32,
    ) -> None:
        self.vectors, self.users, self.k, self.excluded = vectors, users, k, excluded
        self.slack = slack * np.linalg.norm(users, axis=1)
        self.items, self.best = create_empty(len(users), k)
        self.bar = np.full(len(users), LOWEST, dtype=np.float32)
        self.waiting: list[tuple[Int64s, Int64s]] = []
        self.n_waiting = 0

    def run(self) -> Ranked:
        """Scan the items block by block."""
        n_items, n_users = len(self.vectors), len(self.users)
        step = max(CACHE // max(n_users, 1), 8 * self.k)
        step = n_items if n_items <= 2 * step else step
        buffer = np.empty((step, n_users), dtype=np.float32)
        above = np.empty(buffer.shape, dtype=np.bool_)
        columns = np.ascontiguousarray(self.users.T)
        if self.excluded is not None:
            self.excluded.in_blocks(max(step, 1), n_items)
        settled = 0
        for block, first in enumerate(range(0, n_items, max(step, 1))):
            last = min(first + step, n_items)
            scores = buffer[: last - first]
            np.matmul(self.vectors[first:last], columns, out=scores)
            if self.excluded is not None:
                self.excluded.hide(scores, block, first)
            self._collect(scores, first, above[: last - first])
            # Settling costs a pass over the candidates: do it when the items seen double, or when too many wait.
            if last >= 2 * settled or last == n_items or self.n_waiting > 64 * n_users * self.k:
                self._settle()
                settled = last
        return self.items, self.best

    def _collect(self, scores: Float32s, first: int, above: Bools) -> None:
        """Collect the items whose score is above the bar; where there are many, first raise the bar from this block."""
        if first:
            np.greater(scores, self.bar, out=above)
        if not first or np.count_nonzero(above) > 4 * self.k * len(self.users):
            # k items of this block score at least the bound in the block product; twice the slack covers the rounding
            # of both products, so that no item of the true k best is lost.
            bound = bound_kth_best(scores, self.k) - 2 * self.slack
            self.bar = np.maximum(self.bar, np.nextafter(bound, LOWEST))
            np.greater(scores, self.bar, out=above)
        flat = np.flatnonzero(above)
        if len(flat):
            items, rows = np.divmod(flat, len(self.users))
            self.waiting.append((rows, items + first))
            self.n_waiting += len(flat)

    def _settle(self) -> None:
        """Score the waiting candidates exactly, keep the k best of each row and raise the bar."""
        if not self.waiting:
            return
        rows, places = np.nonzero(self.items >= 0)
        old = self.items[rows, places].astype(np.int64), self.best[rows, places]
        new_rows = np.concatenate([part[0] for part in self.waiting])
        new_items = np.concatenate([part[1] for part in self.waiting])
        # One dot product a candidate, always summed in the same order: the score does not depend on block or batch.
        values = np.einsum("cd,cd->c", self.vectors[new_items], self.users[new_rows])
        select_best(
            np.concatenate([rows, new_rows]),
            np.concatenate([old[0], new_items]),
            np.concatenate([old[1], values]),
            self.items,
            self.best,
        )
        self.bar = np.maximum(self.bar, self.best[:, -1] - self.slack)
        self.waiting, self.n_waiting = [], 0
