from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score, precision_score, recall_score, top_k_accuracy_score

from penchant.data.ragged import Ragged
from penchant.errors import DataError, OptionError
from penchant.metrics import ranking

# Lists and values from ranx 0.3.21 (numpy.random.default_rng(11)); every user has at most k targets, where all agree.
RANKED = np.array(
    [
        [3, 6, 0, 7, 4, 10, 1, 11],
        [2, 9, 1, 11, 5, 7, 10, 0],
        [8, 5, 11, 2, 7, 0, 10, 6],
        [11, 4, 5, 1, 3, 10, 6, 7],
        [5, 4, 10, 0, 11, 8, 9, 2],
    ],
    dtype=np.int32,
)
TARGETS = Ragged.of([[5], [0, 11], [0, 5, 11], [2, 6, 9, 11], [0, 5, 6, 7, 8]])
RANX = {
    "ndcg@5": [0.0, 0.2640681225725909, 0.5307212739772434, 0.3903800499921017, 0.48522855511632257],
    "ndcg@8": [0.0, 0.45749452618986164, 0.6978817289434457, 0.5205067333228022, 0.6060398578158167],
    "hit_rate@5": [0.0, 1.0, 1.0, 1.0, 1.0],
    "recall@5": [0.0, 0.5, 0.6666666666666666, 0.25, 0.4],
    "precision@5": [0.0, 0.2, 0.4, 0.2, 0.4],
    "f1@5": [0.0, 0.28571428571428575, 0.5, 0.22222222222222224, 0.4000000000000001],
    "mrr@5": [0.0, 0.25, 0.5, 1.0, 1.0],
    "map@5": [0.0, 0.125, 0.38888888888888884, 0.25, 0.3],
    "map@8": [0.0, 0.25, 0.5555555555555555, 0.3214285714285714, 0.4],
}


@pytest.mark.parametrize("name", sorted(RANX))
def test_agrees_with_ranx(name: str) -> None:
    ours = ranking.ranking_metrics(RANKED, TARGETS, ks=(5, 8))[name]
    np.testing.assert_allclose(ours, RANX[name], rtol=1e-12)


def test_values_by_hand() -> None:
    ranked = np.array([[7, 1, 4, 2]], dtype=np.int32)
    targets = Ragged.of([[1, 2, 9]])
    got = {name: value[0] for name, value in ranking.ranking_metrics(ranked, targets, ks=[2, 4]).items()}
    assert got["accuracy@1"] == 0 and got["hit_rate@2"] == 1
    assert got["precision@2"] == 0.5 and got["recall@2"] == pytest.approx(1 / 3)
    assert got["f1@2"] == pytest.approx(2 * 0.5 * (1 / 3) / (0.5 + 1 / 3))
    assert got["mrr@4"] == 0.5
    assert got["map@4"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert got["map@2"] == pytest.approx((1 / 2) / 2)
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert got["ndcg@4"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)
    assert got["ndcg@2"] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), items=st.integers(3, 12), k=st.integers(1, 10), users=st.integers(1, 6))
def test_agrees_with_scikit_learn(seed: int, items: int, k: int, users: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(1.0, items + 1), (users, 1)), axis=1)
    relevant = rng.random((users, items)) < 0.4
    relevant[:, 0] |= ~relevant.any(axis=1)
    ranked = np.argsort(-scores, axis=1).astype(np.int32)[:, : max(k, 3)]
    rows, columns = np.nonzero(relevant)
    targets = Ragged.group(rows, columns, users)
    k = min(k, items)
    chosen = np.zeros((users, items), dtype=bool)
    np.put_along_axis(chosen, ranked[:, :k].astype(np.int64), True, axis=1)
    for user in range(users):
        row = slice(user, user + 1)
        ours = ranking.ndcg(ranked, targets, k)[user]
        assert ours == pytest.approx(ndcg_score(relevant[row].astype(int), scores[row], k=k))
        assert ranking.precision(ranked, targets, k)[user] == pytest.approx(
            precision_score(relevant[user], chosen[user])
        )
        assert ranking.recall(ranked, targets, k)[user] == pytest.approx(recall_score(relevant[user], chosen[user]))
    whole = np.argsort(-scores, axis=1).astype(np.int32)
    full = ranking.average_precision_at(whole, targets, items)
    expected = [average_precision_score(relevant[u], scores[u]) for u in range(users)]
    np.testing.assert_allclose(full, expected)


def test_hit_rate_is_top_k_accuracy() -> None:
    rng = np.random.default_rng(3)
    scores, truth = rng.random((50, 9)), rng.integers(0, 9, 50)
    ranked = np.argsort(-scores, axis=1).astype(np.int32)
    ours = ranking.hit_rate(ranked, Ragged.group(np.arange(50), truth, 50), 3).mean()
    assert ours == pytest.approx(top_k_accuracy_score(truth, scores, k=3, labels=np.arange(9)))


def test_a_user_without_targets_is_nan_and_padding_is_a_miss() -> None:
    ranked = np.array([[0, 1], [-1, -1]], dtype=np.int32)
    for values in ranking.ranking_metrics(ranked, Ragged.of([[], [0]]), ks=[1, 5]).values():
        assert np.isnan(values[0]) and values[1] == 0
    assert all(np.isnan(v).all() for v in ranking.ranking_metrics(ranked, Ragged.of([[-1], []])).values())


def test_repeats_do_not_gain() -> None:
    ranked = np.array([[3, 3, 3]], dtype=np.int32)
    assert ranking.ndcg(ranked, Ragged.of([[3, 3]]), 3).tolist() == [1.0]
    assert ranking.precision(ranked, Ragged.of([[3]]), 3)[0] == pytest.approx(1 / 3)
    assert ranking.average_precision_at(ranked, Ragged.of([[3, 4]]), 3)[0] == pytest.approx(0.5)


def test_an_item_beyond_the_catalogue_is_a_miss_that_counts() -> None:
    ranked = np.array([[0, 1]], dtype=np.int32)
    assert ranking.recall(ranked, Ragged.of([[0, 5]]), 2).tolist() == [0.5]


def test_one_user_is_a_batch_of_one() -> None:
    whole = ranking.ranking_metrics(RANKED, TARGETS, ks=[5])
    for user in range(len(RANKED)):
        alone = ranking.ranking_metrics(RANKED[user : user + 1], TARGETS.take([user]), ks=[5])
        assert {n: v[user] for n, v in whole.items()} == {n: v[0] for n, v in alone.items()}


def test_empty_input() -> None:
    empty = np.empty((0, 0), dtype=np.int32)
    assert all(v.shape == (0,) for v in ranking.ranking_metrics(empty, Ragged.empty(0)).values())
    assert ranking.mrr(np.empty((1, 0), dtype=np.int32), Ragged.of([[1]]), 3).tolist() == [0.0]


def test_refusals_say_what_is_allowed() -> None:
    with pytest.raises(DataError, match=r"\(5, 8\) do not fit 1 rows.*\[B, K\]"):
        ranking.ndcg(RANKED, Ragged.of([[1]]), 5)
    with pytest.raises(OptionError, match=r"k=0 .*1 or more"):
        ranking.ndcg(RANKED, TARGETS, 0)
