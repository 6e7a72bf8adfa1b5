"""One event more costs one call of the model, and the vector is the one that the whole log gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.config import Config
from penchant.data.dataset import Dataset
from penchant.recommender import Recommender

LENGTHS = (3, 9, 30)
"""Events of the people asked about; the model reads eight."""


def log() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        (f"u{u}", f"i{(u + n * (1 + u % 2)) % 12}", 1_700_000_000 + int(3000 * n * rng.uniform(0.5, 1.0)))
        for u in range(24)
        for n in range(LENGTHS[u % 3])
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row").sort("user_id", "timestamp")


@pytest.fixture(scope="module", params=["attention", "gru"])
def rec(request: pytest.FixtureRequest) -> Recommender:
    options = {"encoder": request.param, "dim": 16, "layers": 1, "epochs": 2, "max_length": 8}
    config = Config(model="transformer").with_settings({f"transformer.{key}": value for key, value in options.items()})
    return Recommender.fit(Dataset.from_tables(log()), config)


@pytest.mark.parametrize("user", ["u0", "u1", "u2"])
def test_the_online_vector_is_the_offline_one(rec: Recommender, user: str) -> None:
    whole = rec.histories(np.arange(rec.dataset.n_users)).at(None)
    code = int(rec.dataset.user_codes([user])[0])
    offline = rec.dense_model().interests(whole)[whole.offsets[code] : whole.offsets[code + 1]]
    mine = log().filter(pl.col("user_id") == user)
    for known in (1, mine.height - 1, mine.height):  # before the last event, and one event more
        online = rec.interests(history=mine.head(known))
        np.testing.assert_allclose(online.vectors[-1], offline[known - 1], atol=1e-5)
        single = rec.dense_model().user_vectors(whole.take([code]).keep(np.arange(mine.height) < known))
        np.testing.assert_allclose(single[0], offline[known - 1], atol=1e-5)


@pytest.mark.parametrize("user", ["u0", "u1", "u2"])
def test_one_event_more_is_one_call_of_at_most_max_length_events(rec: Recommender, user: str) -> None:
    calls: list[tuple[int, ...]] = []

    def counted(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        calls.append(tuple(inputs[0].shape))

    mine = log().filter(pl.col("user_id") == user)
    more = pl.DataFrame({"user_id": [user], "item_id": ["i5"], "timestamp": [1_800_000_000]})
    hook = rec.model.net.encoder.register_forward_hook(counted)  # type: ignore[attr-defined]
    try:
        rec.recommend(history=pl.concat([mine, more]), k=3)
    finally:
        hook.remove()
    assert calls == [(1, min(8, mine.height + 1), 16)]
