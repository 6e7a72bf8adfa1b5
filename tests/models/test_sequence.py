"""The sequence model: causality, batch = single, windows, time, content of events, learning."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from penchant.data.modalities import Modalities, Modality
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData, Validation
from penchant.errors import ModelError, OptionError, UsageError
from penchant.models.base import ModelState
from penchant.models.nn.options import choose_epochs
from penchant.models.nn.tokens import UNKNOWN, bucket_gaps, pad, split_calendar
from penchant.models.nn.windows import draw_batches, draw_windows
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.testing.models import check_model
from penchant.training import fit

SMALL = SequenceOptions(dim=16, epochs=2, max_length=8, batch_tokens=256, dropout=0.1, n_heads=2, layers=1)


def cycles(users: int = 60, length: int = 12, items: int = 10, seed: int = 0) -> SequenceBatch:
    """Everybody walks round the catalogue, each from another start: the next item is known."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, items, users)
    return SequenceBatch.of_items([[(s + n) % items for n in range(length)] for s in starts])


def data(sequences: SequenceBatch, items: int = 10, modalities: Modalities | None = None) -> TrainingData:
    return TrainingData(sequences, items, ["view", "hide"], 100, modalities=modalities or Modalities(), seed=3)


@pytest.fixture(scope="module")
def fitted() -> SequenceModel:
    model = SequenceModel(replace(SMALL, epochs=20, learning_rate=2e-2))
    fit(model, data(cycles()))
    return model


def test_learns_a_cycle(fitted: SequenceModel) -> None:
    scores = fitted.score(SequenceBatch.of_items([[1, 2, 3], [7, 8, 9]]))
    assert scores.argmax(axis=1).tolist() == [4, 0]


@pytest.mark.parametrize("encoder", ["gru", "lstm", "rnn"])
def test_recurrent_encoders_learn_it_too(encoder: str) -> None:
    model = SequenceModel(replace(SMALL, encoder=encoder, epochs=20, learning_rate=2e-2))
    fit(model, data(cycles()))
    assert model.score(SequenceBatch.of_items([[1, 2, 3]])).argmax() == 4


def test_contract() -> None:
    options = replace(SMALL, epochs=30, learning_rate=2e-2, max_length=30, dropout=0.0, time=False)
    check_model(lambda: SequenceModel(options), fit=fit, personal=False, tolerance=1e-3)


def test_a_batch_answers_like_single_requests(fitted: SequenceModel) -> None:
    batch = SequenceBatch.of_items([[1, 2, 3, 4, 5], [6], [], [0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]])
    together = fitted.score(batch)
    apart = np.vstack([fitted.score(batch.take([row])) for row in range(4)])
    np.testing.assert_allclose(together, apart, atol=1e-4)
    assert (together[2] == 0).all()


def test_the_vector_after_an_event_knows_nothing_later(fitted: SequenceModel) -> None:
    history = SequenceBatch.of_items([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7]])
    series = fitted.interests(history)
    for stop in (1, 5, 8, 9, 14):
        alone = fitted.user_vectors(SequenceBatch.of_items([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7][:stop]]))
        np.testing.assert_allclose(series[stop - 1], alone[0], atol=1e-5)


def test_state_round_trip(fitted: SequenceModel) -> None:
    history = SequenceBatch.of_items([[1, 2, 3]])
    again = SequenceModel(fitted.options)
    state = fitted.state()
    again.load_state(ModelState(dict(state.tensors), dict(state.metadata)))
    np.testing.assert_allclose(again.score(history), fitted.score(history), atol=1e-6)


def test_same_seed_same_weights() -> None:
    first, second, other = SequenceModel(SMALL), SequenceModel(SMALL), SequenceModel(SMALL)
    for model in (first, second):
        fit(model, data(cycles()))
    fit(other, replace(data(cycles()), seed=4))
    np.testing.assert_array_equal(first.item_vectors, second.item_vectors)
    assert not np.array_equal(first.item_vectors, other.item_vectors)


