"""ALS: an event that has faded to a weight of nearly nothing counts nearly nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_array

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.als import ALS, ALSOptions, fold_in

pytest.importorskip("implicit")
TODAY = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="a faded event keeps preference 1; fixed by issue 15, point 3"
)
OPTIONS = ALSOptions(dim=8)
ITEMS = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)


def vector(codes: list[int], weights: list[float]) -> npt.NDArray[np.float32]:
    history = csr_array((np.asarray(weights, np.float32), np.asarray(codes), [0, len(codes)]), shape=(1, len(ITEMS)))
    return fold_in(history, ITEMS, OPTIONS)[0]


@TODAY
@pytest.mark.parametrize("weight", [1e-20, 1e-6])
def test_a_weight_of_nothing_counts_nothing(weight: float) -> None:
    np.testing.assert_allclose(vector([1, 7, 9], [1.0, weight, weight]), vector([1], [1.0]), atol=1e-4)


@TODAY
def test_preference_fades_with_confidence() -> None:
    """(YᵀY + λI + Σ α w y yᵀ) x = Σ α w y: what the items were learned with, written out."""
    codes, weights = [1, 7, 9], [1.0, 0.3, 0.05]
    near = ITEMS[codes].astype(np.float64)
    confidence = OPTIONS.alpha * np.asarray(weights)
    shared = ITEMS.T.astype(np.float64) @ ITEMS + OPTIONS.regularisation * np.eye(8)
    expected = np.linalg.solve(shared + (near * confidence[:, None]).T @ near, confidence @ near)
    np.testing.assert_allclose(vector(codes, weights), expected, rtol=1e-3, atol=1e-5)


@TODAY
def test_events_long_ago_do_not_turn_the_interest() -> None:
    """Fifty events that weigh below .4^50 against the last fifty alone."""
    rng = np.random.default_rng(0)
    rows = [rng.permutation(100).tolist() for _ in range(60)]
    model = ALS(ALSOptions(dim=8, decay=0.4))
    model.fit(TrainingData(SequenceBatch.of_items(rows), 100, ["view"], now_s=1000))
    history = SequenceBatch.of_items(rows[:1])
    both, late = model.user_vectors(history)[0], model.user_vectors(history.last(50))[0]
    assert both @ late / np.linalg.norm(both) / np.linalg.norm(late) > 0.9999
