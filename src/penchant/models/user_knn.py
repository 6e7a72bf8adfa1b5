"""User-based neighbours: what people with similar interests touched, and how they rated it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import ModelState
from penchant.models.cooccurrence import BACKOFF
from penchant.models.history import HistoryOptions, Sparse, history_matrix, kind_weights, require
from penchant.models.popularity import not_fitted
from penchant.models.sparse import dense, from_arrays, inverse, largest, to_arrays, unit_rows

BLOCK = 512
"""Histories compared with all training users at once."""


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
        require(self.neighbours >= 1, "user_knn.neighbours", self.neighbours, "a whole number of 1 or more")


class UserKNN:
    """score(j) = Σ_v sim(u, v) · x_vj over the most similar training users v; x_vj = v's (faded) weight of item j.

    Similarity is the cosine of histories or of interest vectors. A training user is never their own neighbour.
    Herlocker et al., "An algorithmic framework for performing collaborative filtering", SIGIR 1999.
    """

    name = "user_knn"

    def __init__(self, options: UserKNNOptions | None = None) -> None:
        self.options = options or UserKNNOptions()
        self._users: Sparse | None = None
        self._values: Sparse | None = None
        self._items: npt.NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        self._popularity: npt.NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._kinds: list[str] = []

    def fit(self, data: TrainingData) -> None:
        """Keep the training users. Raises `ModelError` where `similarity_modality` is not there."""
        modality = self.options.similarity_modality
        if modality and modality not in data.modalities:
            raise ModelError(
                f"user_knn needs the item modality {modality!r}, which is not there.",
                remedy=f"Modalities there are: {', '.join(data.modalities) or 'none'}; or "
                "similarity_modality='' for histories.",
            )
        self._items = data.modalities[modality].unit().vectors if modality else np.zeros((0, 0), dtype=np.float32)
        self._kinds = list(data.kinds)
        self._users = self._histories(data.sequences, data.n_items)
        self._values = last_values(data.sequences, data.n_items)
        counts = np.bincount(self._users.indices, minlength=data.n_items)
        self._popularity = (counts / max(int(counts.sum()), 1)).astype(np.float32)

    def score(self, histories: SequenceBatch) -> Float32s:
        """Neighbours' weights of every item, `[B, N]`."""
        users = self._fitted()
        scores = np.empty((len(histories), users.shape[1]), dtype=np.float32)
        for rows, nearest in self._neighbours(histories):
            scores[rows] = dense(nearest @ users)
        scores += np.float32(BACKOFF) * self._popularity
        return scores

    def predict_values(self, histories: SequenceBatch, items: Ragged) -> npt.NDArray[np.float32]:
        """Expected values (ratings) of `items` `[B]`, flat like `items.values`.

        The mean of the neighbours' values of the item, weighted by similarity (`weighted_mean`); without a neighbour
        who rated it the item's mean; the mean of all values where nobody did. Raises `ModelError` where the training
        events hold no value.
        """
        users = self._fitted()
        values = self._values
        if values is None or not values.nnz:
            raise ModelError("The training events hold no values.", remedy="Values are the column 'value' of events.")
        rated = sp.csr_matrix((np.ones_like(values.data), values.indices, values.indptr), shape=values.shape)
        counts = np.asarray(rated.sum(axis=0), dtype=np.float64).ravel()
        overall = float(values.data.mean())
        means = np.where(counts > 0, np.asarray(values.sum(axis=0)).ravel() / np.maximum(counts, 1), overall)
        predicted = means[np.clip(items.values, 0, users.shape[1] - 1)]
        for rows, nearest in self._neighbours(histories):
            block = items.take(np.arange(rows.start, rows.stop))
            flat = slice(items.offsets[rows.start], items.offsets[rows.stop])
            asked = (block.rows, block.values)
            totals, weights = dense(nearest @ values)[asked], dense(nearest @ rated)[asked]
            found = weights > 0
            predicted[flat] = np.where(found, totals / np.where(found, weights, 1), predicted[flat])
        return predicted.astype(np.float32)

    def state(self) -> ModelState:
        """Training users, their values, the modality's vectors, names of kinds."""
        users, values = self._fitted(), self._values
        arrays = {**to_arrays(users, "users"), **to_arrays(values, "values")}
        return ModelState({**arrays, "items": self._items, "popularity": self._popularity}, {"kinds": self._kinds})

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self._users, self._values = from_arrays(state.tensors, "users"), from_arrays(state.tensors, "values")
        self._items = np.asarray(state.tensors["items"], dtype=np.float32)
        self._popularity = np.asarray(state.tensors["popularity"], dtype=np.float32)
        self._kinds = list(state.facts["kinds"])

    def _fitted(self) -> Sparse:
        if self._users is None:
            raise not_fitted(self.name)
        return self._users

    def _histories(self, histories: SequenceBatch, n_items: int) -> Sparse:
        options = self.options
        weights = kind_weights(self._kinds, options.kind_weights)
        return history_matrix(
            histories,
            n_items,
            weights,
            decay=options.decay,
            half_life_days=options.half_life_days,
            max_length=options.max_length,
        )

    def _neighbours(self, histories: SequenceBatch) -> Iterator[tuple[slice, Sparse]]:
        """Blocks of rows, and similarities to their nearest training users as CSR `[rows, users]`."""
        users = self._fitted()
        theirs = _profiles(users, self._items)
        for rows, part in histories.blocks(BLOCK):
            ours = _profiles(self._histories(part, users.shape[1]), self._items)
            similar = (ours @ theirs.T).tocsr() if sp.issparse(ours) else sp.csr_matrix(np.maximum(ours @ theirs.T, 0))
            own = np.repeat(part.users.astype(np.int64), np.diff(similar.indptr)) == similar.indices
            similar.data[own] = 0
            yield rows, largest(similar, self.options.neighbours)


def _profiles(histories: Sparse, items: npt.NDArray[np.float32]) -> Sparse:
    """Unit rows to compare: the histories, or their interest vectors in the space of `items` `[N, D]`."""
    if not len(items):
        return unit_rows(histories)
    vectors = np.asarray(histories @ items, dtype=np.float32)
    return vectors * inverse(np.linalg.norm(vectors, axis=1))[:, None]


def last_values(events: SequenceBatch, n_items: int) -> Sparse:
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


def weighted_sum(similarities: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> float:
    """Σ s·v, unnormalised: orders items, is no rating.

    >>> round(weighted_sum(np.array([0.8, 0.3]), np.array([3.0, 4.0])), 2)
    3.6
    """
    return float(np.dot(similarities, values))


def weighted_mean(similarities: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> float:
    """Σ s·v / Σ |s|: a rating on the scale of the values. Not a number where all similarities are 0.

    >>> round(weighted_mean(np.array([0.8, 0.3]), np.array([3.0, 4.0])), 2)
    3.27
    """
    total = float(np.abs(similarities).sum())
    return weighted_sum(similarities, values) / total if total > 0 else float("nan")
