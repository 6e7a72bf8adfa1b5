"""How well ranked lists match their targets: hit rate, precision, recall, F1, NDCG, MRR and MAP at k.

Everywhere `ranked` is int32 `[B, K]` (item codes, best first, -1: nothing) and `targets` a `Ragged` of B rows.
With T the set of a user's targets (repeats and negative codes do not count) and rel_i = 1 where rank i holds a target:

    hit_rate@k   1 if any rel_i with i ≤ k, else 0 (top-k accuracy)
    precision@k  Σ_{i≤k} rel_i / k
    recall@k     Σ_{i≤k} rel_i / |T|
    f1@k         2 · precision · recall / (precision + recall), 0 without a hit
    ndcg@k       Σ_{i≤k} rel_i / log2(i + 1)  divided by  Σ_{i≤min(k,|T|)} 1 / log2(i + 1)
    mrr@k        1 / (rank of the first target within k), 0 without a hit
    map@k        Σ_{i≤k} rel_i · precision@i / min(k, |T|)

Each gives float64 `[B]`: one number per user, NaN for a user without targets. A list shorter than k counts as filled
up with misses; an item that a list repeats counts once. An item that no model can know is a target and
a miss, if it has a code beyond the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.arrays import Bools, Float64s, Int32s, Int64s
from penchant.data.ragged import Ragged
from penchant.errors import DataError, OptionError
from penchant.metrics.quotient import quotient


@dataclass(frozen=True)
class Hits:
    """Ranked lists against their targets: `hit` `[B, K]` bool, `n_targets` `[B]`."""

    hit: Bools
    n_targets: Int64s


def judge(ranked: Int32s, targets: Ragged) -> Hits:
    """The positions of targets in each list. Raises `DataError` if rows do not match.

    >>> judge(np.array([[5, 2, 9]], dtype=np.int32), Ragged.of([[9, 5]])).hit.tolist()
    [[True, False, True]]
    """
    if ranked.ndim != 2 or len(ranked) != len(targets):
        raise DataError(
            f"Ranked lists {ranked.shape} do not fit {len(targets)} rows of targets.",
            remedy="Give ranked as [B, K] and one row of targets for each of the B users.",
        )
    wanted = targets.unique()
    if not len(wanted.values) or not ranked.size:
        return Hits(np.zeros(ranked.shape, dtype=np.bool_), wanted.lengths)
    width = int(wanted.values.max()) + 1
    keys = wanted.rows * width + wanted.values
    ranked_keys = np.arange(len(ranked), dtype=np.int64)[:, None] * width + ranked
    near = keys[np.minimum(np.searchsorted(keys, ranked_keys), len(keys) - 1)]
    hit = (near == ranked_keys) & (ranked >= 0) & (ranked < width)
    return Hits(_keep_first(hit, ranked_keys), wanted.lengths)


def _keep_first(hit: Bools, keys: Int64s) -> Bools:
    """Only the first hit of each target: a repeated item must not count twice."""
    at = np.flatnonzero(hit)
    _, first = np.unique(keys.ravel()[at], return_index=True)
    out = np.zeros(hit.size, dtype=np.bool_)
    out[at[first]] = True
    return out.reshape(hit.shape)


def hit_rate(ranked: Int32s, targets: Ragged, k: int) -> Float64s:
    """1 where one of the first k is a target: top-k accuracy (`accuracy@1` is that of the first place).

    >>> hit_rate(np.array([[4, 7]], dtype=np.int32), Ragged.of([[7]]), k=2).tolist()
    [1.0]
    """
    return _hit_rate(judge(ranked, targets), _check_k(k))


def precision(ranked: Int32s, targets: Ragged, k: int) -> Float64s:
    """Share of the first k that are targets.

    >>> precision(np.array([[4, 7]], dtype=np.int32), Ragged.of([[7]]), k=2).tolist()
    [0.5]
    """
    return _precision(judge(ranked, targets), _check_k(k))


def recall(ranked: Int32s, targets: Ragged, k: int) -> Float64s:
    """Share of the targets that are among the first k.

    >>> recall(np.array([[4, 7]], dtype=np.int32), Ragged.of([[7, 1]]), k=2).tolist()
    [0.5]
    """
    return _recall(judge(ranked, targets), _check_k(k))


def f1(ranked: Int32s, targets: Ragged, k: int) -> Float64s:
    """Harmonic mean of precision and recall at k.

    >>> f1(np.array([[4, 7]], dtype=np.int32), Ragged.of([[7, 1]]), k=2).tolist()
    [0.5]
    """
    return _f1(judge(ranked, targets), _check_k(k))


def ndcg(ranked: Int32s, targets: Ragged, k: int) -> Float64s:
    """Normalised discounted cumulative gain with binary gains (Järvelin and Kekäläinen 2002).

    >>> ndcg(np.array([[4, 7, 1]], dtype=np.int32), Ragged.of([[1]]), k=3).tolist()
    [0.5]
    """
    return _ndcg(judge(ranked, targets), _check_k(k))


def mrr(ranked: Int32s, targets: Ragged, k: int) -> Float64s:
    """Reciprocal rank of the first target within k.

    >>> mrr(np.array([[4, 7]], dtype=np.int32), Ragged.of([[7]]), k=2).tolist()
    [0.5]
    """
    return _mrr(judge(ranked, targets), _check_k(k))


def average_precision_at(ranked: Int32s, targets: Ragged, k: int) -> Float64s:
    """Average precision at k; its mean over users is MAP@k.

    >>> average_precision_at(np.array([[4, 7]], dtype=np.int32), Ragged.of([[7]]), k=2).tolist()
    [0.5]
    """
    return _map(judge(ranked, targets), _check_k(k))


def ranking_metrics(ranked: Int32s, targets: Ragged, ks: Sequence[int] = (10,)) -> dict[str, Float64s]:
    """All metrics of this module at every k, named `ndcg@10` and so on, and `accuracy@1`.

    >>> m = ranking_metrics(np.array([[4, 7]], dtype=np.int32), Ragged.of([[7]]), ks=[2])
    >>> sorted(m)
    ['accuracy@1', 'f1@2', 'hit_rate@2', 'map@2', 'mrr@2', 'ndcg@2', 'precision@2', 'recall@2']
    """
    judged = judge(ranked, targets)
    out = {"accuracy@1": _hit_rate(judged, 1)}
    for k in ks:
        out |= {f"{name}@{k}": metric(judged, _check_k(k)) for name, metric in _BY_NAME.items()}
    return out


def _check_k(k: int) -> int:
    if k < 1:
        raise OptionError("k", k, remedy="Give a list length of 1 or more.")
    return k


def _mask_empty(judged: Hits, values: Float64s) -> Float64s:
    """The values, NaN for users without targets."""
    return np.asarray(np.where(judged.n_targets > 0, values, np.nan), dtype=np.float64)


def _count_hits(judged: Hits, k: int) -> Float64s:
    return np.asarray(judged.hit[:, :k].sum(axis=1), dtype=np.float64)


def _hit_rate(judged: Hits, k: int) -> Float64s:
    return _mask_empty(judged, (_count_hits(judged, k) > 0).astype(np.float64))


def _precision(judged: Hits, k: int) -> Float64s:
    return _mask_empty(judged, _count_hits(judged, k) / k)


def _recall(judged: Hits, k: int) -> Float64s:
    return quotient(_count_hits(judged, k), judged.n_targets)


def _f1(judged: Hits, k: int) -> Float64s:
    return _mask_empty(judged, 2.0 * _count_hits(judged, k) / (k + judged.n_targets))


def _discounts(k: int) -> Float64s:
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2, dtype=np.float64)))


def _ndcg(judged: Hits, k: int) -> Float64s:
    hit, discounts = judged.hit[:, :k], _discounts(k)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    return quotient(hit @ discounts[: hit.shape[1]], ideal[np.minimum(judged.n_targets, k)])


def _mrr(judged: Hits, k: int) -> Float64s:
    hit = judged.hit[:, :k]
    if not hit.shape[1]:
        return _mask_empty(judged, np.zeros(len(hit)))
    return _mask_empty(judged, np.where(hit.any(axis=1), 1.0 / (hit.argmax(axis=1) + 1.0), 0.0))


def _map(judged: Hits, k: int) -> Float64s:
    hit = judged.hit[:, :k]
    at_rank = np.cumsum(hit, axis=1) / np.arange(1.0, hit.shape[1] + 1.0)
    return quotient((at_rank * hit).sum(axis=1), np.minimum(judged.n_targets, k))


_BY_NAME = {
    "ndcg": _ndcg,
    "hit_rate": _hit_rate,
    "recall": _recall,
    "precision": _precision,
    "f1": _f1,
    "mrr": _mrr,
    "map": _map,
}
