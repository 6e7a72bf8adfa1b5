"""ROC and precision-recall curves of a recommender over (user, item) pairs.

Scores compare within one user only, so a pair is scored by its place in that user's full ranking: the threshold is the
length k of the list. Positives are the targets, negatives *all* other items that could have been ranked; nothing is
sampled but the users, where there are more than `users`. Every point is exact:

    recall = TP(k) / targets,   precision = TP(k) / shown(k),   false positive rate = FP(k) / negatives

with TP(k) the targets in the first k places over all users and shown(k) = Σ_users min(k, rankable items).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from penchant.arrays import Int64s, evenly_spaced
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.errors import DataError
from penchant.metrics.classification import Curve, area, average_precision
from penchant.metrics.quotient import quotient

_BLOCK_SCORES = 1 << 23


class Scorer(Protocol):
    """What curves ask: a score for every item."""

    def scores(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        """Scores float32 `[B, N]`, higher is better."""


@dataclass(frozen=True)
class PairCurves:
    """Both curves over the pairs of `users` users, their areas, and how many pairs were positive and negative."""

    roc: Curve
    precision_recall: Curve
    auc: float
    average_precision: float
    users: int
    positives: int
    negatives: int

    def to_dict(self, points: int = 100) -> dict[str, Any]:
        """For JSON and drawing, each curve thinned to `points`."""
        roc, pr = self.roc.thin(points), self.precision_recall.thin(points)
        pairs = {"users": self.users, "positives": self.positives, "negatives": self.negatives}
        return {
            "roc": {"fpr": roc.x.tolist(), "tpr": roc.y.tolist(), "auc": self.auc} | pairs,
            "pr": {"recall": pr.x.tolist(), "precision": pr.y.tolist(), "ap": self.average_precision} | pairs,
        }


def pair_curves(recommender: Scorer, holdout: Holdout, *, n_items: int, users: int = 2000) -> PairCurves:
    """Curves over at most `users` tested users (evenly spread over them, so the choice is stable).

    A target that cannot be ranked (an item beyond the catalogue, or not a candidate) stands behind the last place and
    is never found. Raises `DataError` where nothing could be a negative.
    """
    n = len(holdout)
    chosen = evenly_spaced(n, users)
    size = max(1, _BLOCK_SCORES // max(1, n_items))
    ranks, rankable = [], []
    for start in range(0, len(chosen), size):
        rows = chosen[start : start + size]
        found, counts = _ranks(recommender.scores(holdout.histories.take(rows)), holdout, rows)
        ranks.append(found)
        rankable.append(counts)
    return _curves(np.concatenate(ranks), np.concatenate(rankable), n_items)


def _ranks(scores: npt.NDArray[np.float32], holdout: Holdout, rows: Int64s) -> tuple[Int64s, Int64s]:
    """Place of each target in its user's full ranking (0 where it cannot be ranked), and rankable items a user."""
    n_items = scores.shape[1]
    open_ = (
        np.ones(scores.shape, dtype=np.bool_)
        if holdout.candidates is None
        else np.tile(holdout.candidates, (len(scores), 1))
    )
    seen = holdout.seen.take(rows)
    listed = (seen.values >= 0) & (seen.values < n_items)
    open_[seen.rows[listed], seen.values[listed]] = False
    targets = holdout.targets.take(rows).unique()
    ranks = np.zeros(len(targets.values), dtype=np.int64)
    codes = np.arange(n_items)
    step = max(1, _BLOCK_SCORES // max(1, n_items))
    for start in range(0, len(ranks), step):
        part = slice(start, start + step)
        users, items = targets.rows[part], targets.values[part]
        known = items < n_items
        code = np.where(known, items, 0)
        own = scores[users, code][:, None]
        better = (scores[users] > own) | ((scores[users] == own) & (codes < code[:, None]))
        places = (better & open_[users]).sum(axis=1) + 1
        ranks[part] = np.where(known & open_[users, code], places, 0)
    return ranks, open_.sum(axis=1)


def _curves(ranks: Int64s, rankable: Int64s, n_items: int) -> PairCurves:
    found = np.bincount(ranks, minlength=n_items + 1)[1 : n_items + 1]
    true = np.cumsum(found).astype(np.float64)
    ends = np.bincount(rankable, minlength=n_items + 1)
    still_open = len(rankable) - np.cumsum(ends)[:n_items]
    shown = np.cumsum(still_open).astype(np.float64)
    false = shown - true
    if not len(ranks) or not false[-1]:
        raise DataError("A curve needs targets and other items to tell them from.")
    depth = np.arange(1, n_items + 1, dtype=np.float64)
    zero = np.zeros(1)
    recall = np.concatenate([zero, true / len(ranks)])
    precision = np.concatenate([np.ones(1), quotient(true, shown, empty=0.0)])
    roc = Curve(np.concatenate([zero, false / false[-1]]), recall, np.concatenate([zero, depth]))
    pr = Curve(recall, precision, np.concatenate([zero, depth]))
    return PairCurves(roc, pr, area(roc), average_precision(pr), len(rankable), len(ranks), int(shown[-1] - true[-1]))
