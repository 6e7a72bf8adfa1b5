"""The contract of models as one call: `check_model(factory)` in ten lines of test."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from penchant.arrays import Float32s
from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import ClosedForm, Model

Factory = Callable[[], Model]
Fit = Callable[[Any, TrainingData], object]


def fit_closed_form(model: Any, data: TrainingData) -> None:
    """Train a model by its method `fit`; for a trainable model, pass `penchant.training.fit`."""
    assert isinstance(model, ClosedForm), f"{type(model).__name__} has no fit: give check_model(fit=…)"
    model.fit(data)


SIDE = 24
UNSEEN = 2
"""Items without events, at the end of the catalogue."""


@dataclass(frozen=True)
class Checkerboard:
    """User u has an event with every item of u's colour (even or odd) except item u, which is the only right answer."""

    data: TrainingData
    side: int = SIDE


def build_checkerboard(seed: int = 0, side: int = SIDE) -> Checkerboard:
    """A board of `side` users and items in random order, with a text modality that shows the colour, seeded."""
    rng = np.random.default_rng(seed)
    rows = [rng.permutation([i for i in range(u % 2, side, 2) if i != u]).tolist() for u in range(side)]
    sequences = SequenceBatch.of_items(rows)
    start_s = 1_700_000_000
    sequences = replace(
        sequences,
        times_s=sequences.times_s * 3600 + start_s,
        values=(sequences.items % 5 + 1).astype(np.float32),
        users=np.arange(side, dtype=np.int32),
    )
    colours = np.arange(side + UNSEEN) % 2
    vectors = np.eye(2, dtype=np.float32)[colours]
    vectors = np.hstack([vectors, 0.05 * rng.standard_normal((side + UNSEEN, 6), dtype=np.float32)])
    text = Modality(vectors.astype(np.float32), np.ones(side + UNSEEN, dtype=bool), "colours")
    now_s = int(sequences.times_s.max())
    return Checkerboard(
        TrainingData(sequences, side + UNSEEN, ["view", "hide"], now_s, Modalities({"text": text})), side
    )


def check_model(
    factory: Factory,
    *,
    fit: Fit = fit_closed_form,
    personal: bool = True,
    uses_content: bool = False,
    tolerance: float = 1e-4,
) -> None:
    """Run the complete contract; `factory` returns a new, unfitted model and `fit` trains it.

    `personal=False` leaves out the known answer (for models with the same list for all users);
    `uses_content=True` says that modalities rank items without events.
    """
    board = build_checkerboard()
    check_unfitted(factory())
    model = factory()
    fit(model, board.data)
    histories = board.data.sequences
    scores = model.score(histories)
    check_shape(scores, len(histories), board.data.n_items)
    check_batches(model, histories, scores, tolerance)
    check_empty_history(model, histories, board.data.n_items)
    check_foreign_events(model, board.data.n_items)
    check_determinism(factory, fit, board.data, scores)
    check_round_trip(model, factory, histories, scores)
    if not uses_content:
        check_unseen_items(scores, histories)
    if personal:
        check_known_answer(scores, histories)


def check_unfitted(model: Model) -> None:
    """Before `fit`, `score` and `state` raise `ModelError`."""
    assert isinstance(model, Model), f"{type(model).__name__} lacks a method of the protocol"
    assert model.name and model.name == model.name.lower(), f"name={model.name!r} must be lower case"
    for call in (model.state, lambda: model.score(SequenceBatch.of_items([[0]]))):
        try:
            call()
        except ModelError:
            continue
        raise AssertionError(f"{model.name}: an unfitted model must raise ModelError")


def check_shape(scores: Float32s, n_rows: int, n_items: int) -> None:
    """Scores are float32 `[B, N]` and finite."""
    assert scores.shape == (n_rows, n_items), scores.shape
    assert scores.dtype == np.float32, scores.dtype
    assert np.isfinite(scores).all(), "scores must be finite"


