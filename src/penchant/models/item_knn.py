"""Item-based neighbours: items that the same people touched, by cosine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.base import ModelState
from penchant.models.cooccurrence import BACKOFF
from penchant.models.history import HistoryOptions, Sparse, history_matrix, kind_weights, require
from penchant.models.popularity import not_fitted
from penchant.models.sparse import dense, from_arrays, largest, to_arrays

BLOCK = 2048
"""Items whose neighbours are found at once."""


@dataclass(frozen=True)
class ItemKNNOptions(HistoryOptions):
    """Options of item-kNN."""

    model = "item_knn"
    neighbours: int = 100
    """Similar items kept of each item. 1 or more."""
    shrinkage: float = 10.0
    """Number added to the denominator of the cosine. 0 or more; it damps pairs that few users share."""
    decay: float = 0.6
    max_length: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.neighbours >= 1, "item_knn.neighbours", self.neighbours, "a whole number of 1 or more")
        require(self.shrinkage >= 0, "item_knn.shrinkage", self.shrinkage, "a number of 0 or more")


class ItemKNN:
    """score(j) = Σ_i w_i · sim(i, j) over the history, sim(i, j) = |U_i ∩ U_j| / (√(|U_i| |U_j|) + shrinkage).

    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001. Popularity orders the
    items that no neighbour reaches.
    """

    name = "item_knn"

    def __init__(self, options: ItemKNNOptions | None = None) -> None:
        self.options = options or ItemKNNOptions()
        self._similarities: Sparse | None = None
        self._popularity: npt.NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._kinds: list[str] = []

    def fit(self, data: TrainingData) -> None:
        """Find each item's neighbours, block by block."""
        weights = kind_weights(data.kinds, self.options.kind_weights)
        interactions = history_matrix(data.sequences, data.n_items, weights, binary=True)
        self._similarities = cosine_neighbours(interactions, self.options.neighbours, self.options.shrinkage)
        counts = np.asarray(interactions.sum(axis=0), dtype=np.float64).ravel()
        self._popularity = (counts / max(counts.sum(), 1.0)).astype(np.float32)
        self._kinds = list(data.kinds)

    def score(self, histories: SequenceBatch) -> Float32s:
        """Decayed history times similarities, `[B, N]`."""
        similarities = self.similarities
        options = self.options
        history = history_matrix(
            histories,
            similarities.shape[0],
            kind_weights(self._kinds, options.kind_weights),
            decay=options.decay,
            half_life_days=options.half_life_days,
            max_length=options.max_length,
        )
        scores = dense(history @ similarities)
        scores += np.float32(BACKOFF) * self._popularity
        return scores

    def state(self) -> ModelState:
        """Similarities, popularity, names of kinds."""
        arrays = to_arrays(self.similarities, "similarities")
        return ModelState({**arrays, "popularity": self._popularity}, {"kinds": self._kinds})

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self._similarities = from_arrays(state.tensors, "similarities")
        self._popularity = np.asarray(state.tensors["popularity"], dtype=np.float32)
        self._kinds = list(state.facts["kinds"])

    @property
    def similarities(self) -> Sparse:
        """Similarities as a CSR matrix `[N, N]`, row = item in the history. Raises `ModelError` before `fit`."""
        if self._similarities is None:
            raise not_fitted(self.name)
        return self._similarities


def cosine_neighbours(interactions: Sparse, neighbours: int, shrinkage: float = 0.0) -> Sparse:
    """The most similar other items of every item, as a CSR matrix `[N, N]` of shrunk cosines.

    `interactions` `[B, N]` holds who touched what, with weights.
    """
    by_item = interactions.T.tocsr()
    n_items = by_item.shape[0]
    norms = np.sqrt(np.asarray(by_item.multiply(by_item).sum(axis=1), dtype=np.float64).ravel())
    parts = []
    for start in range(0, n_items, BLOCK):
        stop = min(start + BLOCK, n_items)
        block = (by_item[start:stop] @ interactions).tocsr()
        rows = np.repeat(np.arange(start, stop), np.diff(block.indptr))
        block.data = (block.data / (norms[rows] * norms[block.indices] + shrinkage)).astype(np.float32)
        block.data[rows == block.indices] = 0
        parts.append(largest(block, neighbours))
    return sp.vstack(parts, format="csr") if parts else sp.csr_matrix((0, 0), dtype=np.float32)
