from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import pytest

from penchant.data.modalities import Modality
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.evaluation import backtest
from penchant.evaluation.background import Background
from penchant.metrics import ranking
from penchant.retrieval.exact import top_k

N_ITEMS = 12


class Table:
    """Scores looked up by user code: what it should answer is known."""

    def __init__(self, scores: npt.NDArray[np.float32]) -> None:
        self.table = scores
        self.blocks: list[int] = []
        self.lock = threading.Lock()

    def scores(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        return self.table[histories.users]

    def rank(
        self,
        histories: SequenceBatch,
        k: int,
        *,
        exclude: Ragged | None = None,
        allowed: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        with self.lock:
            self.blocks.append(len(histories))
        return top_k(self.scores(histories), k, exclude=exclude, allowed=allowed)


def _case(users: int = 40, seed: int = 0) -> tuple[Table, Holdout, Background]:
    rng = np.random.default_rng(seed)
    histories = SequenceBatch.of_items([rng.integers(0, N_ITEMS, rng.integers(1, 6)).tolist() for _ in range(users)])
    batch = SequenceBatch(**{**histories.__dict__, "users": np.arange(users, dtype=np.int32)})
    seen = batch.history_items.unique()
    targets = Ragged.of([[int(i) for i in rng.permutation(N_ITEMS)[:2]] for _ in range(users)])
    events = rng.integers(0, 30, N_ITEMS)
    modality = Modality(rng.standard_normal((N_ITEMS, 3)).astype(np.float32), np.ones(N_ITEMS, dtype=bool))
    background = Background(
        events, events, np.full(users, 4), users, Ragged.of([[i % 3] for i in range(N_ITEMS)]), 3, modality
    )
    return Table(rng.random((users, N_ITEMS)).astype(np.float32)), Holdout(batch, targets, seen), background


def test_ranks_without_the_seen_and_judges_every_user() -> None:
    table, holdout, background = _case()
    result = backtest.evaluate_ranking(table, holdout, ks=(1, 5), background=background)
    open_scores = table.table.copy()
    open_scores[holdout.seen.rows, holdout.seen.values] = -np.inf
    ranked = np.argsort(-open_scores, axis=1, kind="stable")[:, :10].astype(np.int32)
    ranked[np.isinf(np.take_along_axis(open_scores, ranked.astype(np.int64), axis=1))] = -1
    expected = ranking.ranking_metrics(ranked, holdout.targets, [1, 5, 10])
    for name, values in expected.items():
        np.testing.assert_allclose(result.values[name], values, err_msg=name)
    assert result.users.tolist() == list(range(40))
    assert {"novelty@10", "popularity_lift@10", "diversity@10", "calibration@10"} <= set(result.values)
    assert set(result.overall) == {"coverage@10", "gini@10"}
    assert result.mean("ndcg@5") == pytest.approx(np.mean(expected["ndcg@5"]))
    assert result.mean("coverage@10") == result.overall["coverage@10"]


def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table, holdout, background = _case()
    expected = backtest.evaluate_ranking(table, holdout, background=background, threads=1)
    table.blocks.clear()
    monkeypatch.setattr(backtest, "_BLOCK_SCORES", 7 * N_ITEMS)
    shares: list[float] = []
    parts = backtest.evaluate_ranking(table, holdout, background=background, threads=4, progress=shares.append)
    assert sorted(table.blocks) == [5, 7, 7, 7, 7, 7] and shares[-1] == 1.0 and shares == sorted(shares)
    for name, values in expected.values.items():
        np.testing.assert_array_equal(parts.values[name], values, err_msg=name)


def test_only_candidates_are_ranked() -> None:
    table, holdout, background = _case()
    allowed = np.arange(N_ITEMS) < 3
    part = Holdout(holdout.histories, holdout.targets, holdout.seen, allowed)
    ranked = backtest.rank_holdout(table, part, 5, n_items=N_ITEMS)
    assert set(ranked.ravel().tolist()) <= {-1, 0, 1, 2}
    assert backtest.evaluate_ranking(table, part, background=background).overall["coverage@10"] == 1.0


def test_slices_judge_the_same_lists() -> None:
    table, holdout, background = _case()
    result = backtest.evaluate_ranking(table, holdout, ks=(10,), background=background)
    warm = result.slices["users: warm"]
    np.testing.assert_allclose(warm["ndcg@10"], result.values["ndcg@10"])
    short, rest = result.slices["history: 1-4"]["recall@10"], result.slices["history: 5-19"]["recall@10"]
    assert (np.isfinite(short) != np.isfinite(rest)).all()
    np.testing.assert_allclose(np.where(np.isfinite(short), short, rest), result.values["recall@10"])


def test_a_list_longer_than_the_catalogue_is_cut() -> None:
    table, holdout, background = _case(users=3)
    result = backtest.evaluate_ranking(table, holdout, ks=(100,), background=background)
    assert result.values["precision@100"].max() <= 2 / 100


def test_one_user_is_a_batch_of_one() -> None:
    table, holdout, background = _case()
    expected = backtest.evaluate_ranking(table, holdout, background=background)
    alone = Holdout(holdout.histories.take([7]), holdout.targets.take([7]), holdout.seen.take([7]))
    one = backtest.evaluate_ranking(table, alone, background=background)
    for name, values in one.values.items():
        np.testing.assert_array_equal(values, expected.values[name][7:8], err_msg=name)
