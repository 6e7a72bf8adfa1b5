from __future__ import annotations

import numpy as np
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import OptionError, UsageError
from penchant.models.popularity import Popularity, PopularityOptions
from penchant.testing.models import check_model

DAY = 86_400
EVENTS = SequenceBatch.of_items([[0, 0, 0], [1, 2]], times_s=[[0, 1, 2], [10 * DAY, 20 * DAY]])
DATA = TrainingData(EVENTS, 4, ["view"], 20 * DAY)


@pytest.mark.parametrize("window", ["all", "recent", "decayed"])
def test_contract(window: str) -> None:
    check_model(lambda: Popularity(PopularityOptions(window=window)), personal=False)


@pytest.mark.parametrize(
    ("options", "order"),
    [
        (PopularityOptions(), [0, 1, 2, 3]),
        (PopularityOptions(window="recent", days=5), [2, 0, 1, 3]),
        (PopularityOptions(window="decayed", days=2), [2, 1, 0, 3]),
    ],
)
def test_order_by_window(options: PopularityOptions, order: list[int]) -> None:
    model = Popularity(options)
    model.fit(DATA)
    scores = model.score(SequenceBatch.of_items([[], [1]]))
    assert np.argsort(-scores[0], kind="stable").tolist() == order
    assert (scores[0] == scores[1]).all()


def test_decayed_is_the_formula() -> None:
    model = Popularity(PopularityOptions(window="decayed", days=10))
    model.fit(DATA)
    scores = model.score(SequenceBatch.of_items([[]]))[0]
    assert scores[1] / scores[2] == pytest.approx(0.5, rel=1e-5)


def test_bad_options() -> None:
    with pytest.raises(OptionError, match="Did you mean 'decayed'"):
        PopularityOptions(window="decay")
    with pytest.raises(UsageError, match=r"popularity\.days=0"):
        PopularityOptions(days=0)
