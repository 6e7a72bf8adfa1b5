"""EASE: the best linear item-to-item model in closed form, with item content as further rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.arrays import Float32s
from penchant.data.modalities import Modalities
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import ModelState
from penchant.models.history import HistoryOptions, Sparse, history_matrix, kind_weights, require
from penchant.models.popularity import not_fitted

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
    """Item modalities that `content_weight` applies to. Empty takes all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.regularisation > 0, "ease.regularisation", self.regularisation, "a number above 0")
        require(self.content_weight >= 0, "ease.content_weight", self.content_weight, "a weight of 0 or more")


class EASE:
    """Embarrassingly shallow autoencoder: B = −P / diag(P), diag(B) = 0, P = (XᵀX + λI)⁻¹.

    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019. With content, X has the rows
    √content_weight · F ᵀ below it (collective EASE: Jeunen et al., "Closed-Form Models for Collaborative Filtering
    with Side-Information", RecSys 2020).
    """

    name = "ease"

    def __init__(self, options: EASEOptions | None = None) -> None:
        self.options = options or EASEOptions()
        self._weights: npt.NDArray[np.float32] | None = None
        self._placed: npt.NDArray[np.bool_] = np.empty(0, dtype=bool)
        self._kinds: list[str] = []

    def fit(self, data: TrainingData) -> None:
        """Solve. Raises `ModelError` above 20,000 items, or where λ is too small for a stable solution."""
        if data.n_items > MAX_ITEMS:
            raise ModelError(
                f"ease needs a dense matrix of {data.n_items:,} × {data.n_items:,} items; at most {MAX_ITEMS:,} are "
                "allowed.",
                remedy="Take cooccurrence, which is sparse, or leave out rare items.",
            )
        kinds = kind_weights(data.kinds, self.options.kind_weights)
        interactions = history_matrix(data.sequences, data.n_items, kinds, binary=True)
        gram = gram_matrix(interactions)
        placed = np.diagonal(gram) > 0
        if self.options.content_weight:
            features = content_features(data.modalities, self.options.content_modalities)
            gram += np.float32(self.options.content_weight) * (features @ features.T)
            placed = placed | (np.abs(features).sum(axis=1) > 0)
        self._weights = solve(gram, self.options.regularisation)
        self._placed = placed
        self._kinds = list(data.kinds)

    def score(self, histories: SequenceBatch) -> Float32s:
        """Decayed history times B, `[B, N]`; items that nothing was learned of get the lowest score of the row."""
        weights = self.weights
        options = self.options
        history = history_matrix(
            histories,
            len(weights),
            kind_weights(self._kinds, options.kind_weights),
            decay=options.decay,
            half_life_days=options.half_life_days,
            max_length=options.max_length,
        )
        scores = np.asarray(history @ weights, dtype=np.float32)
        return lowest_where(scores, ~self._placed)

    def state(self) -> ModelState:
        """B, which items are placed, names of kinds."""
        return ModelState({"weights": self.weights, "placed": self._placed}, {"kinds": self._kinds})

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self._weights = np.asarray(state.tensors["weights"], dtype=np.float32)
        self._placed = np.asarray(state.tensors["placed"], dtype=bool)
        self._kinds = list(state.facts["kinds"])

    @property
    def weights(self) -> npt.NDArray[np.float32]:
        """B, item-to-item weights `[N, N]`: row = item in the history. Raises `ModelError` before `fit`."""
        if self._weights is None:
            raise not_fitted(self.name)
        return self._weights


def gram_matrix(interactions: Sparse, block: int = 4096) -> npt.NDArray[np.float32]:
    """`XᵀX` `[N, N]` dense, by sparse products of blocks of rows, or dense ones where X is dense enough."""
    rows, n_items = interactions.shape
    if interactions.nnz < 0.01 * rows * n_items:
        return np.asarray((interactions.T @ interactions).toarray(), dtype=np.float32)
    total = np.zeros((n_items, n_items), dtype=np.float32)
    for start in range(0, rows, block):
        part = interactions[start : start + block].toarray()
        total += part.T @ part
    return total


def solve(gram: npt.NDArray[np.float32], regularisation: float) -> npt.NDArray[np.float32]:
    """B of EASE from `XᵀX`, by Cholesky in float32. `gram` is overwritten.

    Raises `ModelError` where the matrix is not positive definite.
    """
    from scipy.linalg import lapack

    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += np.float32(regularisation)
    # a symmetric matrix is its own transpose: handing LAPACK the Fortran modality avoids a copy
    factor, failed = lapack.spotrf(gram.T, lower=True, clean=False, overwrite_a=True)
    if not failed:
        inverse, failed = lapack.spotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise ModelError(
            f"ease cannot be solved with regularisation={regularisation}: the matrix is not positive definite.",
            remedy="Take a larger regularisation, such as 100 or more.",
        )
    whole: npt.NDArray[Any] = np.tril(inverse)
    whole += np.tril(inverse, -1).T
    whole /= -np.diagonal(whole).copy()
    whole[diagonal, diagonal] = 0
    return np.ascontiguousarray(whole, dtype=np.float32)


def content_features(modalities: Modalities, names: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Unit-length vectors of the modalities side by side, `[N, D]`. Raises `ModelError` where a modality is not
    there."""
    chosen = names or tuple(modalities)
    missing = [name for name in chosen if name not in modalities]
    if missing or not chosen:
        wanted = ", ".join(missing) or "at least one modality"
        raise ModelError(
            f"ease with content needs the item modality {wanted}, which the data do not have.",
            remedy=f"Modalities there are: {', '.join(modalities) or 'none'}. Encode the items, or set "
            "content_weight=0.",
        )
    return np.hstack([modalities[name].unit().vectors for name in chosen]).astype(np.float32)


def lowest_where(scores: Float32s, mask: npt.NDArray[np.bool_]) -> Float32s:
    """Scores with the masked columns `[N]` set to the lowest of their row."""
    if mask.any() and scores.size:
        scores[:, mask] = scores.min(axis=1, keepdims=True)
    return scores
