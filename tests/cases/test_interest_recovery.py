"""Smoothed states recover planted interests better than the state after the last event alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from penchant.data.dataset import Dataset
from penchant.metrics.interest_recovery import recovery
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.simulator import SimulatorOptions, Truth, simulate

FAST = {
    "modalities.text.encoder": "ngram",
    "modalities.text.dim": "16",
    "transformer.dim": "32",
    "transformer.epochs": "4",
}
FAST["lite.experts"] = "transformer,popularity"


def mean_of_last(
    vectors: npt.NDArray[np.floating], rows: npt.NDArray[np.integer], count: int
) -> npt.NDArray[np.float64]:
    """The mean of each vector `[E, D]` and those of the `count - 1` events before it, of the same user."""
    places = np.arange(len(vectors))
    first = np.maximum(places - count + 1, np.searchsorted(rows, rows))
    total = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=np.float64)])
    return np.asarray((total[places + 1] - total[first]) / (places + 1 - first)[:, None])


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="interests are raw transformer states; fixed by issue 15, point 5"
)
def test_smoothing_gains_nothing_more(tmp_path: Path) -> None:
    simulate(SimulatorOptions(users=200, items=100, events=6000, seed=1)).write(tmp_path)
    data = Dataset.load(tmp_path)
    rec = Recommender.fit(data, Config(model="lite").with_settings(FAST))
    histories = rec.histories(np.arange(data.n_users))
    assert histories.event_rows is not None
    planted = Truth.load(tmp_path / "truth").interests(data.events["event_id"].gather(histories.event_rows))
    known = np.isfinite(planted).all(axis=1) & (planted.sum(axis=1) > 0)
    vectors = rec.dense_model().interests(histories.at(None)).reshape(histories.n_events, -1)
    smooth = mean_of_last(vectors, histories.rows, 5)

    def cosine(part: npt.NDArray[np.floating]) -> float:
        rows = histories.rows[known]
        halves = (recovery(part[known], planted[known], np.random.default_rng(n), users=rows) for n in range(4))
        return float(np.mean([half["cosine"] for half in halves]))

    assert cosine(vectors) >= cosine(smooth) - 0.01
