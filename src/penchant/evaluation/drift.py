"""Drift of updates: how far an updated recommender is from one trained on all data."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace

import numpy as np

from penchant.arrays import Int32s, Int64s, Progress
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import match_kinds
from penchant.data.ingest.merge import merge
from penchant.data.kinds import mask_wanted_kinds
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError, ModelError
from penchant.metrics.ranking import ndcg
from penchant.options import Json
from penchant.recommender.recommender import Recommender
from penchant.training.continuing import UpdateOptions


@dataclass(frozen=True)
class Drift:
    """An update and a full training on the same events, compared on the held-out newest events of `users` users.

    `overlap` is the mean share of common items in their two top-10 lists. `cosine` is the mean cosine of their interest
    vectors after the rotation that aligns the item vectors (None: a model without vectors). `ndcg` is that of the
    recommender before the update, updated and retrained; `cpu_s` that of the update and of the training.
    """

    users: int
    overlap: float
    cosine: float | None
    ndcg_before: float
    ndcg_updated: float
    ndcg_retrained: float
    update_cpu_s: float
    retrain_cpu_s: float

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class UpdateHoldout:
    """The newest events of some users, held out: `users` `[Q]` codes, `targets` `[Q]`, `times_s` `[Q]`.

    `rest` is the new data without these events, `everything` the old and new data without them.
    """

    users: Int64s
    targets: Ragged
    times_s: Int64s
    rest: Dataset
    everything: Dataset


def measure_drift(
    recommender: Recommender, new: Dataset, options: UpdateOptions | None = None, *, progress: Progress | None = None
) -> Drift:
    """Compare an update with a full training.

    The newest event of every second user with new events is held out. Both recommenders learn from the others, with
    the same modalities and with the epochs and weights that selection chose for the bundle. Raises `DataError` if
    no event can be held out.
    """
    holdout = hold_out_targets(recommender, new)
    started = time.process_time()
    updated = recommender.update(holdout.rest, options, progress=progress)
    updated_at = time.process_time()
    retrained = Recommender.fit(
        holdout.everything,
        recommender.config,
        modalities=(updated.modalities, updated.encoders),
        chosen=recommender.record.training,
        progress=progress,
    )
    ended = time.process_time()
    histories = updated.histories(holdout.users).before(holdout.times_s)
    return Drift(
        users=len(holdout.users),
        overlap=_measure_overlap(_rank(updated, histories), _rank(retrained, histories)),
        cosine=_measure_cosine(updated, retrained, histories),
        ndcg_before=_measure_before(recommender, histories, updated.dataset.kinds, holdout.targets),
        ndcg_updated=measure_ndcg(updated, holdout),
        ndcg_retrained=measure_ndcg(retrained, holdout),
        update_cpu_s=round(updated_at - started, 2),
        retrain_cpu_s=round(ended - updated_at, 2),
    )


def hold_out_targets(recommender: Recommender, new: Dataset) -> UpdateHoldout:
    """Hold out the newest possible target in the new data of every second user who has one.

    Raises `DataError` if no user has one.
    """
    merged = merge(recommender.dataset, new)
    sequences = merged.dataset.sequences()
    wanted = mask_wanted_kinds(merged.dataset.kinds.ids.to_list())
    keys = sequences.rows * (merged.dataset.n_items + 1) + sequences.items
    first = np.zeros(sequences.n_events, dtype=np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    position = np.arange(sequences.n_events) - sequences.offsets[sequences.rows]
    possible = merged.is_new & first & (sequences.items >= 0) & wanted[sequences.kinds] & (position > 0)
    last = np.full(len(sequences), -1, dtype=np.int64)
    last[sequences.rows[possible]] = np.flatnonzero(possible)
    users = np.flatnonzero(last >= 0)[::2]
    if not len(users):
        raise DataError(
            "No new event can be held out: none is the first event of its user on an item after an earlier event.",
            remedy="Update without the comparison, or provide more new events.",
        )
    rows = last[users]
    rest, learned = np.ones(new.n_events, dtype=np.bool_), np.ones(sequences.n_events, dtype=np.bool_)
    rest[merged.new_rows[rows]], learned[rows] = False, False
    targets = Ragged(np.arange(len(users) + 1, dtype=np.int64), sequences.items[rows])
    return UpdateHoldout(users, targets, sequences.times_s[rows], new.where(rest), merged.dataset.where(learned))


def measure_ndcg(recommender: Recommender, holdout: UpdateHoldout) -> float:
    """NDCG@10 of a recommender that learned from `everything` of a holdout, by update or by training."""
    histories = recommender.histories(holdout.users).before(holdout.times_s)
    return float(ndcg(_rank(recommender, histories), holdout.targets, 10).mean())


def _rank(recommender: Recommender, histories: SequenceBatch) -> Int32s:
    return recommender.rank(histories, 10, exclude=histories.history_items.unique())[0]


def _measure_before(recommender: Recommender, histories: SequenceBatch, kinds: Vocabulary, targets: Ragged) -> float:
    """NDCG@10 of the recommender before the update, on the events (of `kinds`) that it knows."""
    codes, understood = match_kinds(recommender.dataset.kinds, kinds)
    keep = (histories.items < recommender.dataset.n_items) & understood[histories.kinds]
    known = replace(histories, kinds=codes[histories.kinds].astype(np.int16)).keep(keep)
    return float(ndcg(_rank(recommender, known), targets, 10).mean())


def _measure_overlap(left: Int32s, right: Int32s) -> float:
    both = ((left[:, :, None] == right[:, None, :]) & (left >= 0)[:, :, None]).any(axis=2).sum(axis=1)
    return float((both / np.maximum((left >= 0).sum(axis=1), 1)).mean())


def _measure_cosine(updated: Recommender, retrained: Recommender, histories: SequenceBatch) -> float | None:
    """Mean cosine of interest vectors after rotation: the axes of two trainings are arbitrary."""
    try:
        ours, theirs = updated.dense_model(), retrained.dense_model()
    except ModelError:
        return None
    if ours.item_vectors.shape != theirs.item_vectors.shape:
        return None
    # Orthogonal Procrustes: the rotation U Vᵀ of the SVD brings the item vectors of one closest to the other.
    left, _, right = np.linalg.svd(theirs.item_vectors.T @ ours.item_vectors)
    one, other = ours.user_vectors(histories), theirs.user_vectors(histories) @ (left @ right)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / np.maximum(norms, 1e-12))[norms > 0].mean()) if norms.any() else None
