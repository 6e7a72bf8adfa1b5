"""Recovery of planted interests: known answers by construction."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.errors import DataError
from penchant.metrics.interest_recovery import (
    agreement,
    drift_delay,
    false_alarms,
    mean_cosine,
    predict_held_out,
    read_out_topics,
    recovery,
)


def _planted(users: int, events: int, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    owners = np.repeat(np.arange(users), events)
    return np.repeat(rng.dirichlet(np.full(k, 0.3), size=users), events, axis=0), owners


def test_a_rotated_truth_is_recovered_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    planted, owners = _planted(300, 5, 6, rng)
    hidden = planted @ rng.normal(size=(6, 16)) + 3.0
    found = recovery(hidden, planted, np.random.default_rng(0), users=owners, ridge=1e-6)
    assert found["cosine"] == pytest.approx(1, abs=1e-6)
    assert found["top_topic"] == pytest.approx(1, abs=0.01)
    assert found["users"] == 150
    noise = recovery(rng.normal(size=(1500, 16)), planted, np.random.default_rng(0), users=owners)
    assert noise["cosine"] == pytest.approx(noise["baseline"], abs=0.03)
    assert abs(noise["lift"]) < 0.05


def test_a_user_code_that_vectors_carry_is_no_use_on_held_out_users() -> None:
    """A vector that only names its user fits those users perfectly; held-out users show that nothing is known."""
    rng = np.random.default_rng(2)
    planted, owners = _planted(60, 10, 5, rng)
    found = recovery(np.eye(60)[owners], planted, rng, users=owners, ridge=1e-6)
    assert found["cosine"] == pytest.approx(found["baseline"], abs=0.02)


def test_the_linear_map_agrees_with_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    planted = rng.dirichlet(np.ones(4), size=400)
    vectors = planted @ rng.normal(size=(4, 6)) + rng.normal(0, 0.3, size=(400, 6))
    test = np.isin(np.arange(400), np.random.default_rng(5).permutation(400)[:200])
    scaled = (vectors - vectors[~test].mean(0)) / vectors[~test].std(0)
    ridge = linear.Ridge(alpha=0.01 * 200).fit(scaled[~test], planted[~test])
    guess = np.maximum(ridge.predict(scaled[test]), 0)
    found = recovery(vectors, planted, np.random.default_rng(5))
    assert found["cosine"] == pytest.approx(mean_cosine(guess, planted[test]), abs=1e-9)


def test_readout_finds_the_topic_of_the_nearest_centroid() -> None:
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(5, 32))
    topics = rng.integers(0, 5, 200)
    items = centres[topics] + rng.normal(0, 0.3, size=(200, 32))
    weights = read_out_topics(centres, items, np.eye(5)[topics])
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_delay_is_counted_from_the_planted_turn() -> None:
    """User 0 is seen after two events, user 1 never, user 2 had turned before: not counted."""
    planted = np.asarray([0, 0, 1, 1, 1] * 3)
    guess = np.ravel([[0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]])
    rows = np.eye(2)
    found = drift_delay(
        rows[guess],
        rows[planted],
        rows[np.zeros(15, int)],
        rows[np.ones(15, int)],
        np.repeat([4, 7, 9], 5),
        np.tile(np.arange(5) * 43_200, 3),
    )
    assert found == {"events": 2.0, "days": 1.0, "seen": 0.5, "users": 2.0}


def test_delay_without_any_change_is_not_a_number() -> None:
    rows = np.eye(2)[[0, 0, 0]]
    found = drift_delay(rows, rows, rows, np.eye(2)[[1, 1, 1]], np.zeros(3, int), np.arange(3))
    assert found["users"] == 0
    assert np.isnan([found["events"], found["days"], found["seen"]]).all()


def test_guesses_of_held_out_users_are_what_recovery_looks_at() -> None:
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(40), 3)
    planted = rng.dirichlet(np.ones(3), size=120)
    vectors = planted @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(120, 6))
    guess, test = predict_held_out(vectors, planted, np.random.default_rng(1), users=users)
    assert test.sum() == 60 and all(len(set(test[users == user])) == 1 for user in range(40))
    whole = recovery(vectors, planted, np.random.default_rng(1), users=users)
    assert whole == agreement(guess, planted, test, users) and whole["users"] == 20


def test_false_alarms_are_counted_before_the_turn_only() -> None:
    """User 0 turns at the third of four events, user 1 never; the guess of each looks turned at its second and last."""
    old, new = [1.0, 0.0], [0.0, 1.0]
    planted = np.asarray([old, old, new, new, old, old])
    guess = np.asarray([old, new, new, new, new, new])
    first, last = np.tile(old, (6, 1)), np.tile(new, (6, 1))
    users = np.asarray([0, 0, 0, 0, 1, 1])
    assert false_alarms(guess, planted, first, last, users) == {"share": 0.75, "users": 2.0}  # 1 of 2, and 2 of 2
    assert false_alarms(planted, planted, first, last, users)["share"] == 0
    always = false_alarms(guess[2:4], planted[2:4], first[:2], last[:2], users[:2])
    assert np.isnan(always["share"]) and always["users"] == 0


def test_refusals() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"same number of rows .at least one. are needed, got \(2, 3\), \(3, 3\)"):
        recovery(np.zeros((2, 3)), np.zeros((3, 3)), rng)
    with pytest.raises(DataError, match="NaN or infinite"):
        recovery(np.full((4, 2), np.nan), np.ones((4, 2)), rng)
    with pytest.raises(DataError, match=r"held_out=0.5 of 1 users leaves none"):
        recovery(np.ones((4, 2)), np.ones((4, 2)), rng, users=np.zeros(4, int))
