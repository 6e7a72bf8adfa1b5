"""Windowed co-occurrence: what tends to come next, counted over the last few events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.base import ModelState
from penchant.models.history import HistoryOptions, Sparse, history_matrix, kind_weights, positive, require
from penchant.models.popularity import not_fitted, shares_of
from penchant.models.sparse import dense, from_arrays, inverse, row_sums, scaled_rows, to_arrays
from penchant.options import require_range

BACKOFF = 1e-7
"""Weight of popularity where the history says nothing: it orders items that no count reaches."""


@dataclass(frozen=True)
class CooccurrenceOptions(HistoryOptions):
    """Options of windowed co-occurrence."""

    model = "cooccurrence"
    window: int = 10
    """Distance up to which two events of a history form a pair, events. 1 or more."""
    distance_power: float = 1.0
    """Power p of the weight 1 / d^p of a pair at distance d. 0 or more."""
    power: float = 0.7
    """Power of the counts before rows are normalised. Above 0; below 1 it damps the most frequent pairs."""
    row_power: float = 1.0
    """Power p of the row's divisor (sum + shrinkage)^p. 0 or more."""
    shrinkage: float = 50.0
    """Number added to the sum of a row, pairs. 0 or more."""
    column_power: float = 0.0
    """Power p of the column's divisor sum^p. 0 or more; above 0 it lifts rare items."""
    decay: float = 0.7
    max_length: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.window >= 1, "cooccurrence.window", self.window, "a whole number of 1 or more")
        require(self.power > 0, "cooccurrence.power", self.power, "a number above 0")
        require(self.shrinkage >= 0, "cooccurrence.shrinkage", self.shrinkage, "a number of 0 or more")
        powers = ("distance_power", "row_power", "column_power")
        require_range(self, *powers, "power", "shrinkage", least=0, part="cooccurrence.")


class Cooccurrence:
    """A Markov chain over the last events: score(j) = Σ_r decay^r · P(j after the item r events ago).

    `P[i, j]` is the weighted count of j up to `window` events after i, row by row divided by its sum; popularity
    orders what no count reaches, so an empty history gets the popular items.
    """

    name = "cooccurrence"

    def __init__(self, options: CooccurrenceOptions | None = None) -> None:
        self.options = options or CooccurrenceOptions()
        self._transitions: Sparse | None = None
        self._popularity: npt.NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._kinds: list[str] = []

    def fit(self, data: TrainingData) -> None:
        """Count and normalise: seconds for a million events."""
        options = self.options
        events, weights = positive(data.sequences, kind_weights(data.kinds, options.kind_weights), data.n_items)
        counts = windowed_counts(
            events, data.n_items, options.window, distance_power=options.distance_power, weights=weights
        )
        if options.power != 1.0:
            counts.data = np.power(counts.data, np.float32(options.power))
        rows = inverse(row_sums(counts) + options.shrinkage, options.row_power)
        if options.column_power:
            counts.data *= inverse(row_sums(counts.T.tocsr()), options.column_power)[counts.indices]
        self._transitions = scaled_rows(counts, rows)
        self._popularity = shares_of(events.items, weights, data.n_items).astype(np.float32)
        self._kinds = list(data.kinds)

    def score(self, histories: SequenceBatch) -> Float32s:
        """Decayed history times transitions, `[B, N]`."""
        transitions = self.transitions
        options = self.options
        weights = history_matrix(
            histories,
            transitions.shape[0],
            kind_weights(self._kinds, options.kind_weights),
            decay=options.decay,
            half_life_days=options.half_life_days,
            max_length=options.max_length,
        )
        scores = dense(weights @ transitions)
        scores += np.float32(BACKOFF) * self._popularity
        return scores

    def state(self) -> ModelState:
        """Transitions, popularity, names of kinds."""
        arrays = to_arrays(self.transitions, "transitions")
        return ModelState({**arrays, "popularity": self._popularity}, {"kinds": self._kinds})

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self._transitions = from_arrays(state.tensors, "transitions")
        self._popularity = np.asarray(state.tensors["popularity"], dtype=np.float32)
        self._kinds = list(state.facts["kinds"])

    @property
    def transitions(self) -> Sparse:
        """`P` as a CSR matrix `[N, N]`. Raises `ModelError` before `fit`."""
        if self._transitions is None:
            raise not_fitted(self.name)
        return self._transitions


def windowed_counts(
    events: SequenceBatch,
    n_items: int,
    window: int,
    *,
    distance_power: float = 1.0,
    weights: npt.NDArray[np.float32] | None = None,
) -> Sparse:
    """Counts `[N, N]` (CSR, float32): entry (i, j) sums `1 / d^distance_power` over j found d ≤ window events after i.

    `weights` `[E]` multiply: a pair has the product of its two events' weights.

    >>> windowed_counts(SequenceBatch.of_items([[0, 1, 2]]), 3, 2).toarray().tolist()
    [[0.0, 1.0, 0.5], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    rows, items = events.rows, events.items
    before: list[npt.NDArray[np.int32]] = []
    after: list[npt.NDArray[np.int32]] = []
    values: list[npt.NDArray[np.float32]] = []
    for distance in range(1, min(window, len(items) - 1) + 1):
        together = rows[distance:] == rows[:-distance]
        before.append(items[:-distance][together])
        after.append(items[distance:][together])
        value = np.full(len(before[-1]), distance**-distance_power, dtype=np.float32)
        if weights is not None:
            value *= weights[:-distance][together] * weights[distance:][together]
        values.append(value)
    if not values:
        return sp.csr_matrix((n_items, n_items), dtype=np.float32)
    coordinates = (np.concatenate(before), np.concatenate(after))
    return sp.coo_matrix((np.concatenate(values), coordinates), shape=(n_items, n_items)).tocsr()