@pytest.mark.parametrize("length", [2, 5, 9, 10, 17, 18, 40])
def test_windows_make_every_event_but_the_first_a_target_once(length: int) -> None:
    starts, stops = draw_windows(np.array([0, length]), 9, np.random.default_rng(length))
    targets = np.concatenate([np.arange(a + 1, b) for a, b in zip(starts, stops, strict=True)])
    assert sorted(targets.tolist()) == list(range(1, length))
    assert (stops - starts <= 9).all()


@pytest.mark.parametrize(("n_users", "a_batch", "count"), [(3000, 10, 300), (10, 5, 2), (90_000, 266, 339)])
def test_a_batch_is_a_three_hundredth_of_all_events_within_bounds(n_users: int, a_batch: int, count: int) -> None:
    """Histories of 12: 120 of 36,000 events, 64 at least of 120, 3,200 at most of 1,080,000."""
    result = draw_batches(np.arange(n_users + 1) * 12, 201, 0, np.random.default_rng(0))
    assert len(result) == count and max(len(starts) for starts, _ in result) == a_batch


@pytest.mark.parametrize(("events", "epochs"), [(100, 10), (300_000, 10), (600_000, 13), (1_000_000, 16), (10**7, 16)])
def test_epochs_suit_the_number_of_events_unless_they_are_set(events: int, epochs: int) -> None:
    sequences = SequenceBatch.of_items([np.zeros(events, dtype=np.int32)])
    assert choose_epochs(SequenceOptions(), sequences) == epochs
    assert choose_epochs(SequenceOptions(epochs=3), sequences) == 3
    with pytest.raises(UsageError, match="epochs=-1 is out of range"):
        SequenceOptions(epochs=-1)


def test_a_training_has_as_many_epochs_as_suit_the_data() -> None:
    assert len(fit(SequenceModel(replace(SMALL, epochs=0)), data(cycles())).epochs) == 10


def test_gap_buckets_and_padding() -> None:
    batch = SequenceBatch.of_items([[5, 6, 7], [8]], [[0, 0, 100], [7]])
    batch = batch.at(np.array([103, 9]))
    padded = pad(batch, batch.offsets[:-1], batch.offsets[1:])
    assert padded.items.tolist() == [[5, 6, 7], [8, -1, -1]]
    assert padded.gaps.tolist() == [[0, 1, 1 + 6], [0, 0, 0]]
    assert padded.requests.tolist() == [[1, 7, int(bucket_gaps(np.array([3]))[0])], [2, 0, 0]]


def test_clock_by_hand() -> None:
    hours, days = split_calendar(torch.tensor([0, 86_399, 4 * 86_400, -1, UNKNOWN]))
    assert hours.tolist() == [1, 24, 1, 24, 0]
    assert days.tolist() == [4, 4, 1, 3, 0]


def test_amounts_are_on_a_log_scale_with_their_presence() -> None:
    batch = replace(
        SequenceBatch.of_items([[1, 2, 3]]),
        values=np.array([np.nan, 4, -1], dtype=np.float32),
        dwells_s=np.array([0, np.nan, 9], dtype=np.float32),
    )
    result = pad(batch, batch.offsets[:-1], batch.offsets[1:]).amounts[0]
    expected = [[0, 0, 0, 1], [np.log(5), 1, 0, 0], [-np.log(2), 1, np.log(10), 1]]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("what", ["value", "dwell", "hour"])
def test_value_dwell_and_hour_are_read(what: str) -> None:
    """The same two items; what follows them depends on the amount (or the hour) of the second event alone."""
    high = np.random.default_rng(0).random(200) < 0.5
    rows = [[0, 1, 2 if up else 3] for up in high]
    amounts = np.array([[1, 100 if up else 1, 1] for up in high], dtype=np.float32).ravel()
    times = [[0, 86_400 + 3600 * (12 if up else 3), 10 * 86_400] for up in high]
    full = SequenceBatch.of_items(rows, times if what == "hour" else [[0, 0, 0]] * len(rows))
    if what == "value":
        full = replace(full, values=amounts)
    elif what == "dwell":
        full = replace(full, dwells_s=amounts)
    options = replace(SMALL, epochs=20, learning_rate=2e-2, time=False, calendar_features=what == "hour")
    model = SequenceModel(options)
    fit(model, data(full, items=4))
    cut = full.keep(np.tile([True, True, False], len(rows)))
    assert (model.score(cut).argmax(axis=1) == np.where(high, 2, 3)).all()


