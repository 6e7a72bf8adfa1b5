"""Floors that the cheap models reach on real data: leave-one-out, full ranking, seen items filtered, stable ties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penchant.data.dataset import Dataset
from penchant.data.splits import Split, split
from penchant.data.training import TrainingData
from penchant.models.base import ClosedForm
from penchant.models.cooccurrence import Cooccurrence
from penchant.models.ease import EASE
from penchant.models.popularity import Popularity
from penchant.retrieval.exact import top_k

_CUTS: dict[str, Split] = {}


def cut_of(folder: Path) -> Split:
    """The data set, read and split once."""
    if folder.name not in _CUTS:
        _CUTS[folder.name] = split(Dataset.load(folder), "leave-one-out")
    return _CUTS[folder.name]


def ndcg_at_10(model: ClosedForm, folder: Path) -> float:
    """Trained without the validation event; the history at the test includes it."""
    cut = cut_of(folder)
    times = cut.train.events["time_s"].max()
    assert isinstance(times, int)
    model.fit(TrainingData(cut.train.sequences(), cut.train.n_items, cut.train.kinds.ids.to_list(), times))
    total = 0.0
    for rows, histories in cut.test.histories.blocks(2048):
        taken = np.arange(rows.start, rows.stop)
        ranked, _ = top_k(model.score(histories), 10, cut.test.seen.take(taken))
        hits = np.argwhere(ranked == cut.test.targets.take(taken).values[:, None])[:, 1]
        total += float((1 / np.log2(hits + 2)).sum())
    return total / len(cut.test.histories)


def test_cooccurrence_on_movielens(shared_data: Path) -> None:
    assert ndcg_at_10(Cooccurrence(), shared_data / "movielens-1m") >= 0.163


def test_cooccurrence_on_beauty(shared_data: Path) -> None:
    assert ndcg_at_10(Cooccurrence(), shared_data / "amazon-beauty") >= 0.051


def test_ease_on_movielens(shared_data: Path) -> None:
    assert ndcg_at_10(EASE(), shared_data / "movielens-1m") >= 0.115


def test_popularity_on_movielens(shared_data: Path) -> None:
    assert ndcg_at_10(Popularity(), shared_data / "movielens-1m") == pytest.approx(0.018, abs=0.003)
