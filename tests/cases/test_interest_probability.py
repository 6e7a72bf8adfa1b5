"""`interested` answers with a probability: near the base rate on average, whatever negatives taught it."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.data.dataset import Dataset
from penchant.errors import ModelError
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.simulator import SimulatorOptions, simulate

TODAY = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the answer is that of the negatives drawn; fixed by issue 15, point 3"
)
FAST = {"modalities.text.encoder": "ngram", "modalities.text.dim": "16"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("platform") / "data"
    simulate(SimulatorOptions(users=200, items=400, events=4000, seed=1)).write(folder)
    return Dataset.load(folder)


def mean_probability(data: Dataset, ratio: int) -> float:
    """The mean over all items and forty users, by a probe taught with so many negatives a positive."""
    settings = {"probes.fit": "interest", "probes.negatives": "sampled", "probes.ratio": str(ratio)}
    rec = Recommender.fit(data, Config(model="content").with_settings(FAST | settings))
    items, users = data.items["item_id"].to_list(), data.user_vocabulary.ids.to_list()[:40]
    return float(np.mean([rec.interested(user, items).mean() for user in users]))


@TODAY
def test_the_mean_is_near_the_base_rate(platform: Dataset) -> None:
    touched = platform.n_events / (platform.n_users * platform.n_items)
    assert mean_probability(platform, 4) <= 2 * touched


@TODAY
def test_it_does_not_depend_on_the_number_of_negatives(platform: Dataset) -> None:
    few, many = mean_probability(platform, 1), mean_probability(platform, 16)
    assert max(few, many) <= 1.5 * min(few, many)


@TODAY
def test_nothing_is_answered_without_a_kept_probe(platform: Dataset) -> None:
    rec = Recommender.fit(platform, Config(model="content").with_settings(FAST))
    try:
        answer = rec.interested(platform.user_vocabulary.ids[0], platform.items["item_id"].to_list()[:3])
    except ModelError:
        return
    raise AssertionError(f"answered {answer} without a kept probe")
