from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.config import Config
from penchant.data.dataset import Dataset
from penchant.evaluation.bundle import evaluate_bundle
from penchant.recommender import Recommender


def _walks(steps: int, users: int = 40) -> pl.DataFrame:
    """Users who walk round 12 items in order: the next item is certain."""
    start = np.random.default_rng(0).integers(0, 12, users)
    who, step = np.repeat(np.arange(users), steps), np.tile(np.arange(steps), users)
    return pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in who],
            "item_id": [f"i{i}" for i in (start[who] + step) % 12],
            "timestamp": step * 1000 + who,
        }
    )


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    return Recommender.fit(Dataset.from_tables(_walks(6)), Config(model="cooccurrence"))


def test_new_events_are_tested_as_they_stand(fitted: Recommender) -> None:
    found = evaluate_bundle(fitted, Dataset.from_tables(_walks(7)), beside=["popularity"])
    assert found.split == "unseen" and found.users == 40
    assert found.models["cooccurrence"]["ndcg@10"].mean > 0.9 > found.models["popularity"]["ndcg@10"].mean
    assert "40 events that the bundle has not seen" in found.notes[0]
    assert set(found.cost["cooccurrence"]) == {"fit_cpu_s", "peak_rss_mb"} and found.curves["cooccurrence"]


def test_what_was_trained_on_is_never_tested(fitted: Recommender) -> None:
    found = evaluate_bundle(fitted, Dataset.from_tables(_walks(6)), curves=False)
    assert found.split == "time" and "recipe, fitted again" in found.notes[0]
    assert "has seen all" in found.notes[0]


def test_a_split_that_is_asked_for_fits_again(fitted: Recommender) -> None:
    found = evaluate_bundle(fitted, Dataset.from_tables(_walks(7)), split="leave-one-out", beside=["popularity"])
    assert found.split == "leave-one-out" and set(found.models) == {"cooccurrence", "popularity"}
    assert found.notes[0].startswith("A split was asked for")


def test_a_saved_bundle_gives_the_same(fitted: Recommender, tmp_path: Path) -> None:
    fitted.save(tmp_path / "whole")
    fitted.save(tmp_path / "bare", histories=False)
    data = Dataset.from_tables(_walks(7))
    expected = evaluate_bundle(fitted, data, curves=False).to_json()["models"]
    whole = evaluate_bundle(Recommender.load(tmp_path / "whole"), data, curves=False)
    bare = evaluate_bundle(Recommender.load(tmp_path / "bare"), data, curves=False)
    assert whole.to_json()["models"] == expected
    assert bare.split == "unseen" and bare.models["cooccurrence"]["ndcg@10"].mean > 0.9


def test_items_and_users_in_another_order_change_nothing(fitted: Recommender) -> None:
    rows = _walks(7)
    items = pl.DataFrame({"item_id": [f"i{n}" for n in reversed(range(12))], "title": ["t"] * 12})
    shuffled = Dataset.from_tables(rows.sample(fraction=1.0, shuffle=True, seed=1), items=items)
    plain = evaluate_bundle(fitted, Dataset.from_tables(rows), curves=False)
    mixed = evaluate_bundle(fitted, shuffled, curves=False)
    assert mixed.models["cooccurrence"]["ndcg@10"].mean == pytest.approx(plain.models["cooccurrence"]["ndcg@10"].mean)
