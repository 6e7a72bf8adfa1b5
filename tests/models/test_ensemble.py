"""The ensemble: weights on validation, shares that add up, experts that cannot serve."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from penchant.data.ragged import Ragged
from penchant.data.views import Views
from penchant.errors import ModelError, OptionError
from penchant.fusion.placement import ranks
from penchant.models.base import ModelState, Placing, TrainingData, Validation
from penchant.models.ensemble import MOST_NEW, Ensemble, EnsembleOptions
from penchant.models.registry import MODELS, create, entry
from penchant.testing.models import checkerboard
from penchant.training import TrainingLog, fit

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


def test_shares_of_experts_and_of_views_sum_to_the_score(fitted: Ensemble, board: TrainingData) -> None:
    scores = fitted.score(board.sequences)
    np.testing.assert_allclose(sum(fitted.shares(board.sequences).values()), scores, atol=1e-4)
    views = fitted.contributions(board.sequences)
    assert set(views) == {"behaviour", "text"}
    np.testing.assert_allclose(sum(views.values()), scores, atol=1e-4)


def test_state_round_trip(fitted: Ensemble, board: TrainingData) -> None:
    again = create("lite", options)
    state = fitted.state()
    again.load_state(ModelState(dict(state.tensors), dict(state.facts)))
    np.testing.assert_allclose(again.score(board.sequences), fitted.score(board.sequences), atol=1e-5)


def test_without_validation_the_chosen_weights_are_taken(board: TrainingData) -> None:
    model = create("lite", options)
    weights = {"cooccurrence": 1.0, "ease": 0.5, "content": 0.0, "popularity": 0.25}
    log = fit(model, replace(board, validation=None), chosen=TrainingLog(weights=weights))
    assert log.weights == weights
    with pytest.raises(ModelError, match="held-out targets"):
        fit(create("lite", options), replace(board, validation=None))


def test_experts_that_cannot_serve_are_left_out_with_the_reason(board: TrainingData) -> None:
    model = create("lite", lambda name: EnsembleOptions(EXPERTS, max_items_ease=3) if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, replace(board, views=Views()))
    assert set(model.experts) == {"cooccurrence", "popularity"}
    assert "dense matrix" in model.left_out["ease"] and "no item has text" in model.left_out["content"]


def test_user_knn_is_left_out_where_users_are_many(board: TrainingData) -> None:
    few = EnsembleOptions(("cooccurrence", "user_knn"), max_users_user_knn=3)
    model = create("lite", lambda name: few if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, board)
    assert set(model.experts) == {"cooccurrence"} and "24 users" in model.left_out["user_knn"]


def test_refusals() -> None:
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


def test_an_item_without_events_has_the_rank_that_its_number_warrants(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    assert model.mapping is not None and data.n_items - 1 in model.mapping.new
    new = model.mapping.new
    scores = model.score(data.sequences)
    seen = data.sequences.history_items
    scores[seen.rows, seen.values] = -np.inf
    stands = (scores > scores[:, new].max(axis=1, keepdims=True)).sum(axis=1) + 1
    assert set(stands) == {ranks(len(new) / data.n_items, 1)[0]}


def test_a_catalogue_that_was_mostly_never_touched_is_not_new(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    assert model.mapping is not None
    few = copy(model)
    few.mapping = replace(model.mapping, new=np.arange(2, 20, dtype=np.int32), parts=np.zeros((1, 18, 24), np.float32))
    histories = data.sequences.keep(data.sequences.items < 2)
    best = np.argsort(-few.score(histories), axis=1)[:, :7]  # eight other items are there
    places = ranks(MOST_NEW, 18)
    assert (((best >= 2) & (best < 20)).sum(axis=1) == (places <= 7).sum()).all()
    few.options = replace(model.options, new_share=5.0)
    best = np.argsort(-few.score(histories), axis=1)[:, :7]
    assert ((best >= 2) & (best < 20)).all()


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


def test_new_items_stand_there_when_the_recipe_is_learned_again_too(
    with_new: tuple[Ensemble, TrainingData],
) -> None:
    model, data = with_new
    log = fit(create("lite", options), data)
    again = create("lite", options)
    assert isinstance(again, Ensemble)
    fit(again, replace(data, validation=None), chosen=TrainingLog.from_dict(log.to_dict()))
    np.testing.assert_allclose(again.score(data.sequences), model.score(data.sequences), atol=1e-5)


def test_an_ensemble_blind_to_content_foretells_nothing(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, _ = with_new
    assert model.without({"text"}).mapping is None and model.mapping is not None


def test_what_a_rank_adds_is_shared_by_those_who_say_something(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    assert model.mapping is not None
    made = copy(model)
    text = np.random.default_rng(0).normal(size=model.mapping.parts[0].shape).astype(np.float32)
    made.mapping = replace(model.mapping, views=("text", "image"), parts=np.stack([text, np.zeros_like(text)]))
    made.weights = {"cooccurrence": 0.5, "ease": 0.0, "content": 0.5, "popularity": 0.0}
    scores, new = made.score(data.sequences), made.mapping.new
    views, experts = made.contributions(data.sequences), made.shares(data.sequences)
    assert not views["image"][:, new].any(), "new items have no picture"
    np.testing.assert_allclose(views["text"][:, new], scores[:, new], atol=1e-5)
    assert not experts["ease"].any() and not experts["popularity"].any(), "a weight of 0 is no say"
    np.testing.assert_allclose(experts["cooccurrence"] + experts["content"], scores, atol=1e-4)


def test_preference_is_what_is_foretold_and_leaves_known_items(with_new: tuple[Ensemble, TrainingData]) -> None:
    model, data = with_new
    assert model.mapping is not None and isinstance(model, Placing)
    new, scores, liking = model.mapping.new, model.score(data.sequences), model.preference(data.sequences)
    known = np.setdiff1d(np.arange(data.n_items), new)
    assert (liking[:, known] == scores[:, known]).all()
    np.testing.assert_allclose(liking[:, new], model.mapping.foretell(scores), atol=1e-6)
    assert (np.argsort(-liking[:, new], kind="stable") == np.argsort(-scores[:, new], kind="stable")).all()


@pytest.mark.parametrize(("views", "mapped"), [((), True), (("text", "image"), True), (("behaviour",), False)])
def test_new_items_are_likened_by_the_views_that_are_wanted(
    views: tuple[str, ...], mapped: bool, with_new: tuple[Ensemble, TrainingData]
) -> None:
    _, data = with_new
    chosen = EnsembleOptions(experts=("popularity",), new_views=views)
    model = create("lite", lambda name: chosen if name == "lite" else options(name))
    assert isinstance(model, Ensemble)
    fit(model, data)
    assert (model.mapping is not None) == mapped


def test_views_that_are_not_there_are_refused(board: TrainingData) -> None:
    wrong = EnsembleOptions(EXPERTS, new_views=("picture",))
    model = create("lite", lambda name: wrong if name == "lite" else options(name))
    with pytest.raises(ModelError, match=r"None of new_views \(picture\) is there"):
        fit(model, board)
