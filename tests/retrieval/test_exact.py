from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.ragged import Ragged
from penchant.errors import DataError, UsageError
from penchant.retrieval.exact import ExactIndex, top_k
from penchant.testing.indexes import check_index


def by_sorting(
    scores: np.ndarray, k: int, exclude: Ragged | None, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The plain definition: mask, then a stable sort of every row."""
    masked = scores.astype(np.float32).copy()
    if allowed is not None:
        masked[:, ~allowed] = -np.inf
    if exclude is not None:
        for row in range(len(masked)):
            codes = exclude.row(row)
            masked[row, codes[(codes >= 0) & (codes < masked.shape[1])]] = -np.inf
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
    with pytest.raises(UsageError, match=r"k=0 is out of range\. Give an integer of 1 or more"):
        top_k(scores, 0)
    with pytest.raises(DataError, match="exclude has 1 rows, the scores have 2"):
        top_k(scores, 1, Ragged.empty(1))
    with pytest.raises(DataError, match=r"allowed must be bool \[3\]"):
        top_k(scores, 1, None, np.ones(2, dtype=bool))
    with pytest.raises(DataError, match="Scores of row 1 are not numbers"):
        top_k(np.array([[1.0, 2.0], [np.nan, 0.0]]), 1)
    with pytest.raises(DataError, match="Scores of row 0 are not numbers"):
        top_k(np.array([[np.nan, 0.0]]), 5)
    with pytest.raises(DataError, match=r"\[B, N\]"):
        top_k(np.zeros(3, np.float32), 1)


def test_index_contract() -> None:
    check_index(ExactIndex)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 9))
def test_index_is_top_k_of_the_product(seed: int, k: int) -> None:
    """Small whole numbers: products are exact and ties are many; blocks are made tiny so that there are several."""
    rng = np.random.default_rng(seed)
    n_users, n_items = int(rng.integers(1, 9)), int(rng.integers(1, 200))
    vectors = rng.integers(-2, 3, (n_items, 3)).astype(np.float32)
    users = rng.integers(-2, 3, (n_users, 3)).astype(np.float32)
    exclude = Ragged.of([rng.integers(-1, n_items + 1, rng.integers(0, 20)).tolist() for _ in range(n_users)])
    allowed = rng.random(n_items) < 0.6
    with mock.patch.multiple("penchant.retrieval.exact", CACHE=16, COLUMNS=3):
        index = ExactIndex(vectors)
        for closed, mask in ((None, None), (exclude, None), (None, allowed), (exclude, allowed)):
            items, best = index.search(users, k, exclude=closed, allowed=mask)
            right_items, right_best = by_sorting(users @ vectors.T, k, closed, mask)
            np.testing.assert_array_equal(items, right_items)
            np.testing.assert_array_equal(best, right_best)


def test_index_on_real_numbers() -> None:
    """Against float64, items in the worst order (best last), and every row alone."""
    rng = np.random.default_rng(7)
    users = rng.standard_normal((40, 32)).astype(np.float32)
    vectors = rng.standard_normal((9_000, 32)).astype(np.float32)
    vectors = vectors[np.argsort(vectors @ users[0])]
    index = ExactIndex(vectors)
    items, best = index.search(users, 10)
    exact = users.astype(np.float64) @ vectors.astype(np.float64).T
    np.testing.assert_allclose(best, -np.sort(-exact, axis=1)[:, :10], rtol=1e-5)
    np.testing.assert_allclose(best, np.take_along_axis(exact, items, axis=1), rtol=1e-5)
    for row in range(3):
        alone_items, alone_best = index.search(users[row : row + 1], 10)
        assert (alone_items[0] == items[row]).all() and (alone_best[0] == best[row]).all()


def test_equal_vectors_rank_by_code() -> None:
    """Twins far apart in the catalogue score the same to the last bit, whatever block they fall in."""
    rng = np.random.default_rng(8)
    some = rng.standard_normal((2_001, 24)).astype(np.float32)
    index = ExactIndex(np.vstack([some, some, some]))
    items, best = index.search(rng.standard_normal((700, 24)).astype(np.float32), 6)
    assert (items[:, 1] == items[:, 0] + 2_001).all() and (items[:, 2] == items[:, 0] + 4_002).all()
    assert (best[:, 0] == best[:, 2]).all()


def test_empty_index() -> None:
    items, best = ExactIndex(np.empty((0, 3), np.float32)).search(np.ones((2, 3), np.float32), 2)
    assert items.tolist() == [[-1, -1]] * 2 and np.isneginf(best).all()


def test_zero_vectors_rank_by_code() -> None:
    index = ExactIndex(np.random.default_rng(1).standard_normal((5_000, 8)).astype(np.float32))
    items, _ = index.search(np.zeros((3, 8), np.float32), 4, exclude=Ragged.of([[], [0, 2], [1]]))
    assert items.tolist() == [[0, 1, 2, 3], [1, 3, 4, 5], [0, 2, 3, 4]]
