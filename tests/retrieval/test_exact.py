from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.ragged import Ragged
from penchant.errors import DataError, UsageError
from penchant.retrieval.exact import top_k


def by_sorting(
    scores: np.ndarray, k: int, exclude: Ragged | None, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The plain definition: mask, then a stable sort of every row."""
    masked = scores.astype(np.float32).copy()
    if allowed is not None:
        masked[:, ~allowed] = -np.inf
    if exclude is not None:
        for row in range(len(masked)):
            masked[row, exclude.row(row)] = -np.inf
    order = np.argsort(-masked, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(masked, order, axis=1)
    items = np.where(values > -np.inf, order, -1)
    pad = ((0, 0), (0, k - order.shape[1]))
    return np.pad(items, pad, constant_values=-1), np.pad(values, pad, constant_values=-np.inf)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([1, 3, 1000]), k=st.integers(1, 12))
def test_top_k_is_a_stable_sort(seed: int, levels: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    n_rows, n_items = int(rng.integers(1, 7)), int(rng.integers(1, 30))
    scores = rng.integers(-levels, levels, (n_rows, n_items)).astype(np.float32)
    exclude = Ragged.of([rng.integers(0, n_items, rng.integers(0, 6)).tolist() for _ in range(n_rows)])
    allowed = rng.random(n_items) < 0.7
    for arguments in ((None, None), (exclude, None), (None, allowed), (exclude, allowed)):
        items, best = top_k(scores, k, *arguments)
        right_items, right_best = by_sorting(scores, k, *arguments)
        np.testing.assert_array_equal(items, right_items)
        np.testing.assert_array_equal(best, right_best)
        assert items.dtype == np.int32 and best.dtype == np.float32


def test_scores_are_not_altered() -> None:
    scores = np.arange(6, dtype=np.float32).reshape(2, 3)
    top_k(scores, 1, Ragged.of([[2], [0]]), np.array([True, False, True]))
    assert scores.ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_nothing_left_and_foreign_codes() -> None:
    items, best = top_k(np.ones((1, 2), np.float32), 3, Ragged.of([[0, 1, -1, 99]]))
    assert items.tolist() == [[-1, -1, -1]]
    assert np.isneginf(best).all()
    assert top_k(np.empty((0, 5), np.float32), 3)[0].shape == (0, 3)
    assert top_k(np.empty((2, 0), np.float32), 3)[0].tolist() == [[-1] * 3] * 2


def test_refusals() -> None:
    scores = np.zeros((2, 3), np.float32)
    with pytest.raises(UsageError, match=r"k=0 is out of range\. Give a whole number of 1 or more"):
        top_k(scores, 0)
    with pytest.raises(DataError, match="exclude has 1 rows, the scores have 2"):
        top_k(scores, 1, Ragged.empty(1))
    with pytest.raises(DataError, match=r"allowed must be bool \[3\]"):
        top_k(scores, 1, None, np.ones(2, dtype=bool))
    with pytest.raises(DataError, match="Scores of row 1 are not numbers"):
        top_k(np.array([[1.0, 2.0], [np.nan, 0.0]]), 1)
    with pytest.raises(DataError, match=r"\[B, N\]"):
        top_k(np.zeros(3, np.float32), 1)
