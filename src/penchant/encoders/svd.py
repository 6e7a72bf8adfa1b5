"""Truncated singular value decomposition of a sparse matrix by random projections."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Float64s


def compute_truncated_svd(
    matrix: sp.csr_array, dim: int, *, seed: int = 0, oversampling: int = 16, iterations: int = 4
) -> tuple[Float64s, Float64s, Float64s]:
    """The leading `dim` singular triplets: left `[N, d]`, values `[d]` in descending order, right `[d, F]`, d =
    min(dim, N, F).

    Halko, Martinsson and Tropp, "Finding structure with randomness" (SIAM Review 2011), algorithm 4.4: subspace
    iteration with a QR step. Signs are fixed (the largest entry of each right vector is positive), so that the same
    matrix and seed give the same result.
    """
    rows, columns = matrix.shape
    kept = min(dim, rows, columns)
    width = min(kept + oversampling, rows, columns)
    start = np.random.default_rng(seed).standard_normal((columns, width))
    # QR after every product: without it all columns turn towards the leading singular vector
    basis, _ = np.linalg.qr(matrix @ start)
    for _ in range(iterations):
        basis, _ = np.linalg.qr(matrix.T @ basis)
        basis, _ = np.linalg.qr(matrix @ basis)
    left, values, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    left, values, right = (basis @ left)[:, :kept], values[:kept], right[:kept]
    # singular vectors are unique up to their sign
    signs = np.sign(right[np.arange(kept), np.abs(right).argmax(axis=1)])
    signs[signs == 0] = 1.0
    return left * signs, values, right * signs[:, None]