def test_the_time_of_the_request_changes_the_answer_and_may_be_hidden() -> None:
    """After a minute the next item follows, after a month another one."""
    rng = np.random.default_rng(0)
    late = rng.random(300) < 0.5
    rows = [[0, 1, 2 if is_late else 3] for is_late in late]
    times = [[0, 60, 60 + (30 * 86400 if is_late else 60)] for is_late in late]
    model = SequenceModel(replace(SMALL, epochs=30, learning_rate=2e-2))
    fit(model, data(SequenceBatch.of_items(rows, times), items=4))
    request_batch = SequenceBatch.of_items([[0, 1], [0, 1]], [[0, 60], [0, 60]])
    given = model.score(request_batch.at(np.array([120, 60 + 30 * 86400])))
    assert given.argmax(axis=1).tolist() == [3, 2]
    hidden = model.score(request_batch)
    np.testing.assert_allclose(hidden[0], hidden[1], atol=1e-5)


def test_kinds_enter_the_token_and_negative_ones_are_no_targets() -> None:
    rng = np.random.default_rng(0)
    sequences = cycles()
    kinds = (rng.random(sequences.n_events) < 0.3).astype(np.int16)
    model = SequenceModel(replace(SMALL, epochs=4))
    fit(model, data(replace(sequences, kinds=kinds)))
    request_batch = SequenceBatch.of_items([[1, 2, 3]])
    hidden_last = replace(request_batch, kinds=np.array([0, 0, 1], dtype=np.int16))
    assert not np.allclose(model.score(request_batch), model.score(hidden_last))
    all_hidden = replace(sequences, kinds=np.ones(sequences.n_events, dtype=np.int16))
    with pytest.raises(ModelError, match="nothing to predict"):
        fit(SequenceModel(SMALL), data(all_hidden))


def groups_modality(items: int = 12) -> Modalities:
    """Two groups of items that their text tells apart."""
    vectors = np.eye(2, dtype=np.float32)[np.arange(items) % 2]
    return Modalities({"text": Modality(vectors, np.ones(items, dtype=np.bool_), "groups")})


@pytest.mark.parametrize("fusion", ["weighted_sum", "concat"])
def test_a_cold_item_is_scored_by_its_text(fusion: str) -> None:
    rng = np.random.default_rng(0)
    rows = [(rng.permutation(5)[:4] * 2 + u % 2).tolist() for u in range(200)]
    model = SequenceModel(replace(SMALL, epochs=15, fusion=fusion, id_dropout=0.3, learning_rate=5e-3))
    fit(model, data(SequenceBatch.of_items(rows), items=12, modalities=groups_modality()))
    scores = model.score(SequenceBatch.of_items([[0, 2, 4], [1, 3, 5]]))
    assert scores[0, 10] > scores[0, 11] and scores[1, 11] > scores[1, 10]


def test_a_sentence_alone_is_a_history() -> None:
    rng = np.random.default_rng(0)
    rows = [(rng.permutation(5)[:4] * 2 + u % 2).tolist() for u in range(200)]
    model = SequenceModel(replace(SMALL, epochs=15, id_dropout=0.3, learning_rate=5e-3))
    fit(model, data(SequenceBatch.of_items(rows), items=12, modalities=groups_modality()))
    said = replace(
        SequenceBatch.of_items([[-1], [-1]]),
        content_rows=np.array([0, 1], dtype=np.int32),
        content=Modalities({"text": Modality(np.eye(2, dtype=np.float32), np.ones(2, dtype=np.bool_))}),
    )
    scores = model.score(said)
    assert scores[0, 0:10:2].mean() > scores[0, 1:10:2].mean()
    assert scores[1, 1:10:2].mean() > scores[1, 0:10:2].mean()


