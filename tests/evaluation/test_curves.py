from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.errors import DataError
from penchant.evaluation import curves


class Table:
    def __init__(self, scores: np.ndarray) -> None:
        self.table = scores

    def scores(self, histories: SequenceBatch) -> np.ndarray:
        return self.table[histories.users]


def _holdout(targets: list[list[int]], seen: list[list[int]], candidates: np.ndarray | None = None) -> Holdout:
    batch = SequenceBatch.of_items([[0]] * len(targets))
    named = SequenceBatch(**{**batch.__dict__, "users": np.arange(len(targets), dtype=np.int32)})
    return Holdout(named, Ragged.of(targets), Ragged.of(seen), candidates)


@pytest.mark.parametrize("block", [1 << 23, 20])
def test_agrees_with_scikit_learn_over_all_pairs(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "_BLOCK_SCORES", block)
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (15, 9)).astype(np.float32)
    targets = [rng.permutation(9)[: rng.integers(1, 4)].tolist() for _ in range(15)]
    seen = [[i for i in rng.permutation(9)[:3].tolist() if i not in row] for row in targets]
    measured = curves.measure_curves(Table(scores), _holdout(targets, seen), n_items=9)
    places, labels = [], []
    for user in range(15):
        order = [i for i in np.lexsort((np.arange(9), -scores[user])) if i not in seen[user]]
        places += [-rank for rank in range(1, len(order) + 1)]
        labels += [int(i in targets[user]) for i in order]
    assert measured.auc == pytest.approx(sk.roc_auc_score(labels, places))
    assert measured.average_precision == pytest.approx(sk.average_precision_score(labels, places))
    assert (measured.users, measured.positives, measured.negatives) == (15, sum(labels), len(labels) - sum(labels))


def test_a_perfect_and_a_useless_model() -> None:
    truth = np.eye(4, 6, dtype=np.float32)
    targets = [[n] for n in range(4)]
    best = curves.measure_curves(Table(truth), _holdout(targets, [[]] * 4), n_items=6)
    assert best.auc == 1.0 and best.average_precision == 1.0
    worst = curves.measure_curves(Table(-truth), _holdout(targets, [[]] * 4), n_items=6)
    assert worst.auc == 0.0


def test_what_cannot_be_ranked_is_in_no_list() -> None:
    scores = np.ones((2, 3), dtype=np.float32)
    measured = curves.measure_curves(Table(scores), _holdout([[0], [7]], [[], []]), n_items=3)
    assert measured.roc.y[-1] == 0.5
    blocked = _holdout([[0], [1]], [[], []], np.array([False, True, True]))
    assert curves.measure_curves(Table(scores), blocked, n_items=3).roc.y[-1] == 0.5


def test_users_are_sampled_and_json_is_plain() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random((50, 300)).astype(np.float32)
    measured = curves.measure_curves(Table(scores), _holdout([[1]] * 50, [[]] * 50), n_items=300, users=20)
    plain = measured.thin(30).to_dict()
    assert plain["roc"]["users"] == 20 and len(plain["roc"]["fpr"]) == 30 == len(plain["pr"]["recall"])
    assert plain["roc"]["fpr"][0] == 0.0 and plain["roc"]["fpr"][-1] == 1.0


def test_without_negatives_there_is_no_curve() -> None:
    with pytest.raises(DataError, match="needs targets and other rankable items"):
        curves.measure_curves(Table(np.ones((1, 1), dtype=np.float32)), _holdout([[0]], [[]]), n_items=1)
