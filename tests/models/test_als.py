from __future__ import annotations

import sys

import numpy as np
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.errors import MissingExtraError, UsageError
from penchant.models.als import ALS, ALSOptions, fold_in
from penchant.models.base import DenseModel
from penchant.models.history import build_history_matrix
from penchant.testing.models import build_checkerboard, check_model, check_negative_kinds

SMALL = ALSOptions(dim=2, epochs=10)


def test_contract() -> None:
    pytest.importorskip("implicit")
    check_model(lambda: ALS(SMALL))
    check_negative_kinds(lambda: ALS(SMALL))
    model = ALS(SMALL)
    model.fit(build_checkerboard().data)
    assert isinstance(model, DenseModel)


def test_fold_in_solves_the_normal_equations() -> None:
    rng = np.random.default_rng(0)
    items = rng.standard_normal((7, 3)).astype(np.float32)
    options = ALSOptions(dim=3, alpha=4.0, regularisation=0.3)
    rows = [[0, 2, 5], [], [1]]
    history = build_history_matrix(SequenceBatch.of_items(rows), 7, np.ones(1, np.float32), decay=0.5)
    vectors = fold_in(history, items, options)
    dense = history.toarray().astype(np.float64)
    for row in (0, 2):
        confidence = np.diag(1 + 4.0 * dense[row])
        system = items.T @ confidence @ items + 0.3 * np.eye(3)
        np.testing.assert_allclose(
            vectors[row], np.linalg.solve(system, items.T @ confidence @ (dense[row] > 0)), rtol=1e-4, atol=1e-5
        )
    assert (vectors[1] == 0).all()


def test_interests_end_in_the_user_vector() -> None:
    pytest.importorskip("implicit")
    model = ALS(SMALL)
    model.fit(build_checkerboard().data)
    histories = SequenceBatch.of_items([[0, 2, 4], [], [1]])
    series = model.interests(histories)
    np.testing.assert_allclose(series[[2, 3]], model.user_vectors(histories)[[0, 2]], rtol=1e-4, atol=1e-5)
    assert series.shape == (4, 2)


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(MissingExtraError, match=r"'implicit'.*penchant\[als\]"):
        ALS(SMALL).fit(build_checkerboard().data)


def test_bad_options() -> None:
    with pytest.raises(UsageError, match=r"als\.dim=0"):
        ALSOptions(dim=0)
    with pytest.raises(UsageError, match=r"als\.alpha=0"):
        ALSOptions(alpha=0)
