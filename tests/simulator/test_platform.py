"""The interactive platform: clicks follow the click model, propensities equal frequencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from penchant.errors import DataError, UsageError
from penchant.simulator import SimulatorOptions, simulate
from penchant.simulator.platform import EXAMINATION, Platform, Shown, SoftmaxPolicy


@pytest.fixture(scope="module")
def platform() -> Platform:
    return Platform(simulate(SimulatorOptions(users=300, items=100, events=1_500, seed=5, fresh_items=0.0)))


@pytest.fixture(scope="module")
def crowd() -> npt.NDArray[np.int64]:
    return np.tile(np.arange(300), 100)


def test_clicks_come_at_the_true_rate(platform: Platform, crowd: npt.NDArray[np.int64]) -> None:
    policy = SoftmaxPolicy(np.zeros((1, 100)), length=5)
    time_s = platform.simulation.options.end_s
    answers = platform.ask(policy, crowd, time_s, np.random.default_rng(0))
    rates = platform.click_rate(crowd, answers.shown.items, answers.times_s)
    np.testing.assert_allclose(answers.clicked.mean(axis=0), rates.mean(axis=0), atol=0.006)
    np.testing.assert_allclose(answers.examined.mean(axis=0), EXAMINATION[:5], atol=0.01)
    assert not (answers.clicked & ~answers.examined).any()


def test_inverse_propensities_estimate_another_policy(platform: Platform, crowd: npt.NDArray[np.int64]) -> None:
    """Logs of a biased policy estimate the click rate at the top of a policy that always shows one item."""
    scores = np.random.default_rng(1).normal(size=(300, 100))
    answers = platform.ask(SoftmaxPolicy(scores, 1), crowd, platform.simulation.options.end_s, np.random.default_rng(2))
    for item in (3, 40):
        hit = answers.shown.items[:, 0] == item
        estimate = (answers.clicked[:, 0] * hit / answers.shown.propensity[:, 0]).mean()
        truth = platform.click_rate(crowd, np.full((len(crowd), 1), item), answers.times_s).mean()
        naive = answers.clicked[hit, 0].mean()
        assert estimate == pytest.approx(truth, abs=0.02)
        assert np.isfinite(naive)


def test_propensities_are_the_frequencies(platform: Platform) -> None:
    scores = np.asarray([[0.0, 1.0, 2.0, -np.inf]])
    policy = SoftmaxPolicy(scores, length=2)
    shown = policy(np.zeros(60_000, dtype=np.int64), np.zeros(60_000, dtype=np.int64), np.random.default_rng(0))
    weights = np.exp(scores[0])
    for first, second in ((0, 1), (2, 1), (1, 2)):
        rows = (shown.items == [first, second]).all(axis=1)
        expected = weights[first] / weights.sum() * weights[second] / (weights.sum() - weights[first])
        assert rows.mean() == pytest.approx(expected, abs=0.006)
        np.testing.assert_allclose(shown.propensity[rows].prod(axis=1), expected)
    assert not (shown.items == 3).any()


def test_a_policy_that_knows_the_interests_gets_more_clicks(platform: Platform) -> None:
    users, time_s = np.arange(300), platform.simulation.options.end_s
    everything = np.broadcast_to(np.arange(100), (300, 100))
    known = platform.attraction(users, everything, np.full(300, time_s))
    greedy = platform.ask(SoftmaxPolicy(known, 5, temperature=0.02), users, time_s, np.random.default_rng(0))
    uniform = platform.ask(SoftmaxPolicy(np.zeros((1, 100)), 5), users, time_s, np.random.default_rng(0))
    assert greedy.click_rate > 2 * uniform.click_rate


def test_the_log_is_in_the_contract_and_complete(platform: Platform) -> None:
    answers = platform.ask(SoftmaxPolicy(np.zeros((1, 100)), 4), np.arange(50), 1_780_000_000, np.random.default_rng(3))
    log = platform.log(answers, "week7")
    assert log.filter(log["event"] == "impression").height == 200
    assert log.filter(log["event"] == "click").height == answers.clicked.sum()
    assert log["recommendation_id"][5] == "week7-1"
    assert platform.log(answers, "week7", impressions=False).equals(log.filter(log["event"] == "click"))
    assert log["propensity"][1] == pytest.approx(1 / 99)
    assert log["item_id"].is_in(platform.simulation.items["item_id"].implode()).all()


def test_items_that_do_not_exist_yet_are_never_clicked() -> None:
    world = simulate(SimulatorOptions(users=20, items=100, events=60, fresh_items=0.5))
    platform = Platform(world)
    lists = np.broadcast_to(np.arange(100), (20, 100))
    rates = platform.attraction(np.arange(20), lists, np.full(20, world.options.start_s - 1))
    fresh = platform.catalogue.created_s >= world.options.start_s
    assert fresh.any()
    assert (rates[:, fresh] == 0).all()
    assert (rates[:, ~fresh][:, :1] >= 0).all()


def test_invalid_policies_are_errors(platform: Platform) -> None:
    rng, users = np.random.default_rng(0), np.arange(2)

    def fixed(items: list[list[int]], chance: float) -> Shown:
        return Shown(np.asarray(items, dtype=np.int32), np.full(np.shape(items), chance))

    for shown, message in (
        (fixed([[1, 1], [2, 3]], 0.5), "an item twice"),
        (fixed([[1, 2], [2, 100]], 0.5), "outside 0 to 99"),
        (fixed([[1, 2], [2, 3]], 0.0), "above 0 and at most 1"),
        (fixed([[1, 2]], 0.5), r"gave items \(1, 2\) .* for 2 users"),
    ):
        with pytest.raises(DataError, match=message):
            platform.ask(lambda *_, shown=shown: shown, users, 1_780_000_000, rng)
    with pytest.raises(UsageError, match="length=3: allowed is 1 to 50, and a user has only 2 items"):
        SoftmaxPolicy(np.asarray([[0.0, 1.0, -np.inf]]), length=3)
    with pytest.raises(UsageError, match=r"temperature=0 is out of range. Give a number above 0"):
        SoftmaxPolicy(np.zeros((1, 5)), length=3, temperature=0)


def test_a_closed_loop_learns_from_its_log(platform: Platform) -> None:
    """Click counts over inverse propensities, round after round, lead to lists with more clicks."""
    users, time_s = np.arange(300), platform.simulation.options.end_s
    credit, rates = np.zeros((1, 100)), []
    for turn in range(6):
        answers = platform.ask(SoftmaxPolicy(credit, 5, 0.5), users, time_s, np.random.default_rng(turn))
        rates.append(answers.click_rate)
        worth = answers.clicked / (answers.shown.propensity * EXAMINATION[:5])
        estimate = np.bincount(answers.shown.items.ravel(), worth.ravel(), minlength=100) / (300 * 5)
        credit = credit + (estimate - estimate.mean()) * 4
    assert np.mean(rates[-2:]) > rates[0]
