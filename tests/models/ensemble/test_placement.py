"""New items stand above the known ones that are less likely, as far as known ones may lose."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.models.ensemble.placement import FURTHEST, PEERS, TOP, fair_price, log_known, log_new, place

ATTENTION = 1.0 / np.log2(2.0 + np.arange(TOP))


def logs(rows: list[list[float]]) -> np.ndarray:
    return np.log(np.asarray(rows, dtype=np.float64))


def world(seed: int, people: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores of 40 known and 10 new items, what is foretold of the latter, what is owned, log p of the new."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(people, 50)).astype(np.float32)
    foretold, rehearsed = (rng.normal(size=(people, n)).astype(np.float32) for n in (10, 20))
    owned = np.zeros(scores.shape, dtype=bool)
    owned[:, :3] = True
    return scores, foretold, owned, log_new(foretold, owned[:, 40:], rehearsed, owned[:, :20])


def test_likelihoods_by_hand() -> None:
    closed = np.array([[False, False, True]])
    found = log_known(np.log(np.array([[1.0, 4.0, 9.0]], dtype=np.float32)), 0.5, closed)
    np.testing.assert_allclose(np.exp(found), [[1 / 3, 2 / 3, 0]], atol=1e-6)
    nobody = np.zeros((1, 2), dtype=bool)
    one = log_new(np.log(np.array([[6.0]], dtype=np.float32)), nobody[:, :1], np.zeros((1, 2), np.float32), nobody)
    np.testing.assert_allclose(np.exp(one), [[6 / (6 + PEERS)]], rtol=1e-5)
    mine = np.array([[False, True]])
    two = log_new(np.log(np.array([[6.0, 5.0]], dtype=np.float32)), mine, np.zeros((1, 2), np.float32), mine)
    np.testing.assert_allclose(np.exp(two), [[6 / (6 + PEERS / 2), 5 / (6 + PEERS / 2)]], rtol=1e-5)


def test_who_owns_everything_and_nobody_at_all_have_finite_likelihoods() -> None:
    everything = np.ones((1, 2), dtype=bool)
    scores = np.zeros((1, 2), dtype=np.float32)
    assert np.isfinite(log_new(scores, everything, scores, everything)).all()
    assert np.isfinite(place(scores, np.zeros((1, 1)), np.array([1]), everything, 1.0, np.zeros(1))).all()
    assert place(scores[:0], np.zeros((0, 1)), np.array([1]), everything[:0], 1.0, np.zeros(0)).shape == (0, 2)


def test_a_new_item_stands_above_the_known_ones_that_are_less_likely() -> None:
    scores, _, owned, likely = world(1)
    closed = owned.copy()
    closed[:, 40:] = True
    prices = np.linspace(-2.0, 1.0, len(scores))
    placed, known = place(scores, likely, np.arange(40, 50), closed, 0.7, prices), log_known(scores, 0.7, closed)
    above = placed[:, 40:, None] > scores[:, None, 3:40]
    assert (
        above == ((prices[:, None] + likely)[:, :, None] > known[:, None, 3:40])
    ).mean() > 0.9999  # but for rounding
    assert (placed[:, :40] == scores[:, :40]).all(), "known items keep theirs"
    assert (np.argsort(-placed[:, 40:]) == np.argsort(-likely)).all(), "new ones stand as they are foretold"


def test_the_price_by_hand() -> None:
    """Two people with ten known items; the new one may take rank ten from the first, for whom that loses least."""
    known = logs([[0.19] + [0.09] * 9, [0.1] * 10])
    new = logs([[0.5], [0.4]])
    whole = float((np.exp(known) * ATTENTION).sum())
    one = 0.09 * ATTENTION[1] / whole  # nine items below the first move down, so the last of them is lost
    price = fair_price(new, known, one * 1.001)
    assert price == pytest.approx(np.log(0.1 / 0.4), abs=1e-5), "just short of the second list"
    assert fair_price(new, known, one * 0.999) == pytest.approx(np.log(0.09 / 0.5), abs=1e-5)
    assert fair_price(new, known, 0.0) == -FURTHEST and fair_price(new[:, :0], known, 0.5) == -FURTHEST


@pytest.mark.parametrize("cost", [0.003, 0.01, 0.05, 0.3])
def test_known_items_lose_what_they_may_and_no_more(cost: float) -> None:
    scores, _, owned, likely = world(2, people=3000)
    closed = owned.copy()
    closed[:, 40:] = True
    known = log_known(scores, 1.0, closed)
    price = fair_price(likely, known, cost)
    placed = place(scores, likely, np.arange(40, 50), closed, 1.0, np.full(len(scores), price))
    chance = np.exp(known)

    def gained(list_scores: np.ndarray, allowed: np.ndarray) -> float:
        rank = np.argsort(np.argsort(-np.where(allowed, list_scores, -np.inf), axis=1), axis=1)
        return float((chance * np.where(rank < TOP, 1 / np.log2(2.0 + rank), 0.0)).sum())

    lost = 1 - gained(placed, ~owned) / gained(scores, ~closed)
    assert lost <= cost + 1e-6 and lost == pytest.approx(cost, rel=0.05)


def test_no_other_choice_of_lists_finds_more_for_the_same_loss() -> None:
    """One new item, at rank ten or not: the price takes the lists with the most found for what is lost."""
    rng = np.random.default_rng(3)
    known = np.log(np.sort(rng.dirichlet(np.ones(10), size=400), axis=1)[:, ::-1])
    new = np.log(rng.uniform(0.001, 0.05, size=(400, 1)))
    known[:, :9] += 20.0  # out of reach: only the last place is for sale
    price = fair_price(new, known, 1e-12 + _share(known, 0.05))
    chosen = new[:, 0] + price > known[:, 9]
    worth = np.exp(new[:, 0] - known[:, 9])
    assert 0 < chosen.sum() < 400 and worth[chosen].min() > worth[~chosen].max()


def _share(known: np.ndarray, tenths: float) -> float:
    """What share of the whole NDCG is lost where the last place of `tenths` of all lists' tenth items goes."""
    likely = np.exp(known)
    return float(tenths * (likely[:, 9] * ATTENTION[9]).sum() / (likely * ATTENTION).sum())
