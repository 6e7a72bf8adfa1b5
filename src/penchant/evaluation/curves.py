"""ROC and precision-recall curves of a recommender over (user, item) pairs.

Scores of two users are not comparable, so a pair is scored by its rank in the full ranking of its user: the threshold
is the length k of the list. Positives are the targets; negatives are *all* other items that can be ranked. Only users
are sampled, where there are more than `users`. Every point is exact:

    recall = TP(k) / targets,   precision = TP(k) / shown(k),   false positive rate = FP(k) / negatives

with TP(k) the targets among the first k items over all users and shown(k) = Σ_users min(k, rankable items).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from penchant.arrays import Float32s, Int64s, evenly_spaced
from penchant.data.results.curves import CurveResult, CurveResults
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.errors import DataError
from penchant.metrics.classification import Curve, area, average_precision
from penchant.metrics.quotient import quotient

_BLOCK_SCORES = 1 << 23


class Scorer(Protocol):
    """Scores every item."""

    def scores(self, histories: SequenceBatch) -> Float32s:
        """Scores float32 `[B, N]`, higher is better."""


@dataclass(frozen=True)
class PairCurves:
    """Both curves over the pairs of `users` users, their areas, and the numbers of positive and negative pairs."""

    roc: Curve
    precision_recall: Curve
    auc: float
    average_precision: float
    users: int
    positives: int
    negatives: int

    def thin(self, points: int = 100) -> CurveResults:
        """For JSON and drawing: each curve with at most `points` points; the areas stay exact."""
        roc, pr = self.roc.thin(points), self.precision_recall.thin(points)
        return CurveResults(
            CurveResult(roc.x.tolist(), roc.y.tolist(), self.auc),
            CurveResult(pr.x.tolist(), pr.y.tolist(), self.average_precision),
            self.users,
            self.positives,
            self.negatives,
        )


def measure_curves(recommender: Scorer, holdout: Holdout, *, n_items: int, users: int = 2000) -> PairCurves:
    """Curves over at most `users` tested users, evenly spaced among them.

    A target that cannot be ranked (an item outside the catalogue, or no candidate) ranks after the last item: no list
    contains it. Raises `DataError` if no item is a negative.
    """
    n = len(holdout)
    chosen = evenly_spaced(n, users)
    size = max(1, _BLOCK_SCORES // max(1, n_items))
    ranks, rankable = [], []
    for start in range(0, len(chosen), size):
        rows = chosen[start : start + size]
        target_ranks, counts = _rank_targets(recommender.scores(holdout.histories.take(rows)), holdout, rows)
        ranks.append(target_ranks)
        rankable.append(counts)
    return _build_curves(np.concatenate(ranks), np.concatenate(rankable), n_items)


def _rank_targets(scores: Float32s, holdout: Holdout, rows: Int64s) -> tuple[Int64s, Int64s]:
    """Rank of each target in its user's full ranking (0 where it has none), and the number of rankable items a user."""
    n_items = scores.shape[1]
    can_rank = (
        np.ones(scores.shape, dtype=np.bool_)
        if holdout.candidates is None
        else np.tile(holdout.candidates, (len(scores), 1))
    )
    seen = holdout.seen.take(rows)
    listed = (seen.values >= 0) & (seen.values < n_items)
    can_rank[seen.rows[listed], seen.values[listed]] = False
    targets = holdout.targets.take(rows).unique()
    ranks = np.zeros(len(targets.values), dtype=np.int64)
    codes = np.arange(n_items)
    step = max(1, _BLOCK_SCORES // max(1, n_items))
    for start in range(0, len(ranks), step):
        part = slice(start, start + step)
        users, items = targets.rows[part], targets.values[part]
        known = items < n_items
        code = np.where(known, items, 0)
        score = scores[users, code][:, None]
        # Of equal scores the item with the lower code ranks first, as in `rank`.
        better = (scores[users] > score) | ((scores[users] == score) & (codes < code[:, None]))
        target_ranks = (better & can_rank[users]).sum(axis=1) + 1
        ranks[part] = np.where(known & can_rank[users, code], target_ranks, 0)
    return ranks, can_rank.sum(axis=1)


def _build_curves(ranks: Int64s, rankable: Int64s, n_items: int) -> PairCurves:
    """Both curves at every list length k from 1 to `n_items`, from counts of ranks instead of sorted pairs."""
    at_rank = np.bincount(ranks, minlength=n_items + 1)[1 : n_items + 1]
    true = np.cumsum(at_rank).astype(np.float64)
    # A user whose rankable items end before k adds nothing at k: shown(k) = Σ_users min(k, rankable items).
    ends = np.bincount(rankable, minlength=n_items + 1)
    users_at_k = len(rankable) - np.cumsum(ends)[:n_items]
    shown = np.cumsum(users_at_k).astype(np.float64)
    false = shown - true
    if not len(ranks) or not false[-1]:
        raise DataError("A curve needs targets and other rankable items, and these users have none.")
    depth = np.arange(1, n_items + 1, dtype=np.float64)
    zero = np.zeros(1)
    recall = np.concatenate([zero, true / len(ranks)])
    precision = np.concatenate([np.ones(1), quotient(true, shown, empty=0.0)])
    roc = Curve(np.concatenate([zero, false / false[-1]]), recall, np.concatenate([zero, depth]))
    pr = Curve(recall, precision, np.concatenate([zero, depth]))
    return PairCurves(roc, pr, area(roc), average_precision(pr), len(rankable), len(ranks), int(shown[-1] - true[-1]))
