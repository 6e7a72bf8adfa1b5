"""Cosine similarity of vectors, and the nearest neighbours of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penchant.arrays import Float64s, Int32s, Ints
from penchant.data.modalities import Modality
from penchant.errors import DataError


def cosine(a: npt.ArrayLike, b: npt.ArrayLike) -> Float64s:
    """Cosine of the angle between vectors of the last axis: a·b / (‖a‖ ‖b‖), -1 to 1; 0 where one is zero.

    `a` and `b` are `[..., D]` and are broadcast. Raises `DataError` if D differs.

    >>> round(float(cosine([0.1, 0.2, -0.3, 0.4], [0.3, 0.5, 0.1, 0.2])), 3)
    0.526
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.shape[-1:] != right.shape[-1:]:
        raise DataError(f"Cosine needs vectors of one length, got {left.shape} and {right.shape}.")
    norms = np.linalg.norm(left, axis=-1) * np.linalg.norm(right, axis=-1)
    dots = (left * right).sum(axis=-1)
    return np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)  # type: ignore[no-any-return]


def find_nearest_rows(modality: Modality, k: int, *, block: int = 1024, of: Ints | None = None) -> Int32s:
    """For each row the k other present rows with the highest cosine, `[N, k]`, best first; -1 where fewer are present.

    `of` limits the search to these rows `[M]`; the result is `[M, k]`.
    """
    unit = modality.unit().vectors
    queries = np.arange(len(modality)) if of is None else np.asarray(of, dtype=np.int64)
    out = np.full((len(queries), k), -1, dtype=np.int32)
    kept = min(k, max(len(modality) - 1, 0))
    if kept == 0:
        return out
    for start in range(0, len(queries), block):
        rows = queries[start : start + block]
        scores = unit[rows] @ unit.T
        scores[:, ~modality.present] = -np.inf
        scores[np.arange(len(rows)), rows] = -np.inf
        best = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
        order = np.lexsort((best, -np.take_along_axis(scores, best, axis=1)), axis=1)
        best = np.take_along_axis(best, order, axis=1)
        exists = np.isfinite(np.take_along_axis(scores, best, axis=1)) & modality.present[rows, None]
        out[start : start + len(rows), :kept] = np.where(exists, best, -1)
    return out
