"""EASE: the best linear item-to-item model in closed form, with item content as further rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.arrays import Bools, Float32s
from penchant.data.modalities import Modalities
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.closed_form import ClosedFormModel
from penchant.models.history import HistoryOptions, Sparse, build_history_matrix, weigh_histories, weigh_kinds
from penchant.options import require_range

MAX_ITEMS = 20_000
"""The closed form holds a dense `[N, N]` matrix: 1.6 GB at 20,000 items."""


@dataclass(frozen=True)
class EASEOptions(HistoryOptions):
    """Options of EASE."""

    model = "ease"
    regularisation: float = 500.0
    """λ on the diagonal. Above 0; sparse data need more."""
    content_weight: float = 0.0
    """Weight of each dimension of the item modalities as a further row of the data. 0 or more; above 0, cold items are
    scored by their content."""
    content_modalities: tuple[str, ...] = ()
    """Item modalities that `content_weight` applies to. Empty uses all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "regularisation", above=0, part="ease.")
        require_range(self, "content_weight", least=0, part="ease.")


@dataclass(frozen=True)
class EASERecord:
    """B `[N, N]` (row: item of the history), which items `[N]` it learned something of, names of event kinds."""

    weights: Float32s
    is_learned: Bools
    kinds: Sequence[str]


class EASE(ClosedFormModel[EASERecord]):
    """Embarrassingly shallow autoencoder: B = −P / diag(P), diag(B) = 0, P = (XᵀX + λI)⁻¹.

    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019. With content, X has the rows
    √content_weight · F ᵀ below it (collective EASE: Jeunen et al., "Closed-Form Models for Collaborative Filtering
    with Side-Information", RecSys 2020).
    """

    name = "ease"
    record_type = EASERecord

    def __init__(self, options: EASEOptions | None = None) -> None:
        super().__init__()
        self.options = options or EASEOptions()

    def fit(self, data: TrainingData) -> None:
        """Solve. Raises `ModelError` above 20,000 items, or if λ is too small for a stable solution."""
        if data.n_items > MAX_ITEMS:
            raise ModelError(
                f"ease needs a dense matrix of {data.n_items:,} × {data.n_items:,} items; at most {MAX_ITEMS:,} are "
                "allowed.",
                remedy="Take cooccurrence, which is sparse, or leave out rare items.",
            )
        weights = weigh_kinds(data.kinds, self.options.kind_weights)
        interactions = build_history_matrix(data.sequences, data.n_items, weights, binary=True)
        gram = compute_gram(interactions)
        is_learned = np.diagonal(gram) > 0
        if self.options.content_weight:
            features = stack_modalities(data.modalities, self.options.content_modalities)
            gram += np.float32(self.options.content_weight) * (features @ features.T)
            is_learned = is_learned | (np.abs(features).sum(axis=1) > 0)
        self._record = EASERecord(solve(gram, self.options.regularisation), is_learned, list(data.kinds))

    def score(self, histories: SequenceBatch) -> Float32s:
        """Decayed history times B, `[B, N]`; an item that B learned nothing of gets the lowest score of the row."""
        record = self.record
        history = weigh_histories(histories, len(record.weights), record.kinds, self.options)
        scores = np.asarray(history @ record.weights, dtype=np.float32)
        return set_lowest(scores, ~record.is_learned)


def compute_gram(interactions: Sparse, block: int = 4096) -> Float32s:
    """`XᵀX` `[N, N]` dense, by sparse products of blocks of rows, or dense ones where X is dense enough."""
    rows, n_items = interactions.shape
    if interactions.nnz < 0.01 * rows * n_items:
        return np.asarray((interactions.T @ interactions).toarray(), dtype=np.float32)
    total = np.zeros((n_items, n_items), dtype=np.float32)
    for start in range(0, rows, block):
        part = interactions[start : start + block].toarray()
        total += part.T @ part
    return total


def solve(gram: Float32s, regularisation: float) -> Float32s:
    """B of EASE from `XᵀX`, by Cholesky in float32. `gram` is overwritten.

    Raises `ModelError` if the matrix is not positive definite.
    """
    from scipy.linalg import lapack

    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += np.float32(regularisation)
    # XᵀX is symmetric: its transpose is the same matrix in Fortran order, which LAPACK overwrites without a copy
    factor, failed = lapack.spotrf(gram.T, lower=True, clean=False, overwrite_a=True)
    if not failed:
        inverse, failed = lapack.spotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise ModelError(
            f"ease cannot be solved with regularisation={regularisation}: the matrix is not positive definite.",
            remedy="Take a larger regularisation, such as 100 or more.",
        )
    full: Float32s = np.tril(inverse)  # spotri fills the lower triangle of P alone
    full += np.tril(inverse, -1).T
    full /= -np.diagonal(full).copy()
    full[diagonal, diagonal] = 0
    return np.ascontiguousarray(full, dtype=np.float32)


def stack_modalities(modalities: Modalities, names: tuple[str, ...]) -> Float32s:
    """Unit-length vectors of the modalities side by side, `[N, D]`. Raises `ModelError` if a modality is not
    there."""
    chosen = names or tuple(modalities)
    missing = [name for name in chosen if name not in modalities]
    if missing or not chosen:
        wanted = ", ".join(missing) or "at least one modality"
        raise ModelError(
            f"ease with content needs the item modality {wanted}, which the data do not have.",
            remedy=f"Available modalities: {', '.join(modalities) or 'none'}. Encode the items, or set "
            "content_weight=0.",
        )
    return np.hstack([modalities[name].unit().vectors for name in chosen]).astype(np.float32)


def set_lowest(scores: Float32s, mask: Bools) -> Float32s:
    """Scores with the masked columns `[N]` set to the lowest of their row."""
    if mask.any() and scores.size:
        scores[:, mask] = scores.min(axis=1, keepdims=True)
    return scores
