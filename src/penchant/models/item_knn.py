"""Item-based neighbours: items that the same users chose, by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.closed_form import ClosedFormModel
from penchant.models.cooccurrence import BACKOFF
from penchant.models.history import HistoryOptions, Sparse, build_history_matrix, weigh_histories, weigh_kinds
from penchant.models.sparse import keep_largest, to_dense
from penchant.options import require_range

BLOCK = 2048
"""Items of one block of the similarity matrix."""


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
        require_range(self, "neighbours", least=1, part="item_knn.")
        require_range(self, "shrinkage", least=0, part="item_knn.")


@dataclass(frozen=True)
class ItemKNNRecord:
    """`similarities` as a CSR matrix `[N, N]` (row: item of the history), `popularity` `[N]`, names of event kinds."""

    similarities: Sparse
    popularity: Float32s
    kinds: Sequence[str]


class ItemKNN(ClosedFormModel[ItemKNNRecord]):
    """score(j) = Σ_i w_i · sim(i, j) over the history, sim(i, j) = |U_i ∩ U_j| / (√(|U_i| |U_j|) + shrinkage).

    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001. Popularity orders the
    items that no neighbour reaches.
    """

    name = "item_knn"
    record_type = ItemKNNRecord

    def __init__(self, options: ItemKNNOptions | None = None) -> None:
        super().__init__()
        self.options = options or ItemKNNOptions()

    def fit(self, data: TrainingData) -> None:
        """Find each item's neighbours, block by block."""
        weights = weigh_kinds(data.kinds, self.options.kind_weights)
        interactions = build_history_matrix(data.sequences, data.n_items, weights, binary=True)
        similarities = find_neighbours(interactions, self.options.neighbours, self.options.shrinkage)
        counts = np.asarray(interactions.sum(axis=0), dtype=np.float64).ravel()
        popularity = (counts / max(counts.sum(), 1.0)).astype(np.float32)
        self._record = ItemKNNRecord(similarities, popularity, list(data.kinds))

    def score(self, histories: SequenceBatch) -> Float32s:
        """Decayed history times similarities, `[B, N]`."""
        record = self.record
        scores = to_dense(
            weigh_histories(histories, len(record.popularity), record.kinds, self.options) @ record.similarities
        )
        scores += np.float32(BACKOFF) * record.popularity
        return scores


def find_neighbours(interactions: Sparse, neighbours: int, shrinkage: float = 0.0) -> Sparse:
    """The most similar other items of every item, as a CSR matrix `[N, N]` of shrunk cosines.

    `interactions` `[B, N]` are the weights of each user's items.
    """
    by_item = interactions.T.tocsr()
    n_items = by_item.shape[0]
    norms = np.sqrt(np.asarray(by_item.multiply(by_item).sum(axis=1), dtype=np.float64).ravel())
    parts = []
    for start in range(0, n_items, BLOCK):
        stop = min(start + BLOCK, n_items)
        block = (by_item[start:stop] @ interactions).tocsr()
        rows = np.repeat(np.arange(start, stop), np.diff(block.indptr))
        # a row is divided by its norms before the cut, so only `neighbours` entries a row stay in memory
        block.data = (block.data / (norms[rows] * norms[block.indices] + shrinkage)).astype(np.float32)
        block.data[rows == block.indices] = 0
        parts.append(keep_largest(block, neighbours))
    return sp.vstack(parts, format="csr") if parts else sp.csr_matrix((0, 0), dtype=np.float32)
