"""Windowed co-occurrence: what tends to come next, counted over the last few events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Float32s, Int32s
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.closed_form import ClosedFormModel
from penchant.models.history import HistoryOptions, Sparse, select_positive, weigh_histories, weigh_kinds
from penchant.models.popularity import compute_shares
from penchant.models.sparse import invert, scale_rows, sum_rows, to_dense
from penchant.options import require_range

BACKOFF = 1e-7
"""Weight of popularity in the score: it orders the items that no count reaches, and changes no other order."""


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
    """Shrinkage: number of pairs added to every row sum. 0 or more."""
    column_power: float = 0.0
    """Power p of the column's divisor sum^p. 0 or more; above 0 it lifts rare items."""
    decay: float = 0.7
    max_length: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "window", least=1, part="cooccurrence.")
        require_range(self, "power", above=0, part="cooccurrence.")
        powers = ("distance_power", "row_power", "column_power")
        require_range(self, *powers, "shrinkage", least=0, part="cooccurrence.")


@dataclass(frozen=True)
class CooccurrenceRecord:
    """`transitions` `P` as a CSR matrix `[N, N]`, `popularity` `[N]` and the names of event kinds."""

    transitions: Sparse
    popularity: Float32s
    kinds: Sequence[str]


class Cooccurrence(ClosedFormModel[CooccurrenceRecord]):
    """A Markov chain over the last events: score(j) = Σ_r decay^r · P(j after the item r events ago).

    `P[i, j]` is the weighted count of j up to `window` events after i, divided by the sum of its row. Popularity
    orders the items that no count reaches, so an empty history gets the popular items.
    """

    name = "cooccurrence"
    record_type = CooccurrenceRecord

    def __init__(self, options: CooccurrenceOptions | None = None) -> None:
        super().__init__()
        self.options = options or CooccurrenceOptions()

    def fit(self, data: TrainingData) -> None:
        """Count and normalise: seconds for a million events."""
        options = self.options
        events, weights = select_positive(data.sequences, weigh_kinds(data.kinds, options.kind_weights), data.n_items)
        counts = count_pairs(
            events, data.n_items, options.window, distance_power=options.distance_power, weights=weights
        )
        if options.power != 1.0:
            counts.data = np.power(counts.data, np.float32(options.power))
        rows = invert(sum_rows(counts) + options.shrinkage, options.row_power)
        if options.column_power:
            counts.data *= invert(sum_rows(counts.T.tocsr()), options.column_power)[counts.indices]
        popularity = compute_shares(events.items, weights, data.n_items).astype(np.float32)
        self._record = CooccurrenceRecord(scale_rows(counts, rows), popularity, list(data.kinds))

    def score(self, histories: SequenceBatch) -> Float32s:
        """Decayed history times transitions, `[B, N]`."""
        record = self.record
        scores = to_dense(
            weigh_histories(histories, len(record.popularity), record.kinds, self.options) @ record.transitions
        )
        scores += np.float32(BACKOFF) * record.popularity
        return scores


def count_pairs(
    events: SequenceBatch, n_items: int, window: int, *, distance_power: float = 1.0, weights: Float32s | None = None
) -> Sparse:
    """Counts `[N, N]` (CSR, float32): entry (i, j) sums `1 / d^distance_power` over j at d ≤ window events after i.

    The weight of a pair is the product of the `weights` `[E]` of its two events.

    >>> count_pairs(SequenceBatch.of_items([[0, 1, 2]]), 3, 2).toarray().tolist()
    [[0.0, 1.0, 0.5], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    rows, items = events.rows, events.items
    before: list[Int32s] = []
    after: list[Int32s] = []
    values: list[Float32s] = []
    for distance in range(1, min(window, len(items) - 1) + 1):
        same_user = rows[distance:] == rows[:-distance]
        before.append(items[:-distance][same_user])
        after.append(items[distance:][same_user])
        value = np.full(len(before[-1]), distance**-distance_power, dtype=np.float32)
        if weights is not None:
            value *= weights[:-distance][same_user] * weights[distance:][same_user]
        values.append(value)
    if not values:
        return sp.csr_matrix((n_items, n_items), dtype=np.float32)
    coordinates = (np.concatenate(before), np.concatenate(after))
    return sp.coo_matrix((np.concatenate(values), coordinates), shape=(n_items, n_items)).tocsr()
