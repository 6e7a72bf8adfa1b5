"""How far an updated recommender is from one that was trained again from everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.merge import Merged, merge
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.errors import DataError, ModelError
from penchant.metrics.ranking import ndcg
from penchant.recommender import Recommender
from penchant.training.continuing import UpdateOptions

Progress = Callable[[str, float], None]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Drift:
    """An update beside a full training on the same events, both asked for held-out newest ones.

    `users` were asked; `overlap` is the mean share of their ten items that both name; `cosine` the mean cosine of
    their interest vectors after the rotation that brings the item vectors closest (None: no such vectors). `ndcg` of
    the bundle as it was, updated and trained again; `cpu_s` of the update and the training.
    """

    users: int
    overlap: float
    cosine: float | None
    ndcg_before: float
    ndcg_updated: float
    ndcg_retrained: float
    update_cpu_s: float
    retrain_cpu_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def drift(
    recommender: Recommender, new: Dataset, options: UpdateOptions | None = None, *, progress: Progress | None = None
) -> Drift:
    """Compare an update with a full training.

    The newest event of every second person with new events is held out; the rest is learned both ways, with the same
    views and the epochs and weights chosen when the bundle was trained. Raises `DataError` where nobody can be asked.
    """
    merged = merge(recommender.dataset, new)
    users, held, items, times_s = _held_out(merged)
    rest = np.ones(new.n_events, dtype=np.bool_)
    rest[merged.new_rows[held]] = False
    started = time.process_time()
    updated = recommender.update(new.where(rest), options, progress=progress)
    between = time.process_time()
    learned = np.ones(merged.dataset.n_events, dtype=np.bool_)
    learned[held] = False
    retrained = Recommender.fit(
        merged.dataset.where(learned),
        recommender.config,
        views=(updated.views, updated.encoders),
        chosen=recommender.facts.get("training"),
        progress=progress,
    )
    ended = time.process_time()
    histories = updated.histories(users).before(times_s)
    targets = Ragged(np.arange(len(users) + 1, dtype=np.int64), items.astype(np.int32))
    lists = [_ranked(rec, histories) for rec in (updated, retrained)]
    before = _before(recommender, histories, users, targets)
    scores = [float(ndcg(ranked, targets, 10).mean()) for ranked in lists]
    return Drift(
        users=len(users),
        overlap=_overlap(lists[0], lists[1]),
        cosine=_cosine(updated, retrained, histories),
        ndcg_before=before,
        ndcg_updated=scores[0],
        ndcg_retrained=scores[1],
        update_cpu_s=round(between - started, 2),
        retrain_cpu_s=round(ended - between, 2),
    )


def _held_out(
    merged: Merged,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """People asked, and of the newest event of each: its row, item and time."""
    whole = merged.dataset.sequences()
    refused = schema.NEGATIVE_KINDS | schema.PASSIVE_KINDS
    wanted = np.array([kind not in refused for kind in merged.dataset.kinds.ids.to_list()], dtype=np.bool_)
    keys = whole.rows * (merged.dataset.n_items + 1) + whole.items
    first = np.zeros(whole.n_events, dtype=np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    position = np.arange(whole.n_events) - whole.offsets[whole.rows]
    possible = merged.is_new & first & (whole.items >= 0) & wanted[whole.kinds] & (position > 0)
    last = np.full(len(whole), -1, dtype=np.int64)
    last[whole.rows[possible]] = np.flatnonzero(possible)
    users = np.flatnonzero(last >= 0)[::2]
    if not len(users):
        raise DataError(
            "No new event can be held out: none is the first of its person on an item, after another event.",
            remedy="Update without comparing, or bring more new events.",
        )
    rows = last[users]
    return users, rows, whole.items[rows].astype(np.int64), whole.times_s[rows]


def _ranked(recommender: Recommender, histories: SequenceBatch) -> npt.NDArray[np.int32]:
    return recommender.rank(histories, 10, exclude=histories.history_items.unique())[0]


def _before(recommender: Recommender, histories: SequenceBatch, users: npt.NDArray[np.int64], targets: Ragged) -> float:
    """NDCG@10 of the recommender as it was, told the same events as far as it knows their items and kinds."""
    n_items, n_kinds = recommender.dataset.n_items, len(recommender.dataset.kinds)
    known = histories.keep((histories.items < n_items) & (histories.kinds < n_kinds))
    return float(ndcg(_ranked(recommender, known), targets, 10).mean())


def _overlap(left: npt.NDArray[np.int32], right: npt.NDArray[np.int32]) -> float:
    both = ((left[:, :, None] == right[:, None, :]) & (left >= 0)[:, :, None]).any(axis=2).sum(axis=1)
    return float((both / np.maximum((left >= 0).sum(axis=1), 1)).mean())


def _cosine(updated: Recommender, retrained: Recommender, histories: SequenceBatch) -> float | None:
    """Mean cosine of interest vectors; two trainings have axes of their own, so the best rotation goes first."""
    try:
        one, other = updated.dense_model(), retrained.dense_model()
    except ModelError:
        return None
    if one.item_vectors.shape != other.item_vectors.shape:
        return None
    left, _, right = np.linalg.svd(other.item_vectors.T @ one.item_vectors)
    mine, theirs = one.user_vectors(histories), other.user_vectors(histories) @ (left @ right)
    norms = np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((mine * theirs).sum(axis=1) / np.maximum(norms, 1e-12))[norms > 0].mean()) if norms.any() else None
