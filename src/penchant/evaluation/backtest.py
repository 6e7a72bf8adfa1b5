"""Back-tests over the full catalogue: the list of every tested user, ranked as `recommend` does, and its metrics."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from penchant.arrays import Bools, Float32s, Float64s, Int32s
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.evaluation.background import Background
from penchant.evaluation.slices import slice_targets
from penchant.metrics import beyond
from penchant.metrics.ranking import ranking_metrics

DEFAULT_KS = (5, 10, 20, 100)
_BLOCK_SCORES = 1 << 23
_SLICE_METRICS = ("ndcg", "hit_rate", "recall", "mrr")


class Ranker(Protocol):
    """Ranks items for histories, as `recommend` does."""

    def rank(
        self, histories: SequenceBatch, k: int, *, exclude: Ragged | None = None, allowed: Bools | None = None
    ) -> tuple[Int32s, Float32s]:
        """Items int32 `[B, k]` (-1: no item left) and their scores, best first."""


@dataclass(frozen=True)
class UserMetrics:
    """Results of one recommender on one holdout.

    `users` `[B]` are codes. `values` by metric `[B]` are NaN where a metric is not defined for a user; `slices` has the
    same by slice. `overall` has the metrics of all lists together (`coverage@10`, `gini@10`).
    """

    users: Int32s
    values: Mapping[str, Float64s]
    overall: Mapping[str, float] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Float64s]] = field(default_factory=dict)

    def mean(self, metric: str) -> float:
        """Mean over the users that have the metric, or the overall value."""
        return self.overall[metric] if metric in self.overall else float(np.nanmean(self.values[metric]))


def rank_holdout(
    recommender: Ranker,
    holdout: Holdout,
    k: int,
    *,
    n_items: int,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Int32s:
    """The first k items of every tested user, int32 `[B, k]`, without seen items and non-candidates.

    Users are ranked in blocks on `threads` threads (default: one per core). A block has at most 8 million scores (32
    MB) for any number of users and items. The result does not depend on the number of threads.
    """
    rows = int(np.clip(_BLOCK_SCORES // max(1, n_items), 1, 2048))
    out = np.full((len(holdout), k), -1, dtype=np.int32)
    done = 0

    def rank_block(start: int) -> tuple[int, Int32s]:
        block = np.arange(start, min(start + rows, len(holdout)))
        items, _ = recommender.rank(
            holdout.histories.take(block), k, exclude=holdout.seen.take(block), allowed=holdout.candidates
        )
        return start, items

    with ThreadPoolExecutor(max_workers=threads or count_cores()) as pool:
        for start, items in pool.map(rank_block, range(0, len(holdout), rows)):
            out[start : start + len(items), : items.shape[1]] = items
            done += len(items)
            if progress:
                progress(done / len(holdout))
    return out


def count_cores() -> int:
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
    background: Background,
    detail_k: int = 10,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> UserMetrics:
    """All ranking metrics at every k of `ks`; at `detail_k` also those of slices and of complete lists.

    `background` is that of the part that the recommender learned from.
    """
    wanted = sorted({*ks, detail_k})
    longest = min(max(wanted), max(background.n_items, 1))
    ranked = rank_holdout(recommender, holdout, longest, n_items=background.n_items, threads=threads, progress=progress)
    values = ranking_metrics(ranked, holdout.targets, wanted)
    listed, overall = measure_lists(ranked[:, :detail_k], holdout, background, detail_k)
    slices = slice_targets(holdout, background).items()
    parts = {name: _measure_slice(ranked[:, :detail_k], targets, detail_k) for name, targets in slices}
    return UserMetrics(holdout.histories.users, values | listed, overall, parts)


def measure_lists(
    ranked: Int32s, holdout: Holdout, background: Background, k: int
) -> tuple[dict[str, Float64s], dict[str, float]]:
    """Metrics of complete lists: by user `[B]`, and over all lists."""
    history = holdout.histories.history_items
    values = {
        f"novelty@{k}": beyond.novelty(ranked, background.item_users, background.n_users),
        f"popularity_lift@{k}": beyond.popularity_lift(ranked, history, background.item_events),
    }
    if background.modality is not None:
        values[f"diversity@{k}"] = beyond.intra_list_diversity(ranked, background.modality)
    if background.categories is not None:
        values[f"calibration@{k}"] = beyond.miscalibration(
            ranked, history, background.categories, background.n_categories
        )
    overall = {
        f"coverage@{k}": beyond.catalogue_coverage(ranked, background.n_items, holdout.candidates),
        f"gini@{k}": beyond.gini(ranked, background.n_items),
    }
    return values, overall


def _measure_slice(ranked: Int32s, targets: Ragged, k: int) -> dict[str, Float64s]:
    metrics = ranking_metrics(ranked, targets, [k])
    return {f"{name}@{k}": metrics[f"{name}@{k}"] for name in _SLICE_METRICS}
