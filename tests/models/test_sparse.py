from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.models.sparse import from_arrays, invert, keep_largest, normalise_rows, scale_rows, to_arrays


def random_matrix(seed: int) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    dense = rng.integers(-2, 6, (int(rng.integers(1, 8)), int(rng.integers(1, 12)))).astype(np.float32)
    return sp.csr_matrix(np.maximum(dense, 0) / 7)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 5))
def test_largest_is_a_stable_sort_of_each_row(seed: int, k: int) -> None:
    matrix = random_matrix(seed)
    dense = matrix.toarray()
    expected = np.zeros_like(dense)
    for row, values in enumerate(dense):
        kept = np.argsort(-values, kind="stable")[:k]
        expected[row, kept] = values[kept]
    np.testing.assert_array_equal(keep_largest(matrix, k).toarray(), expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_round_trip(seed: int) -> None:
    matrix = random_matrix(seed)
    again = from_arrays(to_arrays(matrix, "m"), "m")
    np.testing.assert_array_equal(again.toarray(), matrix.toarray())


def test_scaling() -> None:
    matrix = sp.csr_matrix(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(normalise_rows(matrix).toarray(), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(scale_rows(matrix, np.array([2, 9], np.float32)).toarray(), [[6, 8], [0, 0]])
    assert invert(np.array([4.0, 0.0, -1.0]), 0.5).tolist() == [0.5, 0.0, 0.0]