def check_batches(model: Model, histories: SequenceBatch, scores: Float32s, tolerance: float) -> None:
    """One history is a batch of one, and the order of the batch does not matter; the input is not altered."""
    before = histories.items.copy()
    for row in (0, len(histories) - 1):
        _close(model.score(histories.take([row]))[0], scores[row], tolerance, "a batch of one")
    backwards = np.arange(len(histories))[::-1]
    _close(model.score(histories.take(backwards))[::-1], scores, tolerance, "another order of the batch")
    assert (histories.items == before).all(), "score must not alter its input"
    assert model.score(histories.take([])).shape == (0, scores.shape[1]), "a batch of none"


def check_empty_history(model: Model, histories: SequenceBatch, n_items: int) -> None:
    """An empty history, alone or between others, has a row of finite scores."""
    empty = histories.keep(np.zeros(histories.n_events, dtype=bool)).take([0, 1])
    check_shape(model.score(empty), 2, n_items)
    mixed = histories.keep(histories.rows != 1)
    check_shape(model.score(mixed), len(histories), n_items)
    requests = mixed.at(np.full(len(mixed), int(histories.times_s.max()) + 3600, dtype=np.int64))
    check_shape(model.score(requests), len(histories), n_items)


def check_foreign_events(model: Model, n_items: int) -> None:
    """Events without an item, of an unseen kind, or with a user who is not known, raise no error."""
    events = SequenceBatch.of_items([[-1, 0, -1], [-1]], times_s=[[5, 6, 7], [8]])
    check_shape(model.score(events), 2, n_items)
    check_shape(model.score(replace(events, kinds=np.full(4, 9, dtype=np.int16))), 2, n_items)


def check_determinism(factory: Factory, fit: Fit, data: TrainingData, scores: Float32s) -> None:
    """The same seed gives the same bytes."""
    again = factory()
    fit(again, data)
    assert again.score(data.sequences).tobytes() == scores.tobytes(), "two fits with one seed must agree"


def check_round_trip(model: Model, factory: Factory, histories: SequenceBatch, scores: Float32s) -> None:
    """`load_state(state())` in a new model gives the same scores; the state is arrays and JSON."""
    state = model.state()
    for key, tensor in state.tensors.items():
        assert isinstance(tensor, np.ndarray) and tensor.dtype != object, f"{key} must be a plain array"
    copied = {key: np.ascontiguousarray(tensor).copy() for key, tensor in state.tensors.items()}
    metadata = json.loads(json.dumps(dict(state.metadata)))
    other = factory()
    other.load_state(replace(state, tensors=copied, metadata=metadata))
    assert other.score(histories).tobytes() == scores.tobytes(), "a model must come back from its state"


def check_unseen_items(scores: Float32s, histories: SequenceBatch) -> None:
    """An item without events is not above any item of the colour of the history."""
    side = scores.shape[1] - UNSEEN
    best_unseen = scores[:, side:].max(axis=1)
    assert (best_unseen <= scores[:, :side].max(axis=1)).all(), "items without events must not come first"


def check_known_answer(scores: Float32s, histories: SequenceBatch) -> None:
    """On the checkerboard the withheld diagonal is the answer, seen items left out."""
    side = len(histories)
    hidden = scores[:, :side].copy()
    hidden[histories.rows, histories.items] = -np.inf
    answers = hidden.argmax(axis=1)
    wrong = np.flatnonzero(answers != np.arange(side))
    assert not len(wrong), f"user {wrong[0]} must get item {wrong[0]}, got {answers[wrong[0]]}"


def check_negative_kinds(factory: Factory, *, fit: Fit = fit_closed_form, kind: int = 1) -> None:
    """For models that weigh kinds by name: a hidden item counts as if it had not been in the history."""
    board = build_checkerboard()
    model = factory()
    fit(model, board.data)
    histories = board.data.sequences.take([0])
    hidden = replace(histories, kinds=np.where(np.arange(histories.n_events) % 2, kind, 0).astype(np.int16))
    without = histories.keep(np.arange(histories.n_events) % 2 == 0)
    _close(model.score(hidden), model.score(without), 1e-6, "a negative event")


def _close(left: Float32s, right: Float32s, tolerance: float, what: str) -> None:
    np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance, err_msg=f"{what} changes the scores")