def test_sampled_negatives_learn_the_cycle() -> None:
    model = SequenceModel(replace(SMALL, epochs=20, learning_rate=2e-2, loss="sampled_softmax", negatives=32))
    fit(model, data(cycles()))
    assert model.score(SequenceBatch.of_items([[1, 2, 3]])).argmax() == 4


def test_validation_chooses_the_epoch() -> None:
    histories = SequenceBatch.of_items([[1, 2, 3], [4, 5]])
    stored = Validation(histories, Ragged.of([[4], [6]]), histories.history_items.unique())
    model = SequenceModel(replace(SMALL, epochs=12, learning_rate=1e-2))
    log = fit(model, replace(data(cycles()), validation=stored))
    scored = {int(row["epoch"]): row["ndcg"] for row in log.epochs if "ndcg" in row}
    assert log.best_epoch == max(scored, key=lambda epoch: (scored[epoch], epoch))
    assert log.validation_ndcg == pytest.approx(scored[log.best_epoch])


def test_errors_say_what_to_do() -> None:
    with pytest.raises(OptionError, match="Did you mean 'attention'"):
        SequenceOptions(encoder="atention")
    with pytest.raises(UsageError, match="dim=10 is not a multiple of n_heads=4"):
        SequenceOptions(dim=10, n_heads=4)
    for encoder in ("attention", "sasrec", "hstu", "fuxi"):
        with pytest.raises(UsageError, match="dim=63 is not a multiple of n_heads=2"):
            SequenceOptions(dim=63, encoder=encoder)
    with pytest.raises(ModelError, match="no user has two events"):
        fit(SequenceModel(SMALL), data(SequenceBatch.of_items([[1], [2]])))
    with pytest.raises(ModelError, match="not fitted"):
        SequenceModel().score(SequenceBatch.of_items([[1]]))


@pytest.mark.parametrize("encoder", ["gru", "lstm", "rnn", "lru", "cnn_rnn"])
def test_encoders_without_attention_heads_take_any_width(encoder: str) -> None:
    model = SequenceModel(replace(SMALL, encoder=encoder, dim=15, epochs=1))
    fit(model, data(cycles()))
    assert model.user_vectors(SequenceBatch.of_items([[1, 2]])).shape == (1, 15)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": False, "id_init": "pca"}, "id_init='pca' has no effect: ids=False leaves the ids out"),
        (
            {"modalities": ("text", "image"), "id_init": "pca"},
            "has no effect: modalities=text,image leaves the ids out",
        ),
        (
            {"loss": "gbce", "label_smoothing": 0.1},
            "label_smoothing=0.1 has no effect: loss='gbce' does not score all items",
        ),
        ({"loss": "sampled_softmax", "label_smoothing": 0.1}, "Set label_smoothing=0, or loss to auto or softmax"),
        ({"loss": "bce", "label_smoothing": 0.1}, "loss='bce'"),
        ({"loss": "bpr", "label_smoothing": 0.1}, "loss='bpr'"),
    ],
)
def test_options_without_effect_are_errors(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SequenceOptions(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"fusion": "none", "id_init": "pca"},
        {"modalities": ("behaviour", "text"), "id_init": "pca"},
        {"loss": "softmax", "label_smoothing": 0.1},
        {"label_smoothing": 0.1},
        {"loss": "gbce"},
    ],
)
def test_what_has_one_is_not(changed: dict[str, Any]) -> None:
    assert replace(SequenceOptions(), **changed) == SequenceOptions(**changed)


def test_dropout_pool_keeps_the_mean() -> None:
    from penchant.models.nn.dropout import PooledDropout

    drop = PooledDropout(0.25)
    x = torch.ones(100_000)
    torch.manual_seed(0)
    assert float(drop(x).mean()) == pytest.approx(1.0, abs=0.01)
    assert float((drop(x) == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert drop.eval()(x) is x
