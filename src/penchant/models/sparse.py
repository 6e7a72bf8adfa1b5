"""Sparse matrices of the neighbourhood models: scaling, the k largest of every row, arrays for the bundle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Array, Float32s, Float64s
from penchant.models.history import Sparse


def invert(values: Array, power: float = 1.0) -> Float32s:
    """`1 / values^power`, and 0 where a value is not above 0."""
    above = values > 0
    safe = np.where(above, values, 1.0)
    return np.where(above, np.power(safe, -power), 0.0).astype(np.float32)


def sum_rows(matrix: Sparse) -> Float64s:
    """Sum of every row, `[rows]` float64."""
    return np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()


def scale_rows(matrix: Sparse, factors: Float32s) -> Sparse:
    """Every row times its factor."""
    data = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
    return sp.csr_matrix((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def normalise_rows(matrix: Sparse) -> Sparse:
    """Every row with Euclidean length 1; empty rows stay empty."""
    squares = sp.csr_matrix((matrix.data.astype(np.float64) ** 2, matrix.indices, matrix.indptr), shape=matrix.shape)
    return scale_rows(matrix, invert(sum_rows(squares), 0.5))


def keep_largest(matrix: Sparse, k: int) -> Sparse:
    """Only the k largest entries of every row (above 0); among equals the lower column stays.

    >>> keep_largest(sp.csr_matrix(np.array([[3.0, 1.0, 2.0], [0.0, 4.0, 4.0]])), 1).toarray().tolist()
    [[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]
    """
    source = matrix.tocsr()
    source.sort_indices()
    lengths = np.diff(source.indptr)
    rows = np.repeat(np.arange(source.shape[0], dtype=np.uint64), lengths)
    # floats above 0 sort like their bits: one integer key orders rows, then values from high to low
    bits = np.maximum(source.data.astype(np.float32), 0).view(np.uint32).astype(np.uint64)
    order = np.argsort((rows << np.uint64(32)) | (np.uint64(0xFFFFFFFF) - bits), kind="stable")
    rank = np.arange(len(order)) - np.repeat(source.indptr[:-1], lengths)
    kept = np.sort(order[(rank < k) & (source.data[order] > 0)])
    counts = np.bincount(rows[kept].astype(np.int64), minlength=source.shape[0])
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return sp.csr_matrix((source.data[kept].astype(np.float32), source.indices[kept], offsets), shape=source.shape)


def to_arrays(matrix: Sparse, prefix: str) -> dict[str, Array]:
    """A CSR matrix as plain arrays, for `ModelState.tensors`."""
    return {
        f"{prefix}.indptr": matrix.indptr.astype(np.int64),
        f"{prefix}.indices": matrix.indices.astype(np.int32),
        f"{prefix}.data": matrix.data.astype(np.float32),
        f"{prefix}.shape": np.asarray(matrix.shape, dtype=np.int64),
    }


def from_arrays(tensors: Mapping[str, Array], prefix: str) -> Sparse:
    """The opposite of `to_arrays`."""
    shape = tuple(int(size) for size in tensors[f"{prefix}.shape"])
    parts = (tensors[f"{prefix}.data"], tensors[f"{prefix}.indices"], tensors[f"{prefix}.indptr"])
    return sp.csr_matrix(parts, shape=shape, dtype=np.float32)


def to_dense(matrix: Sparse) -> Float32s:
    """The matrix as a float32 array."""
    return np.asarray(matrix.toarray(), dtype=np.float32)
