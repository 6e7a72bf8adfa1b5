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
from penchant.models.base import ModelState, Placing, heard
from penchant.models.ensemble.cold_start import STAGES
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.registry import MODELS, create, entry
from penchant.testing.models import checkerboard
from penchant.training import fit
from penchant.training.continuing import continue_fit

EXPERTS = ("cooccurrence", "ease", "content", "popularity")


def options(name: str) -> object:
    return EnsembleOptions(experts=EXPERTS) if name == "lite" else entry(name).default_options()


@pytest.fixture(scope="module")
def board() -> TrainingData:
    made = checkerboard()
    histories = made.data.sequences
    held = Validation(histories, Ragged.of([[u] for u in range(made.side)]), histories.history_items.unique())
    return replace(made.data, validation=held)


@pytest.fixture(scope="module")
def fitted(board: TrainingData) -> Ensemble:
    model = create("lite", options)
    assert isinstance(model, Ensemble)
    fit(model, board)
    return model


def test_the_withheld_item_is_found(fitted: Ensemble, board: TrainingData) -> None:
    scores = fitted.score(board.sequences)
    seen = board.sequences.history_items
    scores[seen.rows, seen.values] = -np.inf
    assert (scores.argmax(axis=1) == np.arange(len(scores))).mean() > 0.9


def test_shares_of_experts_and_of_modalities_sum_to_the_score(fitted: Ensemble, board: TrainingData) -> None:
    scores = fitted.score(board.sequences)
    np.testing.assert_allclose(sum(fitted.shares(board.sequences).values()), scores, atol=1e-4)
    modalities = fitted.contributions(board.sequences)
    assert set(modalities) == {"behaviour", "text"}
    np.testing.assert_allclose(sum(modalities.values()), scores, atol=1e-4)


def test_state_round_trip(fitted: Ensemble, board: TrainingData) -> None:
    again = create("lite", options)
    state = fitted.state()
    again.load_state(ModelState(dict(state.tensors), dict(state.facts)))
    np.testing.assert_allclose(again.score(board.sequences), fitted.score(board.sequences), atol=1e-5)


def test_without_validation_the_chosen_weights_are_taken(board: TrainingData) -> None:
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


def test_refusals() -> None:
    for cost in (-0.1, 1.0, float("nan")):
        with pytest.raises(UsageError, match=f"max_known_loss={cost} is out of range"):
            EnsembleOptions(max_known_loss=cost)
    with pytest.raises(OptionError):
        EnsembleOptions(experts=())
    model = create("lite", options)
    with pytest.raises(ModelError, match="no weights"):
        assert isinstance(model, Ensemble)
        model._weight_vector()


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_registry_can_be_made(name: str) -> None:
    assert create(name, lambda n: entry(n).default_options()).name == name


@pytest.fixture(scope="module")
def with_new(board: TrainingData) -> tuple[Ensemble, TrainingData]:
    """The board without any event on its last item."""
    hidden = board.n_items - 1
    validation = board.validation
    assert validation is not None
    sequences = board.sequences.keep(board.sequences.items != hidden)
    held = Validation(sequences, validation.targets, sequences.history_items.unique())
    data = replace(board, sequences=sequences, validation=held)
    model = create("lite", options)
    assert isinstance(model, Ensemble)
    fit(model, data)
    return model, data


def rank_of_best_new(model: Ensemble, data: TrainingData) -> np.ndarray:
    assert model.foretelling is not None
    new = model.foretelling.mapping.new
    scores = model.score(data.sequences)
    seen = data.sequences.history_items
    scores[seen.rows, seen.values] = -np.inf
    known = np.delete(scores, new, axis=1)
    return (known > scores[:, new].max(axis=1, keepdims=True)).sum(axis=1) + 1


