from __future__ import annotations

import numpy as np
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import UsageError
from penchant.models.item_knn import ItemKNN, ItemKNNOptions
from penchant.testing.models import check_model, check_negative_kinds

ROWS = [[0, 1, 2], [0, 1], [2, 3]]


@pytest.mark.parametrize("options", [ItemKNNOptions(), ItemKNNOptions(neighbours=12, shrinkage=0.0)])
def test_contract(options: ItemKNNOptions) -> None:
    check_model(lambda: ItemKNN(options))
    check_negative_kinds(lambda: ItemKNN(options))


def test_is_the_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.models.item_knn.BLOCK", 3)
    model = ItemKNN(ItemKNNOptions(shrinkage=0.0))
    model.fit(TrainingData(SequenceBatch.of_items(ROWS), 4, ["view"], 0))
    half = 1 / 2
    root = 1 / np.sqrt(2)
    expected = [[0, 1, half, 0], [1, 0, half, 0], [half, half, 0, root], [0, 0, root, 0]]
    np.testing.assert_allclose(model.record.similarities.toarray(), expected, atol=1e-6)


def test_shrinkage_and_neighbours() -> None:
    model = ItemKNN(ItemKNNOptions(shrinkage=2.0, neighbours=1))
    model.fit(TrainingData(SequenceBatch.of_items(ROWS), 4, ["view"], 0))
    np.testing.assert_allclose(model.record.similarities.toarray()[0], [0, 2 / 4, 0, 0], atol=1e-6)
    assert (np.diff(model.record.similarities.indptr) <= 1).all()


def test_bad_options() -> None:
    with pytest.raises(UsageError, match=r"item_knn\.neighbours=0"):
        ItemKNNOptions(neighbours=0)
    with pytest.raises(UsageError, match=r"item_knn\.decay=0"):
        ItemKNNOptions(decay=0)
