"""The contract of indexes as one call: `check_index(factory)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from penchant.arrays import Bools, Float32s, Int32s
from penchant.data.ragged import Ragged
from penchant.errors import DataError, UsageError
from penchant.retrieval.exact import Ranked, top_k


class Index(Protocol):
    """Items by dot product."""

    def search(
        self, user_vectors: Float32s, k: int, *, exclude: Ragged | None = None, allowed: Bools | None = None
    ) -> Ranked:
        """The k best items for every user vector `[B, D]`."""


def check_index(factory: Callable[[Float32s], Index], *, recall: float = 1.0, seed: int = 0) -> None:
    """Run the complete contract; `factory` makes an index of item vectors `[N, D]`.

    `recall`: least mean share of the exact top ten in its lists (1: the same lists).
    """
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((30, 16))
    vectors = (centres[rng.integers(0, 30, 3000)] + 0.5 * rng.standard_normal((3000, 16))).astype(np.float32)
    users = (centres[rng.integers(0, 30, 50)] + 0.5 * rng.standard_normal((50, 16))).astype(np.float32)
    exclude = Ragged.of([rng.choice(3000, 40, replace=False).tolist() for _ in range(50)])
    allowed = rng.random(3000) < 0.5
    index = factory(vectors)
    for closed, mask in ((None, None), (exclude, None), (None, allowed), (exclude, allowed)):
        items, scores = index.search(users, 10, exclude=closed, allowed=mask)
        check_lists(items, scores, closed, mask)
        reached = compute_recall(items, top_k(users @ vectors.T, 10, closed, mask)[0])
        assert reached >= recall, f"recall {reached:.3f} is below {recall}"
    check_short_lists(index, users)
    check_invalid_calls(factory, index)


def check_lists(items: Int32s, scores: Float32s, exclude: Ragged | None, allowed: Bools | None) -> None:
    """Lists are int32 and float32, best first, without repeats, and hold nothing excluded or not allowed."""
    assert items.dtype == np.int32 and scores.dtype == np.float32
    assert (np.diff(scores, axis=1) <= 0).all(), "best first"
    for row, listed in enumerate(items):
        there = listed[listed >= 0]
        assert len(set(there.tolist())) == len(there), "no item twice"
        assert allowed is None or allowed[there].all(), "only allowed items"
        assert exclude is None or not set(there.tolist()) & set(exclude.row(row).tolist()), "nothing excluded"


def check_short_lists(index: Index, users: Float32s) -> None:
    """Where fewer than k items are allowed, the rest of the list is -1 and -inf; no users, no lists."""
    allowed = np.zeros(3000, dtype=bool)
    allowed[[7, 2100]] = True
    items, scores = index.search(users, 5, allowed=allowed)
    assert (np.sort(items[:, :2], axis=1) == [7, 2100]).all(), "all allowed items must be listed"
    assert (items[:, 2:] == -1).all() and np.isneginf(scores[:, 2:]).all()
    assert index.search(users[:0], 5)[0].shape == (0, 5)


def check_invalid_calls(factory: Callable[[Float32s], Index], index: Index) -> None:
    """NaN, other dimensions and k = 0 raise an error."""
    broken = np.zeros((4, 16), dtype=np.float32)
    broken[2, 3] = np.nan
    for call, kind, words in (
        (lambda: factory(broken), DataError, "row 2"),
        (lambda: index.search(broken, 1), DataError, "row 2"),
        (lambda: index.search(broken[:, :5], 1), DataError, "[B, 16]"),
        (lambda: index.search(broken[:1], 0), UsageError, "k=0"),
    ):
        try:
            call()
        except kind as error:
            assert words in str(error), str(error)
        else:
            raise AssertionError(f"{kind.__name__} ({words}) was not raised")


def compute_recall(listed: Int32s, exact: Int32s) -> float:
    """Mean share of each exact list `[B, k]` among `listed`, 0 to 1.

    >>> compute_recall(np.array([[1, 2, 9]]), np.array([[2, 1, 3]]))
    0.6666666666666666
    """
    shared = (listed[:, :, None] == exact[:, None, :]) & (exact >= 0)[:, None, :]
    wanted = np.maximum((exact >= 0).sum(axis=1), 1)
    return float((shared.any(axis=1).sum(axis=1) / wanted).mean())
