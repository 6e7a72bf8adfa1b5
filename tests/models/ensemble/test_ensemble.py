"""The ensemble: weights on validation, shares that add up, experts that cannot serve."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from penchant.data.modalities import Modalities
from penchant.data.ragged import Ragged
from penchant.data.results.records import TrainingRecord
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData, Validation
from penchant.errors import ModelError, OptionError, UsageError
from penchant.models.base import ModelState, Placing, list_experts
from penchant.models.ensemble.cold_start import HISTORY_LENGTHS
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.registry import MODELS, create, entry
from penchant.testing.models import build_checkerboard
from penchant.training import fit
from penchant.training.continuing import continue_fit

EXPERTS = ("cooccurrence", "ease", "content", "popularity")


def options(name: str) -> object:
    return EnsembleOptions(experts=EXPERTS) if name == "lite" else entry(name).default_options()


@pytest.fixture(scope="module")
def board() -> TrainingData:
    changed = build_checkerboard()
    histories = changed.data.sequences
    validation_set = Validation(
        histories, Ragged.of([[u] for u in range(changed.side)]), histories.history_items.unique()
    )
    return replace(changed.data, validation=validation_set)


@pytest.fixture(scope="module")
def fitted(board: TrainingData) -> Ensemble:
    model = create("lite", options)
    assert isinstance(model, Ensemble)
    fit(model, board)
    return model


def test_the_withheld_item_ranks_first(fitted: Ensemble, board: TrainingData) -> None:
    scores = fitted.score(board.sequences)
    seen = board.sequences.history_items
    scores[seen.rows, seen.values] = -np.inf
    assert (scores.argmax(axis=1) == np.arange(len(scores))).mean() > 0.9


def test_parts_of_experts_and_of_modalities_sum_to_the_score(fitted: Ensemble, board: TrainingData) -> None:
    scores = fitted.score(board.sequences)
    np.testing.assert_allclose(sum(fitted.split_by_expert(board.sequences).values()), scores, atol=1e-4)
    modalities = fitted.contributions(board.sequences)
    assert set(modalities) == {"behaviour", "text"}
    np.testing.assert_allclose(sum(modalities.values()), scores, atol=1e-4)


def test_state_round_trip(fitted: Ensemble, board: TrainingData) -> None:
    again = create("lite", options)
    state = fitted.state()
    again.load_state(ModelState(dict(state.tensors), dict(state.metadata)))
    np.testing.assert_allclose(again.score(board.sequences), fitted.score(board.sequences), atol=1e-5)


def test_without_validation_the_weights_of_the_record_are_set(board: TrainingData) -> None:
    model = create("lite", options)
    weights = {"cooccurrence": 1.0, "ease": 0.5, "content": 0.0, "popularity": 0.25}
    log = fit(model, replace(board, validation=None), chosen=TrainingRecord(weights=weights))
    assert log.weights == weights
    with pytest.raises(ModelError, match="held-out targets"):
        fit(create("lite", options), replace(board, validation=None))


def test_experts_that_cannot_serve_are_left_out_with_the_reason(board: TrainingData) -> None:
    model = create("lite", lambda name: EnsembleOptions(EXPERTS, max_items_ease=3) if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, replace(board, modalities=Modalities()))
    assert set(model.experts) == {"cooccurrence", "popularity"}
    assert "dense matrix" in model.left_out["ease"] and "no item has text" in model.left_out["content"]


def test_user_knn_is_left_out_where_users_are_many(board: TrainingData) -> None:
    few = EnsembleOptions(("cooccurrence", "user_knn"), max_users_user_knn=3)
    model = create("lite", lambda name: few if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, board)
    assert set(model.experts) == {"cooccurrence"} and "24 users" in model.left_out["user_knn"]


def test_invalid_options_and_missing_weights_are_errors() -> None:
    for max_loss in (-0.1, 1.0, float("nan")):
        with pytest.raises(UsageError, match=f"max_known_loss={max_loss} is out of range"):
            EnsembleOptions(max_known_loss=max_loss)
    with pytest.raises(OptionError):
        EnsembleOptions(experts=())
    model = create("lite", options)
    with pytest.raises(ModelError, match="no weights"):
        assert isinstance(model, Ensemble)
        model.score(SequenceBatch.of_items([[0]]))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_registry_can_be_created(name: str) -> None:
    assert create(name, lambda n: entry(n).default_options()).name == name


@pytest.fixture(scope="module")
def with_cold(board: TrainingData) -> tuple[Ensemble, TrainingData]:
    """The board without any event on its last item."""
    hidden = board.n_items - 1
    validation = board.validation
    assert validation is not None
    sequences = board.sequences.keep(board.sequences.items != hidden)
    validation_set = Validation(sequences, validation.targets, sequences.history_items.unique())
    data = replace(board, sequences=sequences, validation=validation_set)
    model = create("lite", options)
    assert isinstance(model, Ensemble)
    fit(model, data)
    return model, data


def rank_of_best_cold(model: Ensemble, data: TrainingData) -> np.ndarray:
    assert model.cold_start is not None
    cold = model.cold_start.mapping.cold
    scores = model.score(data.sequences)
    seen = data.sequences.history_items
    scores[seen.rows, seen.values] = -np.inf
    warm = np.delete(scores, cold, axis=1)
    return (warm > scores[:, cold].max(axis=1, keepdims=True)).sum(axis=1) + 1


def test_max_known_loss_decides_how_high_cold_items_rank(with_cold: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_cold
    assert model.cold_start is not None and data.n_items - 1 in model.cold_start.mapping.cold
    ranks_at = {}
    for max_loss in (0.0, 0.01, 0.2, 0.9):
        moved = copy(model)
        moved.options = replace(model.options, max_known_loss=max_loss)
        moved.fit_thresholds(data.sequences)
        ranks_at[max_loss] = rank_of_best_cold(moved, data)
    assert (ranks_at[0.0] > 10).all(), "no cold item in the first ten"
    means = [(1 / np.log2(1.0 + ranks)).mean() for ranks in ranks_at.values()]
    assert means == sorted(means) and means[0] < means[2] < means[3]


def test_few_cold_items_may_cost_less(
    with_cold: tuple[Ensemble, TrainingData], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = with_cold
    share, results = float(model._is_cold.mean()), []
    for max_loss, full in ((0.1, 4 * share), (0.05, share), (0.05, share / 9), (0.1, share)):
        monkeypatch.setattr("penchant.models.ensemble.ensemble.FULL_LOSS_SHARE", full)
        moved = copy(model)
        moved.options = replace(model.options, max_known_loss=max_loss)
        moved.fit_thresholds(data.sequences)
        assert moved.cold_start is not None
        results.append(moved.cold_start.thresholds)
    assert results[0] == results[1] == results[2] != results[3]


def test_warm_items_lose_no_more_than_max_known_loss(
    with_cold: tuple[Ensemble, TrainingData], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = with_cold
    monkeypatch.setattr(
        "penchant.models.ensemble.ensemble.HISTORY_LENGTHS", tuple(np.unique(data.sequences.lengths).tolist())
    )
    assert model.cold_start is not None
    seen, cold = data.sequences.history_items, model.cold_start.mapping.cold
    moved = copy(model)
    moved.options = replace(model.options, max_known_loss=0.1)
    moved.fit_thresholds(data.sequences)
    scores = moved.score(data.sequences)
    scores[seen.rows, seen.values] = -np.inf
    alone = np.delete(scores, cold, axis=1)
    chance = np.exp(alone.astype(float) * moved.cold_start.inverse_temperature) if moved.cold_start else alone
    chance /= chance.sum(axis=1, keepdims=True)

    def attention(ranks: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(ranks < 10, 1 / np.log2(2.0 + ranks), 0.0))

    before = np.argsort(np.argsort(-alone, axis=1), axis=1)
    above = (scores[:, cold][:, None, :] > alone[:, :, None]).sum(axis=2)
    lost = 1 - (chance * attention(before + above)).sum() / (chance * attention(before)).sum()
    assert 0 < lost <= 0.1 + 1e-3


def test_every_history_length_has_a_threshold(with_cold: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_cold
    assert model.cold_start is not None
    lengths = data.sequences.lengths
    buckets = tuple(length for length in HISTORY_LENGTHS if length <= lengths.max())
    assert model.cold_start.history_lengths == buckets and len(model.cold_start.thresholds) == len(buckets) > 1
    moved = copy(model)
    moved.fit_thresholds(data.sequences.take([], last=1))
    assert moved.cold_start == model.cold_start, "no user to fit on"
    moved.cold_start = replace(model.cold_start, history_lengths=(1, int(lengths.max())), thresholds=(60.0, -60.0))
    short, full_histories = data.sequences.take(np.arange(len(data.sequences)), last=1), data.sequences
    cold, longest = model.cold_start.mapping.cold, lengths == lengths.max()
    first, last = moved.score(short), moved.score(full_histories)[longest]
    assert (first[:, cold].min(axis=1) > np.delete(first, cold, axis=1).max(axis=1)).all()
    assert (last[:, cold].max(axis=1) < np.delete(last, cold, axis=1).min(axis=1)).all()


def test_users_who_have_every_warm_item_do_not_change_the_thresholds(with_cold: tuple[Ensemble, TrainingData]) -> None:
    """Their lists cannot lose: any threshold would do for them, and the lists of others would show cold items alone."""
    model, data = with_cold
    warm = np.flatnonzero(~model._is_cold).tolist()
    rows = [row[:5] for row in rows_of(data)]
    moved = copy(model)
    moved.fit_thresholds(SequenceBatch.of_items(rows))
    assert moved.cold_start is not None and moved.cold_start.history_lengths == (1, 4)
    thresholds = moved.cold_start.thresholds
    moved.fit_thresholds(SequenceBatch.of_items([*rows, warm]))
    assert (
        moved.cold_start.history_lengths == (1, 4)
        and moved.cold_start.thresholds == thresholds
        and max(thresholds) < 10
    )
    moved.fit_thresholds(SequenceBatch.of_items([*rows, warm[:-1]]))
    assert moved.cold_start.history_lengths == (1, 4), "one user is too few for a bucket"
    moved.fit_thresholds(SequenceBatch.of_items([warm[:-1]]))
    assert moved.cold_start.history_lengths == (1,), "the first bucket has a threshold for any number of users"


def test_where_the_experts_with_a_weight_are_left_out_the_others_have_equal_weights(
    with_cold: tuple[Ensemble, TrainingData],
) -> None:
    data = replace(with_cold[1], validation=None)
    chosen = TrainingRecord(weights={"cooccurrence": 1e-9, "ease": 1.5, "popularity": 0.0}, inverse_temperature=2.0)
    few = EnsembleOptions(("cooccurrence", "ease", "popularity"))
    model = create("lite", lambda name: few if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, data, chosen=chosen)
    assert model.left_out == {} and model.weights == chosen.weights
    model.options = replace(few, max_items_ease=3)
    continue_fit(model, data, np.ones(24, dtype=bool), np.ones(26, dtype=bool))
    assert model.weights == pytest.approx({"cooccurrence": 0.75, "popularity": 0.75}) and model.cold_start is not None
    assert model.cold_start.weights == pytest.approx({"cooccurrence": 1.5, "popularity": 1.5})
    reason = "does not fit. The other experts had no weight: they have equal weights until the next fit."
    assert model.left_out["ease"].endswith(reason)
    assert (model.score(data.sequences).std(axis=1) > 0.1).all()
    fresh = create("lite", lambda name: model.options if name == "lite" else options(name))
    fit(fresh, data, chosen=chosen)
    assert isinstance(fresh, Ensemble) and fresh.weights == model.weights and fresh.left_out == model.left_out
    assert fresh.cold_start is not None and fresh.cold_start.weights == model.cold_start.weights


def test_parts_sum_to_the_score_with_cold_items_too(with_cold: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_cold
    scores = model.score(data.sequences)
    np.testing.assert_allclose(sum(model.split_by_expert(data.sequences).values()), scores, atol=1e-4)
    np.testing.assert_allclose(sum(model.contributions(data.sequences).values()), scores, atol=1e-4)
    assert set(model.contributions(data.sequences)) == {"behaviour", "text"}
    assert (model.contributions(data.sequences)["behaviour"][:, -1] == 0).all(), "its events are unknown"


def test_the_state_restores_the_scores_of_cold_items(with_cold: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_cold
    again = create("lite", options)
    state = model.state()
    again.load_state(ModelState(dict(state.tensors), dict(state.metadata)))
    np.testing.assert_allclose(again.score(data.sequences), model.score(data.sequences), atol=1e-5)
    assert isinstance(again, Ensemble) and again.cold_start is not None and model.cold_start is not None
    assert again.cold_start.state().metadata == model.cold_start.state().metadata


def test_a_refit_ranks_cold_items_alike(
    with_cold: tuple[Ensemble, TrainingData],
) -> None:
    model, data = with_cold
    log = fit(create("lite", options), data)
    again = create("lite", options)
    assert isinstance(again, Ensemble) and model.cold_start is not None and log.cold_weights
    fit(again, replace(data, validation=None), chosen=TrainingRecord.from_dict(log.to_dict()))
    assert again.cold_start is not None and again.cold_start.weights == log.cold_weights
    np.testing.assert_allclose(again.score(data.sequences), model.score(data.sequences), atol=1e-5)


def test_later_cold_items_are_scored_with_weights_fitted_before_there_were_any(
    board: TrainingData, with_cold: tuple[Ensemble, TrainingData]
) -> None:
    model = create("lite", options)
    assert isinstance(model, Ensemble) and board.validation is not None
    last = board.n_items - 1
    full = replace(board, sequences=SequenceBatch.of_items([[*row, last - 1, last] for row in rows_of(board)]))
    validation_set = replace(board.validation, histories=full.sequences, seen=full.sequences.history_items.unique())
    fit(model, replace(full, validation=validation_set))
    assert model.cold_start is not None and not model.cold_start.has_items
    weights = dict(model.cold_start.weights)
    later = with_cold[1]
    continue_fit(model, replace(later, validation=None), np.ones(24, dtype=bool), np.ones(26, dtype=bool))
    assert model.cold_start.has_items and model.cold_start.weights == weights
    scores = model.score(later.sequences)
    assert (
        np.isfinite(scores).all()
        and (scores[:, last] != model._sum_scores(model._score_active(later.sequences))[:, last]).all()
    )


def rows_of(board: TrainingData) -> list[list[int]]:
    items = board.sequences.history_items
    return [items.values[items.rows == row].tolist() for row in range(len(board.sequences))]


def test_an_ensemble_without_content_has_no_cold_start_scorer(with_cold: tuple[Ensemble, TrainingData]) -> None:
    model, _ = with_cold
    assert model.without({"text"}).cold_start is None and model.cold_start is not None


def test_the_parts_that_predict_something_share_what_the_merge_adds(with_cold: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_cold
    assert model.cold_start is not None
    changed, mapping = copy(model), model.cold_start.mapping
    text, warm = (
        np.random.default_rng(0).normal(size=mapping.parts[0].shape).astype(np.float32),
        mapping.calibration_parts[0],
    )
    mapping = replace(
        mapping,
        modalities=("text", "image"),
        parts=np.stack([text, np.zeros_like(text)]),
        calibration_parts=np.stack([warm, np.zeros_like(warm)]),
    )
    weights = {"cooccurrence": 0.5, "ease": 0.0, "content": 0.5, "popularity": 0.0}
    changed.cold_start = replace(model.cold_start, mapping=mapping, weights=weights)
    changed.weights = weights
    scores, cold = changed.score(data.sequences), mapping.cold
    modalities, experts = changed.contributions(data.sequences), changed.split_by_expert(data.sequences)
    assert not modalities["image"][:, cold].any(), "cold items have no image"
    np.testing.assert_allclose(modalities["text"][:, cold], scores[:, cold], atol=1e-5)
    assert not experts["ease"].any() and not experts["popularity"].any(), "an expert of weight 0 contributes nothing"
    np.testing.assert_allclose(experts["cooccurrence"] + experts["content"], scores, atol=1e-4)


def test_preference_is_the_prediction_of_cold_items_and_the_score_of_warm_ones(
    with_cold: tuple[Ensemble, TrainingData],
) -> None:
    model, data = with_cold
    scorer = model.cold_start
    assert scorer is not None and isinstance(model, Placing)
    cold, scores, preference = scorer.mapping.cold, model.score(data.sequences), model.preference(data.sequences)
    warm = np.setdiff1d(np.arange(data.n_items), cold)
    assert (preference[:, warm] == scores[:, warm]).all()
    parts = {
        name: part / np.float32(model.weights[name]) for name, part in model.split_by_expert(data.sequences).items()
    }
    np.testing.assert_allclose(
        preference[:, cold] * scorer.inverse_temperature, scorer.mapping.predict(scorer.combine(parts)), atol=1e-3
    )
    assert (np.argsort(-preference[:, cold], kind="stable") == np.argsort(-scores[:, cold], kind="stable")).all()


@pytest.mark.parametrize(("modalities", "mapped"), [((), True), (("text", "image"), True), (("behaviour",), False)])
def test_cold_items_are_compared_by_the_chosen_modalities(
    modalities: tuple[str, ...], mapped: bool, with_cold: tuple[Ensemble, TrainingData]
) -> None:
    _, data = with_cold
    chosen = EnsembleOptions(experts=("popularity",), cold_modalities=modalities)
    model = create("lite", lambda name: chosen if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, data)
    assert (model.cold_start is not None) == mapped


def test_missing_cold_modalities_are_an_error(board: TrainingData) -> None:
    wrong = EnsembleOptions(EXPERTS, cold_modalities=("picture",))
    model = create("lite", lambda name: wrong if name == "lite" else options(name))
    with pytest.raises(ModelError, match=r"none of the cold_modalities \(picture\)"):
        fit(model, board)


def test_active_experts_come_first() -> None:
    for weights, order in (
        ({"transformer": 0.6, "ease": 0.4, "content": 0.0}, ["transformer", "ease", "content"]),
        ({"transformer": 1e-9, "ease": 0.4, "content": 0.6}, ["ease", "content", "transformer"]),
        ({}, ["transformer", "ease", "content"]),
    ):
        experts = {name: create(name, options) for name in ("transformer", "ease", "content")}
        model = Ensemble(EnsembleOptions(), experts)
        model.weights = weights
        assert list_experts(model) == [experts[name] for name in order]
    assert list_experts(create("popularity", options)) == []
