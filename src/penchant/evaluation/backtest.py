"""Full-catalogue back-tests: every tested user's list, ranked as a recommendation would be, against what came next."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from penchant.arrays import Float64s
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.evaluation.background import Background
from penchant.evaluation.slices import slices
from penchant.metrics import beyond
from penchant.metrics.ranking import ranking_metrics

DEFAULT_KS = (5, 10, 20, 100)
_BLOCK_SCORES = 1 << 23
_SLICE_METRICS = ("ndcg", "hit_rate", "recall", "mrr")


class Ranker(Protocol):
    """What a back-test asks: the path that `recommend` takes too."""

    def rank(
        self,
        histories: SequenceBatch,
        k: int,
        *,
        exclude: Ragged | None = None,
        allowed: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Items int32 `[B, k]` (-1: nothing left) and their scores, best first."""


@dataclass(frozen=True)
class UserMetrics:
    """Results of one recommender on one hold-out.

    `users` `[B]` codes, `values` per metric `[B]` (NaN: not defined for that user), `slices` the same by slice,
    `overall`: figures of all lists together (`coverage@10`, `gini@10`), which no single user has.
    """

    users: npt.NDArray[np.int32]
    values: Mapping[str, Float64s]
    overall: Mapping[str, float] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Float64s]] = field(default_factory=dict)

    def mean(self, metric: str) -> float:
        """Mean over users that have the metric, or the overall figure."""
        return self.overall[metric] if metric in self.overall else float(np.nanmean(self.values[metric]))


def ranked_lists(
    recommender: Ranker,
    holdout: Holdout,
    k: int,
    *,
    n_items: int,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> npt.NDArray[np.int32]:
    """The first k items of every tested user, int32 `[B, k]`; seen items and non-candidates left out.

    Users are ranked in blocks on `threads` threads (default: one a core); each block holds at most 8 million scores
    (32 MB), whatever the number of users and items. The result does not depend on the number of threads.
    """
    rows = int(np.clip(_BLOCK_SCORES // max(1, n_items), 1, 2048))
    out = np.full((len(holdout), k), -1, dtype=np.int32)
    done = 0

    def one(start: int) -> tuple[int, npt.NDArray[np.int32]]:
        block = np.arange(start, min(start + rows, len(holdout)))
        items, _ = recommender.rank(
            holdout.histories.take(block), k, exclude=holdout.seen.take(block), allowed=holdout.candidates
        )
        return start, items

    with ThreadPoolExecutor(max_workers=threads or available_cores()) as pool:
        for start, items in pool.map(one, range(0, len(holdout), rows)):
            out[start : start + len(items), : items.shape[1]] = items
            done += len(items)
            if progress:
                progress(done / len(holdout))
    return out


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def evaluate_ranking(
    recommender: Ranker,
    holdout: Holdout,
    ks: Sequence[int] = DEFAULT_KS,
    *,
    facts: Background,
    detail_k: int = 10,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> UserMetrics:
    """All ranking metrics at every k of `ks`; at `detail_k`, also those of slices and of lists as a whole.

    `facts` (see `background`) is that of the part the recommender learned from.
    """
    wanted = sorted({*ks, detail_k})
    longest = min(max(wanted), max(facts.n_items, 1))
    ranked = ranked_lists(recommender, holdout, longest, n_items=facts.n_items, threads=threads, progress=progress)
    values = ranking_metrics(ranked, holdout.targets, wanted)
    listed, overall = list_metrics(ranked[:, :detail_k], holdout, facts, detail_k)
    parts = {name: _sliced(ranked[:, :detail_k], targets, detail_k) for name, targets in slices(holdout, facts).items()}
    return UserMetrics(holdout.histories.users, values | listed, overall, parts)


def list_metrics(
    ranked: npt.NDArray[np.int32], holdout: Holdout, facts: Background, k: int
) -> tuple[dict[str, Float64s], dict[str, float]]:
    """Metrics of lists as a whole: per user `[B]`, and over all lists together."""
    history = holdout.histories.history_items
    values = {
        f"novelty@{k}": beyond.novelty(ranked, facts.item_users, facts.n_users),
        f"popularity_lift@{k}": beyond.popularity_lift(ranked, history, facts.item_events),
    }
    if facts.modality is not None:
        values[f"diversity@{k}"] = beyond.intra_list_diversity(ranked, facts.modality)
    if facts.categories is not None:
        values[f"calibration@{k}"] = beyond.miscalibration(ranked, history, facts.categories, facts.n_categories)
    overall = {
        f"coverage@{k}": beyond.catalogue_coverage(ranked, facts.n_items, holdout.candidates),
        f"gini@{k}": beyond.gini(ranked, facts.n_items),
    }
    return values, overall


def _sliced(ranked: npt.NDArray[np.int32], targets: Ragged, k: int) -> dict[str, Float64s]:
    found = ranking_metrics(ranked, targets, [k])
    return {f"{name}@{k}": found[f"{name}@{k}"] for name in _SLICE_METRICS}
