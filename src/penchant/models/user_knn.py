"""User-based neighbours: the items of users with similar histories or interests, and their ratings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.closed_form import ClosedFormModel
from penchant.models.cooccurrence import BACKOFF
from penchant.models.history import HistoryOptions, Sparse, weigh_histories
from penchant.models.sparse import invert, keep_largest, normalise_rows, to_dense
from penchant.options import require_range

BLOCK = 512
"""Histories of one block of the comparison with all training users."""


@dataclass(frozen=True)
class UserKNNOptions(HistoryOptions):
    """Options of user-kNN."""

    model = "user_knn"
    neighbours: int = 200
    """Similar users that count. 1 or more."""
    similarity_modality: str = ""
    """Item modality in which users are compared, by the decayed sum of its vectors over their histories. Empty
    compares the histories themselves."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "neighbours", least=1, part="user_knn.")


@dataclass(frozen=True)
class UserKNNRecord:
    """`users` and their `values` as CSR matrices `[users, N]`, `popularity` `[N]`, names of event kinds.

    `items` `[N, D]` are the vectors of the modality in which users are compared, `[0, 0]` without one.
    """

    users: Sparse
    values: Sparse
    items: Float32s
    popularity: Float32s
    kinds: Sequence[str]


class UserKNN(ClosedFormModel[UserKNNRecord]):
    """score(j) = Σ_v sim(u, v) · x_vj over the most similar training users v; x_vj = v's decayed weight of item j.

    Similarity is the cosine of histories or of interest vectors. A training user is never a neighbour of themselves.
    Herlocker et al., "An algorithmic framework for performing collaborative filtering", SIGIR 1999.
    """

    name = "user_knn"
    record_type = UserKNNRecord

    def __init__(self, options: UserKNNOptions | None = None) -> None:
        super().__init__()
        self.options = options or UserKNNOptions()

    def fit(self, data: TrainingData) -> None:
        """Keep the training users. Raises `ModelError` if the data lack `similarity_modality`."""
        modality = self.options.similarity_modality
        if modality and modality not in data.modalities:
            raise ModelError(
                f"user_knn needs the item modality {modality!r}, which is missing.",
                remedy=f"Available: {', '.join(data.modalities) or 'none'}. Without similarity_modality users are "
                "compared by their histories.",
            )
        items = data.modalities[modality].unit().vectors if modality else np.zeros((0, 0), dtype=np.float32)
        users = weigh_histories(data.sequences, data.n_items, data.kinds, self.options)
        counts = np.bincount(users.indices, minlength=data.n_items)
        popularity = (counts / max(int(counts.sum()), 1)).astype(np.float32)
        values = select_last_values(data.sequences, data.n_items)
        self._record = UserKNNRecord(users, values, items, popularity, list(data.kinds))

    def score(self, histories: SequenceBatch) -> Float32s:
        """Neighbours' weights of every item, `[B, N]`."""
        record = self.record
        scores = np.empty((len(histories), len(record.popularity)), dtype=np.float32)
        for rows, similarities in self._find_neighbours(histories):
            scores[rows] = to_dense(similarities @ record.users)
        scores += np.float32(BACKOFF) * record.popularity
        return scores

    def predict_values(self, histories: SequenceBatch, items: Ragged) -> Float32s:
        """Expected values (ratings) of `items` `[B]`, flat like `items.values`.

        Σ_v sim(u, v) · value_vj / Σ_v sim(u, v) over the neighbours with a value of the item: a weighted mean, on the
        scale of the values. Without such a neighbour the mean of the item, and without any value of the item the mean
        of all values. Raises `ModelError` if the training events have no value.
        """
        values = self.record.values
        if not values.nnz:
            raise ModelError("The training events hold no values.", remedy="Values are the column 'value' of events.")
        rated = sp.csr_matrix((np.ones_like(values.data), values.indices, values.indptr), shape=values.shape)
        counts = np.asarray(rated.sum(axis=0), dtype=np.float64).ravel()
        overall = float(values.data.mean())
        means = np.where(counts > 0, np.asarray(values.sum(axis=0)).ravel() / np.maximum(counts, 1), overall)
        predicted = means[np.clip(items.values, 0, values.shape[1] - 1)]
        for rows, similarities in self._find_neighbours(histories):
            block = items.take(np.arange(rows.start, rows.stop))
            flat = slice(items.offsets[rows.start], items.offsets[rows.stop])
            cells = (block.rows, block.values)
            totals, weights = to_dense(similarities @ values)[cells], to_dense(similarities @ rated)[cells]
            has_neighbour = weights > 0
            means_of_neighbours = totals / np.where(has_neighbour, weights, 1)
            predicted[flat] = np.where(has_neighbour, means_of_neighbours, predicted[flat])
        return predicted.astype(np.float32)

    def _find_neighbours(self, histories: SequenceBatch) -> Iterator[tuple[slice, Sparse]]:
        """Blocks of rows, and similarities to their nearest training users as CSR `[rows, users]`."""
        record = self.record
        training = _build_profiles(record.users, record.items)
        for rows, part in histories.blocks(BLOCK):
            weighted = weigh_histories(part, len(record.popularity), record.kinds, self.options)
            profiles = _build_profiles(weighted, record.items)
            products = profiles @ training.T
            similar = products.tocsr() if sp.issparse(profiles) else sp.csr_matrix(np.maximum(products, 0))
            is_self = np.repeat(part.users.astype(np.int64), np.diff(similar.indptr)) == similar.indices
            similar.data[is_self] = 0
            yield rows, keep_largest(similar, self.options.neighbours)


def _build_profiles(histories: Sparse, items: Float32s) -> Sparse:
    """Unit rows to compare: the histories, or their interest vectors in the space of `items` `[N, D]`."""
    if not len(items):
        return normalise_rows(histories)
    vectors = np.asarray(histories @ items, dtype=np.float32)
    return vectors * invert(np.linalg.norm(vectors, axis=1))[:, None]


def select_last_values(events: SequenceBatch, n_items: int) -> Sparse:
    """The latest value of every (user, item) as a CSR matrix `[users, N]`; a value of 0 is kept as an entry."""
    rated = np.flatnonzero(~np.isnan(events.values) & (events.items >= 0) & (events.items < n_items))
    keys = events.rows[rated] * n_items + events.items[rated]
    order = np.argsort(keys, kind="stable")
    last = np.ones(len(order), dtype=bool)
    last[:-1] = keys[order][1:] != keys[order][:-1]
    chosen = rated[order[last]]
    rows = np.bincount(events.rows[chosen], minlength=len(events))
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(rows)])
    return sp.csr_matrix((events.values[chosen], events.items[chosen], offsets), shape=(len(events), n_items))
