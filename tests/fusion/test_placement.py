"""New items stand in the order that is foretold of them, with the attention that their number warrants."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.fusion import placement
from penchant.fusion.placement import TOP, least_share, ranks

NEW = np.arange(80, 100)
ATTENTION = 1.0 / np.log2(1.0 + np.arange(1, 101))


def world(seed: int, people: int = 300, items: int = 100) -> tuple[np.ndarray, np.ndarray, SequenceBatch]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(people, items)).astype(np.float32)
    foretold = rng.normal(size=(people, len(NEW))).astype(np.float32)
    return scores, foretold, SequenceBatch.of_items([rng.permutation(80)[:3].tolist() for _ in range(people)])


def lottery(histories: SequenceBatch) -> np.ndarray:
    return placement.lottery(histories.rows, histories.items, len(histories))


def place(
    scores: np.ndarray, foretold: np.ndarray, new: np.ndarray, histories: SequenceBatch, share: float
) -> np.ndarray:
    owned = np.zeros(scores.shape, dtype=bool)
    owned[histories.rows, histories.items] = True
    return placement.place(scores, foretold, new, owned, lottery(histories), share)


def lists(scores: np.ndarray, histories: SequenceBatch) -> np.ndarray:
    out = scores.copy()
    out[histories.rows, histories.items] = -np.inf
    return np.argsort(-out, axis=1, kind="stable")


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.5, 1.0])
def test_new_items_get_the_attention_that_their_number_warrants(share: float) -> None:
    scores, foretold, histories = world(1)
    is_new = lists(place(scores, foretold, NEW, histories, share), histories) >= 80
    depth = 20  # no more than the new items there are
    got = (is_new[:, :depth] * ATTENTION[:depth]).sum(axis=1)
    assert np.abs(got - share * ATTENTION[:depth].sum()).max() < ATTENTION[0] / 2
    assert (is_new[:, :70] == is_new[0, :70]).all(), "every list has the same ranks"


def test_a_tenth_of_the_items_stands_at_rank_four() -> None:
    scores, foretold, histories = world(2)
    found = lists(place(scores, foretold, NEW, histories, 0.1), histories)[:, :TOP]
    assert (found[:, 3] == 80 + foretold.argmax(axis=1)).all()
    assert (found >= 80).sum() == len(found)


def test_new_items_stand_in_the_order_that_is_foretold_and_known_ones_keep_theirs() -> None:
    scores, foretold, histories = world(3)
    placed = place(scores, foretold, NEW, histories, 0.3)
    found = lists(placed, histories)
    for row in range(20):
        assert [i - 80 for i in found[row] if i >= 80] == np.argsort(-foretold[row]).tolist()
    assert (placed[:, :80] == scores[:, :80]).all()


@pytest.mark.parametrize("share", [0.002, 0.01, 0.03])
def test_few_new_items_enter_some_lists(share: float) -> None:
    scores, foretold, histories = world(4, people=4000)
    found = lists(place(scores, foretold, NEW, histories, share), histories)[:, :TOP] >= 80
    assert set(found.sum(axis=1)) <= {0, 1} and not found[:, :-1].any()
    assert found.any(axis=1).mean() == pytest.approx(share / least_share(), abs=0.03)


def test_without_a_share_they_stand_last_and_with_all_of_it_first() -> None:
    scores, foretold, histories = world(5)
    assert (lists(place(scores, foretold, NEW, histories, 0.0), histories)[:, -23:-3] >= 80).all()
    assert (lists(place(scores, foretold, NEW, histories, 1.0), histories)[:, :20] >= 80).all()


def test_items_of_the_history_take_no_rank() -> None:
    scores, foretold, _ = world(6, people=2)
    best_known, best_new = np.argsort(-scores[0, :80])[:3].tolist(), int(foretold[1].argmax()) + 80
    histories = SequenceBatch.of_items([best_known, [best_new]])
    found = lists(place(scores, foretold, NEW, histories, 0.1), histories)
    assert found[0, 3] >= 80 and found[1, 3] == 80 + np.argsort(-foretold[1])[1]


def test_a_new_item_of_the_history_stands_by_its_order_where_lists_show_it_again() -> None:
    scores, foretold, _ = world(9, people=1)
    order = np.argsort(-foretold[0])
    histories = SequenceBatch.of_items([[80 + int(order[0]), 80 + int(order[5])]])
    placed = place(scores, foretold, NEW, histories, 0.1)[0]
    assert placed[80 + order[0]] == placed[80 + order[1]] and placed[80 + order[5]] == placed[80 + order[6]]
    assert (placed[:80] > placed[80 + order[0]]).sum() == ranks(0.1, 20)[0] - 1
    assert (np.diff(placed[80 + order[[1, 2, 3, 4, 6, 7]]]) < 0).all()


def test_a_person_who_knows_everything_and_an_empty_history() -> None:
    scores, foretold, _ = world(7, people=2)
    histories = SequenceBatch.of_items([list(range(80)), []])
    placed = place(scores, foretold, NEW, histories, 0.1)
    assert np.isfinite(placed).all()
    assert np.argsort(-placed[0, 80:]).tolist() == np.argsort(-foretold[0]).tolist()


def test_equal_scores_stay_finite_and_the_input_stays() -> None:
    scores, foretold, histories = np.zeros((3, 100), np.float32), np.zeros((3, 20), np.float32), world(0, people=3)[2]
    before = scores.copy()
    assert np.isfinite(place(scores, foretold, NEW, histories, 0.1)).all() and (scores == before).all()
    assert (place(scores, foretold[:, :0], NEW[:0], histories, 0.1) == scores).all()


def test_the_lottery_is_even_and_repeats() -> None:
    rng = np.random.default_rng(8)
    histories = SequenceBatch.of_items(rng.integers(0, 50, size=(4000, 4)).tolist())
    drawn = lottery(histories)
    assert (lottery(histories) == drawn).all()
    assert np.abs(np.histogram(drawn, bins=10, range=(0, 1))[0] / 400 - 1).max() < 0.2


def test_ranks_end_where_there_are_no_more_items() -> None:
    assert len(ranks(0.5, 4)) == 4 and len(ranks(0.0, 4)) == 0 and len(ranks(1e-6, 4)) == 0
