from __future__ import annotations

import numpy as np
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import UsageError
from penchant.models.cooccurrence import Cooccurrence, CooccurrenceOptions, count_pairs
from penchant.testing.models import check_model, check_negative_kinds

PLAIN = CooccurrenceOptions(power=1.0, shrinkage=0.0, decay=0.5)


def fitted(rows: list[list[int]], n_items: int, options: CooccurrenceOptions) -> Cooccurrence:
    model = Cooccurrence(options)
    model.fit(TrainingData(SequenceBatch.of_items(rows), n_items, ["view"], 0))
    return model


@pytest.mark.parametrize(
    "options",
    [CooccurrenceOptions(), CooccurrenceOptions(window=3, column_power=0.3, half_life_days=5.0)],
)
def test_contract(options: CooccurrenceOptions) -> None:
    check_model(lambda: Cooccurrence(options))
    check_negative_kinds(lambda: Cooccurrence(options))


def test_counts_by_hand() -> None:
    counts = count_pairs(SequenceBatch.of_items([[0, 1, 2, 0], [1, 2]]), 3, 2).toarray()
    np.testing.assert_allclose(counts, [[0, 1, 0.5], [0.5, 0, 2], [1, 0, 0]])


def test_pairs_do_not_cross_users() -> None:
    assert count_pairs(SequenceBatch.of_items([[0], [], [1]]), 2, 5).nnz == 0


def test_score_by_hand() -> None:
    model = fitted([[0, 1, 2, 0], [1, 2]], 3, PLAIN)
    rows = count_pairs(SequenceBatch.of_items([[0, 1, 2, 0], [1, 2]]), 3, 10).toarray()
    expected = rows / rows.sum(axis=1, keepdims=True)
    scores = model.score(SequenceBatch.of_items([[0, 1]]))[0]
    np.testing.assert_allclose(scores, expected[1] + 0.5 * expected[0], atol=1e-6)


def test_direction() -> None:
    forward = fitted([[0, 1]], 2, PLAIN)
    assert forward.record.transitions[1, 0] == 0


def test_kind_weights_and_time() -> None:
    events = SequenceBatch.of_items([[0, 1], [2, 3]], times_s=[[0, 100], [0, 100]])
    model = Cooccurrence(CooccurrenceOptions(half_life_days=1.0, power=1.0, shrinkage=0.0, decay=1.0))
    model.fit(TrainingData(events, 4, ["view"], 100))
    history = SequenceBatch.of_items([[0, 2]], times_s=[[0, 86_400]])
    plain = model.score(history)[0]
    requests = model.score(history.at(np.array([86_400])))[0]
    assert plain[1] == pytest.approx(plain[3])
    assert requests[1] / requests[3] == pytest.approx(0.5, rel=1e-4)


def test_empty_history_gets_the_popular_items() -> None:
    model = fitted([[0, 1], [2, 1], [1]], 4, CooccurrenceOptions())
    assert model.score(SequenceBatch.of_items([[]]))[0].argmax() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, r"cooccurrence\.window=0 is out of range\. Give 1 or more"),
        ({"decay": 1.5}, r"cooccurrence\.decay=1\.5"),
        ({"half_life_days": -1.0}, r"half_life_days=-1\.0"),
        ({"power": 0.0}, "power"),
        ({"shrinkage": -1.0}, "shrinkage"),
        ({"max_length": 0}, "max_length"),
    ],
)
def test_bad_options(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CooccurrenceOptions(**options)  # type: ignore[arg-type]
