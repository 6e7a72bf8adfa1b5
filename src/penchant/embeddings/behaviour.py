"""Behaviour as vectors: weighted actions of users, and item embeddings from co-occurrence in histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.kinds import match_kind_weights, normalise_kind
from penchant.data.modalities import Modality
from penchant.data.schema import NEGATIVE_KINDS, PASSIVE_KINDS
from penchant.data.sequences import SequenceBatch
from penchant.encoders.svd import compute_truncated_svd
from penchant.options import require_range

ACTION_WEIGHTS: Final[Mapping[str, float]] = {
    "view": 0.2,
    "click": 0.3,
    "search": 0.3,
    "rating": 0.5,
    "like": 0.6,
    "comment": 0.7,
    "share": 0.8,
    "purchase": 1.0,
    "dislike": -0.6,
    "hide": -0.8,
}
"""Evidence of an interest by kind of event. Other kinds count like a click, other negative kinds like a dislike, and
kinds of the platform (impressions) count nothing."""

_UNLISTED: Final[Mapping[str, float]] = {
    **dict.fromkeys(NEGATIVE_KINDS, ACTION_WEIGHTS["dislike"]),
    **dict.fromkeys(PASSIVE_KINDS, 0.0),
}


@dataclass(frozen=True)
class BehaviourOptions:
    """Options of the modality of co-occurrence, and of the weights of actions."""

    enabled: bool = True
    """Whether the modality is computed."""
    dim: int = 64
    """Length of the vectors. 1 or more."""
    window: int = 10
    """Distance up to which two events of a history form a pair, events. 1 or more."""
    shift: float = 1.0
    """k of the shifted pointwise mutual information. Above 0."""
    smoothing: float = 0.75
    """Power of the context counts. 0 or more; below 1 it lifts rare items."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each kind of event in the edges of the graph, as `purchase:2,like:1`. Kinds not named keep their
    defaults."""

    def __post_init__(self) -> None:
        require_range(self, "dim", "window", least=1, part="behaviour.")
        require_range(self, "shift", above=0, part="behaviour.")
        require_range(self, "smoothing", least=0, part="behaviour.")


def resolve_kind_weights(kinds: list[str], weights: Mapping[str, float] | None = None) -> Float32s:
    """The weight b of every kind of event, `[K]`; `weights` override `ACTION_WEIGHTS`.

    Names of kinds are normalised as in files. Raises `UsageError` for a kind that is unknown and not in the data.

    >>> resolve_kind_weights(["purchase", "hide", "wave", "skip", "impression"], {"wave": 0.5}).round(1).tolist()
    [1.0, -0.800000011920929, 0.5, -0.6000000238418579, 0.0]
    """
    usual = {**_UNLISTED, **ACTION_WEIGHTS}
    other = ACTION_WEIGHTS["click"]
    given = match_kind_weights("behaviour.weights", weights or {}, kinds)
    return np.array([given.get(kind, usual.get(normalise_kind(kind), other)) for kind in kinds], dtype=np.float32)


def sum_action_weights(histories: SequenceBatch, weights: Float32s, n_items: int) -> sp.csr_array:
    """Σ bᵢ·behaviourᵢ of every user and item, a sparse matrix `[B, N]`.

    behaviourᵢ is 1 if the user has an event of kind i with the item, else 0; bᵢ `[K]` is its weight. Pairs that sum to
    0 stay as explicit zeros. Events without an item do not count.
    """
    kept = histories.items >= 0
    keys = (histories.rows[kept] * n_items + histories.items[kept]) * len(weights) + histories.kinds[kept]
    distinct = np.unique(keys)
    pairs, kinds = np.divmod(distinct, len(weights))
    return sp.csr_array(
        sp.coo_array((weights[kinds], np.divmod(pairs, n_items)), shape=(len(histories), n_items)).tocsr()
    )


def encode_behaviour(histories: SequenceBatch, weights: Float32s) -> Modality:
    """The behaviour of a user over all items, `[B, K + 1]`.

    Column i is bᵢ·behaviourᵢ (behaviourᵢ is 1 if the user has an event of kind i), the last column Σ bᵢ·behaviourᵢ.
    """
    codes = np.zeros((len(histories), len(weights)), dtype=np.float32)
    codes[histories.rows, histories.kinds] = 1.0
    weighted = codes * weights
    vectors = np.concatenate([weighted, weighted.sum(axis=1, keepdims=True)], axis=1)
    return Modality(vectors, histories.lengths > 0, "behaviour feature")


def average_acted_items(strength: sp.csr_array, items: Modality) -> Modality:
    """Unit vectors of users: the mean of the items they acted on, weighted by `sum_action_weights` `[B, N]`."""
    vectors = np.asarray(strength @ items.unit().vectors, dtype=np.float32)
    present = np.linalg.norm(vectors, axis=1) > 1e-9
    vectors[~present] = 0.0
    return Modality(vectors, present, f"interest from {items.encoder}").unit()


def count_cooccurrences(histories: SequenceBatch, n_items: int, window: int) -> sp.csr_array:
    """Co-occurrence counts of items, `[N, N]`, symmetric: Σ 1/distance over pairs within `window`.

    Distance counts events with an item. Pairs of an item with itself are left out.
    """
    kept = histories.keep(histories.items >= 0)
    items, rows = kept.items.astype(np.int64), kept.rows
    total = sp.csr_array((n_items, n_items), dtype=np.float64)
    for distance in range(1, window + 1):
        left, right = items[:-distance], items[distance:]
        near = (rows[:-distance] == rows[distance:]) & (left != right)
        if not near.any():
            continue
        weights = np.full(int(near.sum()), 1.0 / distance)
        total = total + sp.coo_array((weights, (left[near], right[near])), shape=total.shape).tocsr()
    return sp.csr_array(total + total.T)


def compute_shifted_ppmi(counts: sp.csr_array, *, shift: float = 1.0, smoothing: float = 0.75) -> sp.csr_array:
    """max(0, ln(P(i, j) / (P(i)·Pₐ(j))) - ln k) of co-occurrence counts `[N, N]`.

    k = `shift`, Pₐ(j) ∝ count(j)^`smoothing` (Levy, Goldberg and Dagan, "Improving distributional similarity with
    lessons learned from word embeddings", 2015).
    """
    matrix = sp.csr_array(counts, dtype=np.float64, copy=True)
    rows = np.asarray(matrix.sum(axis=1)).ravel()
    columns = np.asarray(matrix.sum(axis=0)).ravel() ** smoothing
    if not matrix.nnz:
        return matrix
    row_of_entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    expected = rows[row_of_entry] * columns[matrix.indices] / columns.sum()
    matrix.data = np.maximum(np.log(matrix.data / expected) - np.log(shift), 0.0)
    matrix.eliminate_zeros()
    return matrix


def embed_cooccurrence(
    histories: SequenceBatch, n_items: int, options: BehaviourOptions = BehaviourOptions(), *, seed: int = 0
) -> Modality:
    """Item vectors `[N, dim]` of length 1 from windowed co-occurrence: U·√Σ of the shifted PPMI matrix.

    Items without a neighbour are absent. With fewer items than `dim`, vectors are shorter.
    """
    matrix = compute_shifted_ppmi(
        count_cooccurrences(histories, n_items, options.window), shift=options.shift, smoothing=options.smoothing
    )
    name = f"co-occurrence window={options.window} shift={options.shift} smoothing={options.smoothing} seed={seed}"
    return embed_matrix(matrix, options.dim, name, seed=seed)


def embed_matrix(matrix: sp.csr_array, dim: int, name: str, *, seed: int) -> Modality:
    """Unit vectors `[N, dim]` of the rows of a shifted PPMI matrix: U·√Σ of its truncated SVD; empty rows are absent.

    √Σ is split evenly between rows and columns (Levy, Goldberg and Dagan 2015, section 3.3).
    """
    if not matrix.nnz:
        return Modality(np.zeros((matrix.shape[0], 1), np.float32), np.zeros(matrix.shape[0], bool), name)
    left, values, _ = compute_truncated_svd(matrix, dim, seed=seed, iterations=3)
    vectors = (left * np.sqrt(values)).astype(np.float32)
    present = (np.diff(matrix.indptr) > 0) & (np.linalg.norm(vectors, axis=1) > 1e-9)
    vectors[~present] = 0.0
    return Modality(vectors, present, name).unit()
