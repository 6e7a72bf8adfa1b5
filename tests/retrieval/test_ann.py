from __future__ import annotations

import sys

import numpy as np
import pytest

from penchant.data.ragged import Ragged
from penchant.errors import MissingExtraError, UsageError
from penchant.retrieval.ann import ANNIndex, ANNOptions
from penchant.testing.indexes import check_index, compute_recall

VECTORS = np.random.default_rng(0).standard_normal((4_000, 12)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    pytest.importorskip("faiss")


def test_contract() -> None:
    check_index(lambda vectors: ANNIndex(vectors, ANNOptions(recall=0.97)), recall=0.9)


def test_recall_is_measured_and_reached() -> None:
    index = ANNIndex(VECTORS, ANNOptions(recall=0.9))
    assert index.recall >= 0.9
    users = np.random.default_rng(5).standard_normal((200, 12)).astype(np.float32)
    measured = compute_recall(index.search(users, 10)[0], index.exact.search(users, 10)[0])
    assert measured == pytest.approx(index.recall, abs=0.1)
    fewer = ANNIndex(VECTORS, ANNOptions(probes=1))
    assert fewer.probes == 1
    assert fewer.recall < index.recall


def test_scores_are_exact() -> None:
    users = VECTORS[:5]
    items, scores = ANNIndex(VECTORS).search(users, 3)
    np.testing.assert_allclose(scores, np.take_along_axis(users @ VECTORS.T, items, axis=1), rtol=1e-5)


def test_long_histories_leave_full_lists() -> None:
    index = ANNIndex(VECTORS)
    users = VECTORS[:2]
    best = index.exact.search(users, 500)[0]
    exclude = Ragged.of([best[0].tolist(), []])
    items, _ = index.search(users, 10, exclude=exclude)
    assert (items >= 0).all()
    assert not set(items[0].tolist()) & set(best[0].tolist())


def test_same_seed_same_lists() -> None:
    one, two = ANNIndex(VECTORS, seed=3), ANNIndex(VECTORS, seed=3)
    users = VECTORS[:50]
    assert (one.search(users, 10)[0] == two.search(users, 10)[0]).all()


def test_small_catalogues() -> None:
    items, _ = ANNIndex(VECTORS[:5]).search(VECTORS[:2], 10)
    assert (np.sort(items[:, :5], axis=1) == np.arange(5)).all()


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"recall=1.5 is out of range. Give a number above 0, at most 1"):
        ANNOptions(recall=1.5)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"'faiss-cpu'.*penchant\[ann\]"):
        ANNIndex(VECTORS)
