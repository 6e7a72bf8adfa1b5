"""Decision-level fusion: standardising, weights with a known answer."""

import numpy as np
import pytest

from penchant.models.ensemble.weights import fit_logit, refine_weights, standardise, sum_weighted


def test_standardised_rows_have_mean_zero_and_spread_one() -> None:
    z = standardise(np.random.default_rng(0).normal(7, 3, (5, 100)).astype(np.float32))
    assert z.mean(axis=1) == pytest.approx(np.zeros(5), abs=1e-5)
    assert z.std(axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_a_constant_expert_becomes_zeros() -> None:
    assert (standardise(np.full((2, 4), 3.0, dtype=np.float32)) == 0).all()


def test_weighted_parts_sum_to_the_score() -> None:
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(3, 6)).astype(np.float32) for _ in range(2)]
    weights = np.array([0.3, 1.2], dtype=np.float32)
    total = sum_weighted(parts, weights)
    np.testing.assert_allclose(total, 0.3 * parts[0] + 1.2 * parts[1], rtol=1e-6)


def test_weights_recover_those_that_generated_the_choices() -> None:
    rng = np.random.default_rng(2)
    good, noise, other = (standardise(rng.normal(size=(4000, 20)).astype(np.float32)) for _ in range(3))
    utility = 2.0 * good + 1.0 * other + rng.gumbel(size=(4000, 20))
    weights = fit_logit([good, noise, other], utility.argmax(axis=1).astype(np.int32))
    assert weights[0] == pytest.approx(2.0, abs=0.15)
    assert weights[1] == pytest.approx(0.0, abs=0.08)
    assert weights[2] == pytest.approx(1.0, abs=0.15)


def test_items_that_are_not_allowed_do_not_compete() -> None:
    scores = np.array([[0.0, 5.0, -5.0]] * 50, dtype=np.float32)
    allowed = np.tile([True, False, True], (50, 1))
    weights = fit_logit([scores], np.zeros(50, dtype=np.int32), allowed)
    assert weights[0] > 0.5


def test_refining_moves_weight_to_the_expert_that_ranks_best() -> None:
    rng = np.random.default_rng(3)
    targets = rng.integers(0, 30, 500).astype(np.int32)
    noise = standardise(rng.normal(size=(500, 30)).astype(np.float32))
    right = rng.normal(size=(500, 30)).astype(np.float32)
    right[np.arange(500), targets] += 3.0
    start = np.array([1.0, 0.1], dtype=np.float32)
    refined = refine_weights([noise, standardise(right)], start, targets)
    assert refined[1] / max(refined[0], 1e-6) > 5


def test_refining_never_ends_below_its_start() -> None:
    rng = np.random.default_rng(4)
    parts = [standardise(rng.normal(size=(300, 25)).astype(np.float32)) for _ in range(3)]
    targets = rng.integers(0, 25, 300).astype(np.int32)
    allowed = rng.random((300, 25)) < 0.8
    allowed[np.arange(300), targets] = True
    start = np.array([0.4, 0.0, 1.0], dtype=np.float32)

    def compute_ndcg(weights: np.ndarray) -> float:
        total = np.where(allowed, sum_weighted(parts, weights), -np.inf)
        ranks = (total > total[np.arange(300), targets][:, None]).sum(axis=1)
        return float((1 / np.log2(2 + ranks)).mean())

    refined = refine_weights(parts, start, targets, allowed)
    assert compute_ndcg(refined) >= compute_ndcg(start)
    assert (refined >= 0).all()


def test_a_sum_that_is_the_same_for_all_items_is_no_perfect_ranking() -> None:
    """One expert that helps, then one that misleads: neither ends with a weight of 0 alone, where everything ties."""
    rng = np.random.default_rng(5)
    targets = rng.integers(0, 20, 200).astype(np.int32)
    right = rng.normal(size=(200, 20)).astype(np.float32)
    right[np.arange(200), targets] += 2.0
    good = standardise(right)
    assert refine_weights([good], np.ones(1, dtype=np.float32), targets)[0] > 0
    assert refine_weights([-good], np.ones(1, dtype=np.float32), targets)[0] > 0
    mixed = refine_weights([good, -good], np.array([1.0, 0.5], dtype=np.float32), targets)
    assert mixed[0] > mixed[1], "the two do not cancel each other out"
