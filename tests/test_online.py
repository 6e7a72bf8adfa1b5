"""One more event costs one call of the model, and its vector equals that of the complete log."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.models.nn.options import ENCODERS
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

LENGTHS = (3, 9, 30)
"""Events of each tested user; the model reads eight."""


SMALL = {"dim": 16, "layers": 1, "epochs": 2, "max_length": 8}


def log() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        (f"u{u}", f"i{(u + n * (1 + u % 2)) % 12}", 1_700_000_000 + int(3000 * n * rng.uniform(0.5, 1.0)))
        for u in range(24)
        for n in range(LENGTHS[u % 3])
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row").sort("user_id", "timestamp")


def rich() -> pl.DataFrame:
    """The same with kind, value, dwell and text of each event."""
    rng = np.random.default_rng(2)
    rows = log().height
    return log().with_columns(
        event=pl.Series(rng.choice(["view", "like", "hide"], rows)),
        value=pl.Series(rng.integers(1, 6, rows).astype(float)),
        dwell_s=pl.Series(rng.uniform(1, 300, rows)),
        text=pl.Series(rng.choice(["a red boat", "green tea", None], rows)),
    )


def user_table() -> pl.DataFrame:
    return pl.DataFrame(
        {"user_id": [f"u{u}" for u in range(24)], "age": [20 + u for u in range(24)], "city": ["Ulm", "Bern"] * 12}
    )


def learned(dataset: Dataset, **options: Any) -> Recommender:
    settings = {f"transformer.{key}": value for key, value in {**SMALL, **options}.items()}
    config = Config(model="transformer").with_settings({**settings, "modalities.text.encoder": "ngram"})
    return Recommender.fit(dataset, config)


@pytest.fixture(scope="module", params=["attention", "gru"])
def rec(request: pytest.FixtureRequest) -> Recommender:
    return learned(Dataset.from_tables(log()), encoder=request.param)


def check_parity(rec: Recommender, events: pl.DataFrame, user: str) -> None:
    histories = rec.histories(np.arange(rec.dataset.n_users)).at(None)
    code = int(rec.dataset.encode_users([user])[0])
    offline = rec.dense_model().interests(histories)[histories.offsets[code] : histories.offsets[code + 1]]
    mine = events.filter(pl.col("user_id") == user)
    for known in (1, mine.height - 1, mine.height):  # before the last event, and one event more
        online = rec.interests(history=mine.head(known))
        np.testing.assert_allclose(online.vectors[-1], offline[known - 1], atol=1e-5)
        single = rec.dense_model().user_vectors(histories.take([code]).keep(np.arange(mine.height) < known))
        np.testing.assert_allclose(single[0], offline[known - 1], atol=1e-5)


@pytest.mark.parametrize("user", ["u0", "u1", "u2"])
def test_the_online_vector_is_the_offline_one(rec: Recommender, user: str) -> None:
    check_parity(rec, log(), user)


@pytest.mark.parametrize(
    "options", [*({"encoder": name} for name in ENCODERS), {"head": "mol"}, {"n_interests": 3}], ids=str
)
def test_parity_with_all_content_of_events_and_users(options: dict[str, Any]) -> None:
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(12)], "title": ["red boat", "green tea", "old book"] * 4})
    rec = learned(Dataset.from_tables(rich(), items, user_table()), epochs=1, **options)
    histories = rec.histories(np.arange(rec.dataset.n_users))
    assert histories.user_modalities and histories.content is not None
    check_parity(rec, rich(), "u1")
    mine = rich().filter(pl.col("user_id") == "u1")
    known, handed = rec.recommend("u1", k=5), rec.recommend(history=mine, k=5)
    assert known.item_ids[0] == handed.item_ids[0]
    stranger = rec.recommend(history=mine.with_columns(user_id=pl.lit("stranger")), k=5)
    nameless = rec.recommend(history=mine.drop("user_id"), k=5)
    np.testing.assert_array_equal(stranger.scores, nameless.scores)
    assert np.abs(stranger.scores - handed.scores).max() > 0  # of a stranger nothing is known


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
