from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from penchant.encoders.svd import compute_truncated_svd


def test_it_agrees_with_the_dense_decomposition() -> None:
    rng = np.random.default_rng(0)
    matrix = sp.csr_array(sp.random(80, 50, density=0.3, rng=rng))
    left, values, right = compute_truncated_svd(matrix, 5, seed=1, iterations=12)
    exact_left, exact, exact_right = np.linalg.svd(matrix.toarray(), full_matrices=False)
    assert np.allclose(values, exact[:5], rtol=1e-5)
    ours, theirs = left * values @ right, exact_left[:, :5] * exact[:5] @ exact_right[:5]
    assert np.allclose(ours, theirs, atol=1e-3)
    assert np.allclose(left.T @ left, np.eye(5), atol=1e-8)


def test_same_seed_same_bytes_and_at_most_the_rank_of_the_shape() -> None:
    matrix = sp.csr_array(np.arange(12.0).reshape(3, 4))
    once, twice = compute_truncated_svd(matrix, 9, seed=3), compute_truncated_svd(matrix, 9, seed=3)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(once, twice, strict=True))
    assert once[0].shape == (3, 3) and once[2].shape == (3, 4)
    assert (once[2][np.arange(3), np.abs(once[2]).argmax(axis=1)] >= 0).all()
