from __future__ import annotations

import numpy as np
import pytest

from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError, UsageError
from penchant.models.ease import EASE, EASEOptions, compute_gram, solve
from penchant.models.history import build_history_matrix
from penchant.testing.models import check_model, check_negative_kinds

SMALL = EASEOptions(regularisation=2.0, decay=1.0)
ROWS = [[0, 1, 2], [1, 2], [0, 2, 3], [3, 1]]


@pytest.mark.parametrize("options", [SMALL, EASEOptions(regularisation=5.0, decay=0.9)])
def test_contract(options: EASEOptions) -> None:
    check_model(lambda: EASE(options))
    check_negative_kinds(lambda: EASE(options))


def test_contract_with_content() -> None:
    check_model(lambda: EASE(EASEOptions(regularisation=5.0, content_weight=1.0)), uses_content=True)


def test_is_the_closed_form() -> None:
    model = EASE(SMALL)
    model.fit(TrainingData(SequenceBatch.of_items(ROWS), 4, ["view"], 0))
    x = np.zeros((4, 4))
    for row, items in enumerate(ROWS):
        x[row, items] = 1
    inverse = np.linalg.inv(x.T @ x + 2.0 * np.eye(4))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(model.record.weights, expected, atol=1e-5)
    np.testing.assert_allclose(model.score(SequenceBatch.of_items([[0, 1]]))[0], expected[0] + expected[1], atol=1e-5)


def test_minimises_its_objective() -> None:
    """Each column is the ridge regression of its item on all the others."""
    rng = np.random.default_rng(1)
    x = (rng.random((60, 8)) < 0.4).astype(np.float64)
    weights = solve((x.T @ x).astype(np.float32), 3.0)
    for item in range(8):
        others = np.delete(np.arange(8), item)
        ridge = np.linalg.solve(x[:, others].T @ x[:, others] + 3.0 * np.eye(7), x[:, others].T @ x[:, item])
        np.testing.assert_allclose(weights[others, item], ridge, atol=1e-4)


@pytest.mark.parametrize("density", [0.004, 0.3])
def test_gram_matrix(density: float) -> None:
    rng = np.random.default_rng(2)
    rows = [np.flatnonzero(rng.random(300) < density).tolist() for _ in range(50)]
    matrix = build_history_matrix(SequenceBatch.of_items(rows), 300, np.ones(1, np.float32), binary=True)
    np.testing.assert_allclose(compute_gram(matrix, block=16), matrix.toarray().T @ matrix.toarray(), atol=1e-4)


def test_content_scores_a_cold_item() -> None:
    text = Modality(np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 0.1]], dtype=np.float32), np.ones(5, dtype=bool))
    data = TrainingData(SequenceBatch.of_items([[0, 1], [2, 3]]), 5, ["view"], 0, Modalities({"text": text}))
    model = EASE(EASEOptions(regularisation=1.0, content_weight=1.0))
    model.fit(data)
    scores = model.score(SequenceBatch.of_items([[0], [2]]))[:, 4]
    assert scores[0] > scores[1]


def test_data_that_cannot_be_solved_are_errors() -> None:
    events = SequenceBatch.of_items([[0]])
    with pytest.raises(ModelError, match=r"20,001 × 20,001.*at most 20,000.*Take cooccurrence, which is sparse"):
        EASE().fit(TrainingData(events, 20_001, ["view"], 0))
    with pytest.raises(ModelError, match=r"item modality image.*Available modalities: none"):
        EASE(EASEOptions(content_weight=1.0, content_modalities=("image",))).fit(TrainingData(events, 2, ["view"], 0))
    with pytest.raises(ModelError, match="not positive definite"):
        solve(-np.eye(3, dtype=np.float32), 0.1)
    with pytest.raises(UsageError, match=r"ease\.regularisation=0"):
        EASEOptions(regularisation=0)
