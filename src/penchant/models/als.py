"""ALS: matrix factorisation of implicit feedback, with users folded in from their history."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.arrays import Bools, Float32s, Int64s
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import require_extra
from penchant.models.closed_form import ClosedFormModel
from penchant.models.ease import set_lowest
from penchant.models.history import HistoryOptions, Sparse, build_history_matrix, weigh_histories, weigh_kinds
from penchant.options import require_range

FOLD_IN = 512
"""Histories of one batch of linear systems."""


@dataclass(frozen=True)
class ALSOptions(HistoryOptions):
    """Options of ALS."""

    model = "als"
    dim: int = 64
    """Length of the vectors. 1 or more."""
    epochs: int = 15
    """Sweeps over items and users. 1 or more."""
    regularisation: float = 0.05
    """λ on the squared norm of the vectors. Above 0."""
    alpha: float = 10.0
    """Confidence of an event of weight w is 1 + alpha · w. Above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "dim", "epochs", least=1, part="als.")
        require_range(self, "regularisation", "alpha", above=0, part="als.")


@dataclass(frozen=True)
class ALSRecord:
    """`items` `[N, D]`, `has_events` `[N]` and the names of event kinds."""

    items: Float32s
    has_events: Bools
    kinds: Sequence[str]


class ALS(ClosedFormModel[ALSRecord]):
    """Items and users as vectors, score = dot product. The library `implicit` learns the item vectors.

    A user's vector is never stored: it solves (YᵀY + λI + Σ_i α w_i y_i y_iᵀ) x = Σ_i (1 + α w_i) y_i over the
    history. Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008.
    """

    name = "als"
    record_type = ALSRecord

    def __init__(self, options: ALSOptions | None = None) -> None:
        super().__init__()
        self.options = options or ALSOptions()

    def fit(self, data: TrainingData) -> None:
        """Learn item vectors. Raises `MissingExtraError` if `implicit` is not installed."""
        weights = weigh_kinds(data.kinds, self.options.kind_weights)
        interactions = build_history_matrix(data.sequences, data.n_items, weights)
        items = factorise(interactions, self.options, data.seed)
        has_events = np.bincount(interactions.indices, minlength=data.n_items) > 0
        self._record = ALSRecord(items, has_events, list(data.kinds))

    def score(self, histories: SequenceBatch) -> Float32s:
        """User vectors times item vectors, `[B, N]`; items without an event get the lowest score of the row."""
        scores = np.asarray(self.user_vectors(histories) @ self.item_vectors.T, dtype=np.float32)
        return set_lowest(scores, ~self.record.has_events)

    @property
    def item_vectors(self) -> Float32s:
        """Item vectors `[N, D]`. Raises `ModelError` before `fit`."""
        return self.record.items

    def user_vectors(self, histories: SequenceBatch) -> Float32s:
        """Vectors that solve the systems of the histories, `[B, D]`; zeros for an empty one."""
        items = self.item_vectors
        history = weigh_histories(histories, len(items), self.record.kinds, self.options)
        vectors = np.zeros((len(histories), items.shape[1]), dtype=np.float32)
        for start in range(0, len(histories), FOLD_IN):
            vectors[start : start + FOLD_IN] = fold_in(history[start : start + FOLD_IN], items, self.options)
        return vectors

    def interests(self, histories: SequenceBatch) -> Float32s:
        """The vector after every event, `[E, D]`, each from the events up to it."""
        stops = np.arange(1, histories.n_events + 1)
        firsts = np.maximum(histories.offsets[histories.rows], stops - self.options.max_length)
        vectors = np.zeros((histories.n_events, self.item_vectors.shape[1]), dtype=np.float32)
        for start in range(0, histories.n_events, FOLD_IN):
            block = slice(start, start + FOLD_IN)
            vectors[block] = self.user_vectors(_take_prefixes(histories, firsts[block], stops[block]))
        return vectors


def factorise(interactions: Sparse, options: ALSOptions, seed: int) -> Float32s:
    """Item vectors `[N, D]` by the library `implicit`, on one thread so that the same seed gives the same bytes."""
    with require_extra("implicit", "als"):
        from implicit.cpu.als import AlternatingLeastSquares
    with warnings.catch_warnings():
        # the library warns about the number of BLAS threads, which is set elsewhere
        warnings.simplefilter("ignore")
        library = AlternatingLeastSquares(
            factors=options.dim,
            regularization=options.regularisation,
            alpha=options.alpha,
            iterations=options.epochs,
            num_threads=1,
            random_state=seed,
        )
        library.fit(interactions, show_progress=False)
    return np.ascontiguousarray(library.item_factors, dtype=np.float32)


def fold_in(history: Sparse, items: Float32s, options: ALSOptions) -> Float32s:
    """Vectors `[B, D]` of histories `[B, N]` given the item vectors `[N, D]`: one linear system each."""
    lengths = np.diff(history.indptr)
    width = int(lengths.max(initial=0))
    n_rows, dim = history.shape[0], items.shape[1]
    if not width:
        return np.zeros((n_rows, dim), dtype=np.float32)
    rows = np.repeat(np.arange(n_rows), lengths)
    columns = np.arange(history.nnz) - np.repeat(history.indptr[:-1], lengths)
    confidence = np.zeros((n_rows, width), dtype=np.float32)
    confidence[rows, columns] = options.alpha * history.data
    vectors = np.zeros((n_rows, width, dim), dtype=np.float32)
    vectors[rows, columns] = items[history.indices]
    # YᵀY + λI is the same for all users; the zero rows of the padding add nothing to a system
    shared = items.T @ items + np.float32(options.regularisation) * np.eye(dim, dtype=np.float32)
    systems: Float32s = np.matmul((vectors * confidence[:, :, None]).transpose(0, 2, 1), vectors) + shared
    targets = np.zeros((n_rows, width), dtype=np.float32)
    targets[rows, columns] = 1 + options.alpha * history.data
    right = np.matmul(targets[:, None, :], vectors)[:, 0]
    solved = np.linalg.solve(systems, right[:, :, None])[:, :, 0]
    return np.asarray(np.where((lengths > 0)[:, None], solved, 0), dtype=np.float32)


def _take_prefixes(histories: SequenceBatch, firsts: Int64s, stops: Int64s) -> SequenceBatch:
    """Slices of the events as histories, with the time of their last event as the time of the request."""
    lengths = stops - firsts
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    positions = np.arange(offsets[-1]) + np.repeat(firsts - offsets[:-1], lengths)
    return SequenceBatch(
        offsets=offsets,
        items=histories.items[positions],
        times_s=histories.times_s[positions],
        kinds=histories.kinds[positions],
        values=histories.values[positions],
        users=np.full(len(lengths), -1, dtype=np.int32),
        query_times_s=histories.times_s[stops - 1],
    )
