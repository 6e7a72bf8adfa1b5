"""How far an updated recommender is from one that was trained again from everything."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.arrays import Progress
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import match_kinds
from penchant.data.ingest.merge import merge
from penchant.data.kinds import mask_wanted_kinds
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError, ModelError
from penchant.metrics.ranking import ndcg
from penchant.recommender.recommender import Recommender
from penchant.training.continuing import UpdateOptions


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


@dataclass(frozen=True)
class Question:
    """The newest events of some people, held out: `users` `[Q]` codes, `targets` `[Q]`, `times_s` `[Q]`.

    `rest` is the new data without them, `everything` the old and new data without them.
    """

    users: npt.NDArray[np.int64]
    targets: Ragged
    times_s: npt.NDArray[np.int64]
    rest: Dataset
    everything: Dataset


def drift(
    recommender: Recommender, new: Dataset, options: UpdateOptions | None = None, *, progress: Progress | None = None
) -> Drift:
    """Compare an update with a full training.

    The newest event of every second person with new events is held out; the rest is learned both ways, with the same
    modalities and the epochs and weights chosen when the bundle was trained. Raises `DataError` where nobody can be
    asked.
    """
    question = asked_about(recommender, new)
    started = time.process_time()
    updated = recommender.update(question.rest, options, progress=progress)
    between = time.process_time()
    retrained = Recommender.fit(
        question.everything,
        recommender.config,
        modalities=(updated.modalities, updated.encoders),
        chosen=recommender.record.training,
        progress=progress,
    )
    ended = time.process_time()
    histories = updated.histories(question.users).before(question.times_s)
    return Drift(
        users=len(question.users),
        overlap=_overlap(_ranked(updated, histories), _ranked(retrained, histories)),
        cosine=_cosine(updated, retrained, histories),
        ndcg_before=_before(recommender, histories, updated.dataset.kinds, question.targets),
        ndcg_updated=answered(updated, question),
        ndcg_retrained=answered(retrained, question),
        update_cpu_s=round(between - started, 2),
        retrain_cpu_s=round(ended - between, 2),
    )


def asked_about(recommender: Recommender, new: Dataset) -> Question:
    """What is held out of the new data: the newest possible target of every second person who has one.

    Raises `DataError` where there is none.
    """
    merged = merge(recommender.dataset, new)
    whole = merged.dataset.sequences()
    wanted = mask_wanted_kinds(merged.dataset.kinds.ids.to_list())
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
    rest, learned = np.ones(new.n_events, dtype=np.bool_), np.ones(whole.n_events, dtype=np.bool_)
    rest[merged.new_rows[rows]], learned[rows] = False, False
    targets = Ragged(np.arange(len(users) + 1, dtype=np.int64), whole.items[rows])
    return Question(users, targets, whole.times_s[rows], new.where(rest), merged.dataset.where(learned))


def answered(recommender: Recommender, question: Question) -> float:
    """NDCG@10 of a recommender that has learned `everything` of a question, one way or the other."""
    histories = recommender.histories(question.users).before(question.times_s)
    return float(ndcg(_ranked(recommender, histories), question.targets, 10).mean())


def _ranked(recommender: Recommender, histories: SequenceBatch) -> npt.NDArray[np.int32]:
    return recommender.rank(histories, 10, exclude=histories.history_items.unique())[0]


def _before(recommender: Recommender, histories: SequenceBatch, kinds: Vocabulary, targets: Ragged) -> float:
    """NDCG@10 of the recommender as it was, told the same events (of `kinds`) as far as it knows them."""
    codes, understood = match_kinds(recommender.dataset.kinds, kinds)
    keep = (histories.items < recommender.dataset.n_items) & understood[histories.kinds]
    known = replace(histories, kinds=codes[histories.kinds].astype(np.int16)).keep(keep)
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
