"""Cold start: expert weights for cold items, likelihoods, thresholds and the merge by rank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.models.ensemble.cold_start import (
    MAX_THRESHOLD,
    MIN_TARGETS,
    PEERS,
    TOP,
    ColdStartScorer,
    fit_threshold,
    mark_items,
    merge_by_rank,
    normalise_cold,
    normalise_warm,
)
from penchant.models.ensemble.content_mapping import fit_mapping

USERS, WARM, COLD = 600, 60, 12
ATTENTION = 1.0 / np.log2(2.0 + np.arange(TOP))


def draw_choices(seed: int = 0) -> tuple[ColdStartScorer, dict[str, np.ndarray], np.ndarray]:
    """Scores that follow contents (`smooth`), scores of single items (`item`), and choices by their sum."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(WARM + COLD, 6)).astype(np.float32)
    events = np.where(np.arange(WARM + COLD) < WARM, 30, 0)
    mapping = fit_mapping({"text": (vectors, np.ones(WARM + COLD, dtype=bool))}, events)
    assert mapping is not None
    tastes = rng.normal(size=(USERS, 6)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    parts = {"smooth": tastes @ unit.T, "item": rng.normal(size=(USERS, WARM + COLD)).astype(np.float32)}
    logits = (parts["smooth"] + 2 * parts["item"])[:, :WARM] + rng.gumbel(size=(USERS, WARM))
    return ColdStartScorer(mapping, {}), parts, logits.argmax(axis=1)


def test_an_expert_whose_scores_carry_over_to_similar_items_has_the_weight() -> None:
    scorer, parts, chosen = draw_choices()
    seen = np.zeros((USERS, WARM + COLD), dtype=bool)
    fitted = scorer.fit_weights(parts, seen, chosen, {"smooth": 1.0, "item": 2.0})
    assert fitted.weights["smooth"] > 0.5 and fitted.weights["item"] < 0.2 * fitted.weights["smooth"]
    assert scorer.fit_weights(parts, seen, chosen, {"smooth": 0.0, "item": 2.0}).weights.keys() == {"item"}


def test_with_few_targets_an_expert_has_its_weight_for_warm_items() -> None:
    scorer, parts, chosen = draw_choices()
    few = {name: part[: MIN_TARGETS - 1] for name, part in parts.items()}
    seen = np.zeros((MIN_TARGETS - 1, WARM + COLD), dtype=bool)
    fitted = ColdStartScorer(scorer.mapping, {}, inverse_temperature=0.5).fit_weights(
        few, seen, chosen[: MIN_TARGETS - 1], {"item": 2.0}
    )
    assert fitted.weights == {"item": 1.0}


def test_the_inverse_temperature_makes_sums_log_likelihoods() -> None:
    scorer, parts, _ = draw_choices()
    rng = np.random.default_rng(1)
    total = (parts["smooth"] * 2).astype(np.float32)
    allowed = np.broadcast_to(np.arange(WARM + COLD) < WARM, total.shape)
    logits = np.where(allowed, 0.7 * total, -np.inf) + rng.gumbel(size=total.shape)
    assert scorer.fit_inverse_temperature(total, logits.argmax(axis=1), allowed).inverse_temperature == pytest.approx(
        0.7, rel=0.1
    )


def test_the_state_restores_the_merge() -> None:
    scorer, parts, _ = draw_choices()
    scorer = ColdStartScorer(scorer.mapping, {"smooth": 0.5, "item": 0.0}, 0.8)
    combined = scorer.combine(parts)
    np.testing.assert_allclose(combined, 0.5 * parts["smooth"])
    in_history = mark_items(np.array([0, 0, 1]), np.array([3, 70, -1]), combined.shape)
    assert in_history.sum() == 2 and in_history[0, 3] and in_history[0, 70]
    threshold, events = scorer.fit_threshold(parts["item"], combined, in_history, 0.05), np.arange(USERS)
    scorer = replace(scorer, history_lengths=(1, 16), thresholds=(threshold, threshold - 1.0))
    again = ColdStartScorer.from_state(scorer.state())
    merged = scorer.merge(parts["item"], combined, in_history, events)
    assert again.merge(parts["item"], combined, in_history, events).tobytes() == merged.tobytes()
    assert (merged[:, :WARM] == parts["item"][:, :WARM]).all() and (merged[:, WARM:] != parts["item"][:, WARM:]).all()


def test_thresholds_are_interpolated_over_the_logarithm_of_the_length() -> None:
    scorer = ColdStartScorer(draw_choices()[0].mapping, {}, history_lengths=(1, 4, 16), thresholds=(-1.0, -2.0, -4.0))
    fitted = scorer.interpolate_thresholds(np.array([0, 1, 2, 4, 8, 16, 500]))
    np.testing.assert_allclose(fitted, [-1.0, -1.0, -1.5, -2.0, -3.0, -4.0, -4.0])


def test_the_state_keeps_the_peers_of_the_calibration_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.models.ensemble.content_mapping.MAX_PEERS", 10)
    scorer, parts, _ = draw_choices()
    scorer = ColdStartScorer(scorer.mapping, {"smooth": 1.0}, thresholds=(-1.0,))
    again = ColdStartScorer.from_state(scorer.state())
    assert len(scorer.mapping.calibration_items) == WARM and len(again.mapping.calibration_items) == 10
    assert scorer.mapping.peers.tolist() == again.mapping.calibration_items.tolist() == again.mapping.peers.tolist()
    combined = scorer.combine(parts)
    rows = np.searchsorted(scorer.mapping.calibration_items, scorer.mapping.peers)
    np.testing.assert_allclose(
        scorer.mapping.predict_peers(combined), scorer.mapping.predict_left_out(combined)[:, rows], atol=1e-5
    )
    assert again.mapping.predict_peers(combined).tobytes() == scorer.mapping.predict_peers(combined).tobytes()


def test_items_of_equal_content_have_equal_scores() -> None:
    scorer, parts, _ = draw_choices()
    assert scorer.has_items
    same = scorer.mapping.parts.copy()
    same[:, 1] = same[:, 0]
    scorer = ColdStartScorer(replace(scorer.mapping, parts=same), {"smooth": 1.0})
    in_history = np.zeros(parts["item"].shape, dtype=bool)
    merged = scorer.merge(parts["item"], scorer.combine(parts), in_history, np.ones(USERS, dtype=int))
    assert (merged[:, WARM] == merged[:, WARM + 1]).all()


def take_logs(rows: list[list[float]]) -> np.ndarray:
    return np.log(np.asarray(rows, dtype=np.float64))


def draw_lists(seed: int, users: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores of 40 warm and 10 cold items, predictions and log p of the latter, and items of the histories."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(users, 50)).astype(np.float32)
    predicted, peers = (rng.normal(size=(users, n)).astype(np.float32) for n in (10, 20))
    in_history = np.zeros(scores.shape, dtype=bool)
    in_history[:, :3] = True
    return scores, predicted, in_history, normalise_cold(predicted, in_history[:, 40:], peers, in_history[:, :20])


def test_likelihoods_equal_those_by_hand() -> None:
    closed = np.array([[False, False, True]])
    log_p = normalise_warm(np.log(np.array([[1.0, 4.0, 9.0]], dtype=np.float32)), 0.5, closed)
    np.testing.assert_allclose(np.exp(log_p), [[1 / 3, 2 / 3, 0]], atol=1e-6)
    none = np.zeros((1, 2), dtype=bool)
    one = normalise_cold(np.log(np.array([[6.0]], dtype=np.float32)), none[:, :1], np.zeros((1, 2), np.float32), none)
    np.testing.assert_allclose(np.exp(one), [[6 / (6 + PEERS)]], rtol=1e-5)
    second = np.array([[False, True]])
    two = normalise_cold(np.log(np.array([[6.0, 5.0]], dtype=np.float32)), second, np.zeros((1, 2), np.float32), second)
    np.testing.assert_allclose(np.exp(two), [[6 / (6 + PEERS / 2), 5 / (6 + PEERS / 2)]], rtol=1e-5)


def test_a_history_of_all_items_and_no_history_at_all_have_finite_likelihoods() -> None:
    everything = np.ones((1, 2), dtype=bool)
    scores = np.zeros((1, 2), dtype=np.float32)
    assert np.isfinite(normalise_cold(scores, everything, scores, everything)).all()
    assert np.isfinite(merge_by_rank(scores, np.zeros((1, 1)), np.array([1]), everything, 1.0, np.zeros(1))).all()
    assert merge_by_rank(scores[:0], np.zeros((0, 1)), np.array([1]), everything[:0], 1.0, np.zeros(0)).shape == (0, 2)


def test_a_cold_item_ranks_above_the_warm_ones_that_are_less_likely() -> None:
    scores, _, in_history, log_p = draw_lists(1)
    closed = in_history.copy()
    closed[:, 40:] = True
    thresholds = np.linspace(-2.0, 1.0, len(scores))
    merged, warm = (
        merge_by_rank(scores, log_p, np.arange(40, 50), closed, 0.7, thresholds),
        normalise_warm(scores, 0.7, closed),
    )
    above = merged[:, 40:, None] > scores[:, None, 3:40]
    assert (
        above == ((thresholds[:, None] + log_p)[:, :, None] > warm[:, None, 3:40])
    ).mean() > 0.9999  # but for rounding
    assert (merged[:, :40] == scores[:, :40]).all(), "warm items keep their scores"
    assert (np.argsort(-merged[:, 40:]) == np.argsort(-log_p)).all(), "cold items rank by their likelihood"


def test_the_threshold_equals_that_by_hand() -> None:
    """Two users with ten warm items; the cold one may take rank ten of the first user, who loses least."""
    warm = take_logs([[0.19] + [0.09] * 9, [0.1] * 10])
    cold = take_logs([[0.5], [0.4]])
    expected = float((np.exp(warm) * ATTENTION).sum())
    one = 0.09 * ATTENTION[1] / expected  # nine items below the first move down, so the last of them is lost
    threshold = fit_threshold(cold, warm, one * 1.001)
    assert threshold == pytest.approx(np.log(0.1 / 0.4), abs=1e-5), "just below the threshold of the second list"
    assert fit_threshold(cold, warm, one * 0.999) == pytest.approx(np.log(0.09 / 0.5), abs=1e-5)
    assert fit_threshold(cold, warm, 0.0) == -MAX_THRESHOLD and fit_threshold(cold[:, :0], warm, 0.5) == -MAX_THRESHOLD


@pytest.mark.parametrize("max_loss", [0.003, 0.01, 0.05, 0.3])
def test_warm_items_lose_the_share_that_is_allowed_and_no_more(max_loss: float) -> None:
    scores, _, in_history, log_p = draw_lists(2, users=3000)
    closed = in_history.copy()
    closed[:, 40:] = True
    warm = normalise_warm(scores, 1.0, closed)
    threshold = fit_threshold(log_p, warm, max_loss)
    merged = merge_by_rank(scores, log_p, np.arange(40, 50), closed, 1.0, np.full(len(scores), threshold))
    chance = np.exp(warm)

    def compute_gain(list_scores: np.ndarray, allowed: np.ndarray) -> float:
        rank = np.argsort(np.argsort(-np.where(allowed, list_scores, -np.inf), axis=1), axis=1)
        return float((chance * np.where(rank < TOP, 1 / np.log2(2.0 + rank), 0.0)).sum())

    lost = 1 - compute_gain(merged, ~in_history) / compute_gain(scores, ~closed)
    assert lost <= max_loss + 1e-6 and lost == pytest.approx(max_loss, rel=0.05)


def test_no_other_choice_of_lists_gains_more_for_the_same_loss() -> None:
    """One cold item, at rank ten or not: the threshold takes the lists with the highest gain for the loss."""
    rng = np.random.default_rng(3)
    warm = np.log(np.sort(rng.dirichlet(np.ones(10), size=400), axis=1)[:, ::-1])
    cold = np.log(rng.uniform(0.001, 0.05, size=(400, 1)))
    warm[:, :9] += 20.0  # out of reach: only rank ten can change
    threshold = fit_threshold(cold, warm, 1e-12 + _compute_loss_share(warm, 0.05))
    chosen = cold[:, 0] + threshold > warm[:, 9]
    worth = np.exp(cold[:, 0] - warm[:, 9])
    assert 0 < chosen.sum() < 400 and worth[chosen].min() > worth[~chosen].max()


def _compute_loss_share(warm: np.ndarray, tenths: float) -> float:
    """Share of the NDCG that is lost where the share `tenths` of all lists loses its tenth item."""
    likelihood = np.exp(warm)
    return float(tenths * (likelihood[:, 9] * ATTENTION[9]).sum() / (likelihood * ATTENTION).sum())