def test_what_new_items_cost_decides_how_high_they_stand(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    assert model.foretelling is not None and data.n_items - 1 in model.foretelling.mapping.new
    stands = {}
    for cost in (0.0, 0.01, 0.2, 0.9):
        moved = copy(model)
        moved.options = replace(model.options, max_known_loss=cost)
        moved.price(data.sequences)
        stands[cost] = rank_of_best_new(moved, data)
    assert (stands[0.0] > 10).all(), "nothing in the first ten"
    means = [(1 / np.log2(1.0 + ranks)).mean() for ranks in stands.values()]
    assert means == sorted(means) and means[0] < means[2] < means[3]


def test_few_new_items_cost_less(with_new: tuple[Ensemble, TrainingData], monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = with_new
    share, found = float(model._new.mean()), []
    for cost, full in ((0.1, 4 * share), (0.05, share), (0.05, share / 9), (0.1, share)):
        monkeypatch.setattr("penchant.models.ensemble.ensemble.TENTH", full)
        moved = copy(model)
        moved.options = replace(model.options, max_known_loss=cost)
        moved.price(data.sequences)
        assert moved.foretelling is not None
        found.append(moved.foretelling.prices)
    assert found[0] == found[1] == found[2] != found[3]


def test_known_items_lose_no_more_than_is_said(
    with_new: tuple[Ensemble, TrainingData], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = with_new
    monkeypatch.setattr("penchant.models.ensemble.ensemble.STAGES", tuple(np.unique(data.sequences.lengths).tolist()))
    assert model.foretelling is not None
    seen, new = data.sequences.history_items, model.foretelling.mapping.new
    moved = copy(model)
    moved.options = replace(model.options, max_known_loss=0.1)
    moved.price(data.sequences)
    scores = moved.score(data.sequences)
    scores[seen.rows, seen.values] = -np.inf
    alone = np.delete(scores, new, axis=1)
    chance = np.exp(alone.astype(float) * moved.foretelling.sharpness) if moved.foretelling else alone
    chance /= chance.sum(axis=1, keepdims=True)

    def attention(ranks: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(ranks < 10, 1 / np.log2(2.0 + ranks), 0.0))

    before = np.argsort(np.argsort(-alone, axis=1), axis=1)
    above = (scores[:, new][:, None, :] > alone[:, :, None]).sum(axis=2)
    lost = 1 - (chance * attention(before + above)).sum() / (chance * attention(before)).sum()
    assert 0 < lost <= 0.1 + 1e-3


def test_at_every_stage_of_a_history_new_items_have_their_price(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    assert model.foretelling is not None
    lengths = data.sequences.lengths
    stages = tuple(stage for stage in STAGES if stage <= lengths.max())
    assert model.foretelling.stages == stages and len(model.foretelling.prices) == len(stages) > 1
    moved = copy(model)
    moved.price(data.sequences.take([], last=1))
    assert moved.foretelling == model.foretelling, "nobody to ask"
    moved.foretelling = replace(model.foretelling, stages=(1, int(lengths.max())), prices=(60.0, -60.0))
    short, whole = data.sequences.take(np.arange(len(data.sequences)), last=1), data.sequences
    new, longest = model.foretelling.mapping.new, lengths == lengths.max()
    first, last = moved.score(short), moved.score(whole)[longest]
    assert (first[:, new].min(axis=1) > np.delete(first, new, axis=1).max(axis=1)).all()
    assert (last[:, new].max(axis=1) < np.delete(last, new, axis=1).min(axis=1)).all()


def test_who_has_taken_every_known_item_sets_no_price(with_new: tuple[Ensemble, TrainingData]) -> None:
    """They have nothing to lose, so that any price would do: others would have new items alone."""
    model, data = with_new
    known = np.flatnonzero(~model._new).tolist()
    rows = [row[:5] for row in rows_of(data)]
    moved = copy(model)
    moved.price(SequenceBatch.of_items(rows))
    assert moved.foretelling is not None and moved.foretelling.stages == (1, 4)
    prices = moved.foretelling.prices
    moved.price(SequenceBatch.of_items([*rows, known]))
    assert moved.foretelling.stages == (1, 4) and moved.foretelling.prices == prices and max(prices) < 10
    moved.price(SequenceBatch.of_items([*rows, known[:-1]]))
    assert moved.foretelling.stages == (1, 4), "one person is too few for a stage of their own"
    moved.price(SequenceBatch.of_items([known[:-1]]))
    assert moved.foretelling.stages == (1,), "the first has a price however few there are"


def test_where_the_experts_with_a_weight_are_left_out_the_others_count_alike(
    with_new: tuple[Ensemble, TrainingData],
) -> None:
    data = replace(with_new[1], validation=None)
    chosen = TrainingRecord(weights={"cooccurrence": 1e-9, "ease": 1.5, "popularity": 0.0}, inverse_temperature=2.0)
    few = EnsembleOptions(("cooccurrence", "ease", "popularity"))
    model = create("lite", lambda name: few if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, data, chosen=chosen)
    assert model.left_out == {} and model.weights == chosen.weights
    model.options = replace(few, max_items_ease=3)
    continue_fit(model, data, np.ones(24, dtype=bool), np.ones(26, dtype=bool))
    assert model.weights == pytest.approx({"cooccurrence": 0.75, "popularity": 0.75}) and model.foretelling is not None
    assert model.foretelling.weights == pytest.approx({"cooccurrence": 1.5, "popularity": 1.5})
    told = "does not fit. The others had no weight: they count alike until they are weighed anew."
    assert model.left_out["ease"].endswith(told)
    assert (model.score(data.sequences).std(axis=1) > 0.1).all()
    fresh = create("lite", lambda name: model.options if name == "lite" else options(name))
    fit(fresh, data, chosen=chosen)
    assert isinstance(fresh, Ensemble) and fresh.weights == model.weights and fresh.left_out == model.left_out
    assert fresh.foretelling is not None and fresh.foretelling.weights == model.foretelling.weights


def test_shares_sum_to_the_score_with_new_items_too(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    scores = model.score(data.sequences)
    np.testing.assert_allclose(sum(model.shares(data.sequences).values()), scores, atol=1e-4)
    np.testing.assert_allclose(sum(model.contributions(data.sequences).values()), scores, atol=1e-4)
    assert set(model.contributions(data.sequences)) == {"behaviour", "text"}
    assert (model.contributions(data.sequences)["behaviour"][:, -1] == 0).all(), "nobody has touched it"


def test_new_items_are_remembered(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    again = create("lite", options)
    state = model.state()
    again.load_state(ModelState(dict(state.tensors), dict(state.facts)))
    np.testing.assert_allclose(again.score(data.sequences), model.score(data.sequences), atol=1e-5)
    assert isinstance(again, Ensemble) and again.foretelling is not None and model.foretelling is not None
    assert again.foretelling.facts() == model.foretelling.facts()


def test_new_items_stand_there_when_the_recipe_is_learned_again_too(
    with_new: tuple[Ensemble, TrainingData],
) -> None:
    model, data = with_new
    log = fit(create("lite", options), data)
    again = create("lite", options)
    assert isinstance(again, Ensemble) and model.foretelling is not None and log.new_weights
    fit(again, replace(data, validation=None), chosen=TrainingRecord.from_dict(log.to_dict()))
    assert again.foretelling is not None and again.foretelling.facts()["weights"] == log.new_weights
    np.testing.assert_allclose(again.score(data.sequences), model.score(data.sequences), atol=1e-5)


def test_items_that_come_later_stand_by_what_was_learned_before_there_were_any(
    board: TrainingData, with_new: tuple[Ensemble, TrainingData]
) -> None:
    model = create("lite", options)
    assert isinstance(model, Ensemble) and board.validation is not None
    last = board.n_items - 1
    full = replace(board, sequences=SequenceBatch.of_items([[*row, last - 1, last] for row in rows_of(board)]))
    held = replace(board.validation, histories=full.sequences, seen=full.sequences.history_items.unique())
    fit(model, replace(full, validation=held))
    assert model.foretelling is not None and not model.foretelling.places
    weights = dict(model.foretelling.weights)
    later = with_new[1]
    continue_fit(model, replace(later, validation=None), np.ones(24, dtype=bool), np.ones(26, dtype=bool))
    assert model.foretelling.places and model.foretelling.weights == weights
    scores = model.score(later.sequences)
    assert np.isfinite(scores).all() and (scores[:, last] != model._sum(model._parts(later.sequences))[:, last]).all()


def rows_of(board: TrainingData) -> list[list[int]]:
    items = board.sequences.history_items
    return [items.values[items.rows == row].tolist() for row in range(len(board.sequences))]


def test_an_ensemble_blind_to_content_foretells_nothing(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, _ = with_new
    assert model.without({"text"}).foretelling is None and model.foretelling is not None


def test_what_a_place_adds_is_shared_by_those_who_say_something(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    assert model.foretelling is not None
    made, mapping = copy(model), model.foretelling.mapping
    text, known = np.random.default_rng(0).normal(size=mapping.parts[0].shape).astype(np.float32), mapping.rehearsal[0]
    mapping = replace(
        mapping,
        modalities=("text", "image"),
        parts=np.stack([text, np.zeros_like(text)]),
        rehearsal=np.stack([known, np.zeros_like(known)]),
    )
    weights = {"cooccurrence": 0.5, "ease": 0.0, "content": 0.5, "popularity": 0.0}
    made.foretelling = replace(model.foretelling, mapping=mapping, weights=weights)
    made.weights = weights
    scores, new = made.score(data.sequences), mapping.new
    modalities, experts = made.contributions(data.sequences), made.shares(data.sequences)
    assert not modalities["image"][:, new].any(), "new items have no picture"
    np.testing.assert_allclose(modalities["text"][:, new], scores[:, new], atol=1e-5)
    assert not experts["ease"].any() and not experts["popularity"].any(), "a weight of 0 is no say"
    np.testing.assert_allclose(experts["cooccurrence"] + experts["content"], scores, atol=1e-4)


def test_preference_is_what_is_foretold_and_leaves_known_items(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    told = model.foretelling
    assert told is not None and isinstance(model, Placing)
    new, scores, liking = told.mapping.new, model.score(data.sequences), model.preference(data.sequences)
    known = np.setdiff1d(np.arange(data.n_items), new)
    assert (liking[:, known] == scores[:, known]).all()
    parts = {name: share / np.float32(model.weights[name]) for name, share in model.shares(data.sequences).items()}
    np.testing.assert_allclose(liking[:, new] * told.sharpness, told.mapping.foretell(told.told(parts)), atol=1e-3)
    assert (np.argsort(-liking[:, new], kind="stable") == np.argsort(-scores[:, new], kind="stable")).all()


@pytest.mark.parametrize(("modalities", "mapped"), [((), True), (("text", "image"), True), (("behaviour",), False)])
def test_new_items_are_likened_by_the_modalities_that_are_wanted(
    modalities: tuple[str, ...], mapped: bool, with_new: tuple[Ensemble, TrainingData]
) -> None:
    _, data = with_new
    chosen = EnsembleOptions(experts=("popularity",), new_modalities=modalities)
    model = create("lite", lambda name: chosen if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, data)
    assert (model.foretelling is not None) == mapped


def test_modalities_that_are_not_there_are_refused(board: TrainingData) -> None:
    wrong = EnsembleOptions(EXPERTS, new_modalities=("picture",))
    model = create("lite", lambda name: wrong if name == "lite" else options(name))
    with pytest.raises(ModelError, match=r"None of new_modalities \(picture\) is there"):
        fit(model, board)


def test_interest_vectors_are_those_of_an_expert_with_a_say() -> None:
    for weights, order in (
        ({"transformer": 0.6, "ease": 0.4, "content": 0.0}, ["transformer", "ease", "content"]),
        ({"transformer": 1e-9, "ease": 0.4, "content": 0.6}, ["ease", "content", "transformer"]),
        ({}, ["transformer", "ease", "content"]),
    ):
        experts = {name: create(name, options) for name in ("transformer", "ease", "content")}
        model = Ensemble(EnsembleOptions(), experts)
        model.weights = weights
        assert heard(model) == [experts[name] for name in order]
    assert heard(create("popularity", options)) == []
