"""Heads of a recommender: taught by events the model has not learned, kept in the bundle, renewed by updates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import penchant.persistence
from penchant.config import Config
from penchant.data.dataset import Dataset
from penchant.errors import DataError, ModelError
from penchant.fitting import fitted
from penchant.models.head_options import HeadOptions
from penchant.recommender import Recommender

NAMES = ("纪录片", "音乐")
BOTH = Config(model="content", heads=HeadOptions(fit=("interest", "category"), fewest=10))


def colours(people: int = 30, events: int = 20, seed: int = 0, *, at: int = 0) -> Dataset:
    """Two kinds of items, told apart by their vectors; everybody likes one kind and dislikes what is of the other."""
    rng = np.random.default_rng(seed)
    n = people * events
    user, step = np.repeat(np.arange(people), events), np.tile(np.arange(events), people)
    liked = (step + user // 2) % 4 != 3
    kind = np.where(liked, user % 2, 1 - user % 2)
    log = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in 2 * rng.integers(0, 20, n) + kind],
            "timestamp": at + 1_700_000_000 + step * 60,
            "event": np.where(liked, "like", "dislike"),
        }
    )
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(40)], "categories": [NAMES[i % 2] for i in range(40)]})
    vectors = np.eye(2)[np.arange(40) % 2] + 0.05 * np.random.default_rng(9).standard_normal((40, 2))
    table = pl.DataFrame({"item_id": items["item_id"], "vector": vectors.tolist()})
    return Dataset.from_tables(log, items=items).with_vectors("own", table)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return colours()


@pytest.fixture(scope="module")
def rec(data: Dataset) -> Recommender:
    return Recommender.fit(data, BOTH)


def test_the_newest_events_teach_heads_and_not_the_model(data: Dataset) -> None:
    made = fitted(data, replace(BOTH, model="cooccurrence"))
    held = made.held
    assert held is not None
    assert held.reshape(30, 20).sum(axis=1).tolist() == [2] * 30, "a tenth of twenty"
    assert held.reshape(30, 20)[:, -2:].all()
    alone = fitted(data.where(~held), Config(model="cooccurrence"))
    for name, tensor in alone.parts.model.state().tensors.items():
        np.testing.assert_array_equal(made.parts.model.state().tensors[name], tensor)
    counted = fitted(data, Config(model="cooccurrence"))
    assert counted.held is None
    for part in (made.parts, counted.parts):
        assert part.facts["events"] == 600 and part.facts["trained_until_s"] == 1_700_000_000 + 19 * 60
        for name, tensor in counted.parts.popularity.state().tensors.items():
            np.testing.assert_array_equal(part.popularity.state().tensors[name], tensor)


def test_heads_know_what_people_like(rec: Recommender) -> None:
    for user, own in (("u0", 0), ("u1", 1)):
        told = rec.interested(user, [f"i{i}" for i in range(40)]).reshape(20, 2)
        assert told[:, own].min() > 0.9 and told[:, 1 - own].max() < 0.1
        categories = rec.next_category(user)
        assert list(categories) == [NAMES[own], NAMES[1 - own]]
        assert sum(categories.values()) == pytest.approx(1, abs=1e-6) and categories[NAMES[own]] > 0.9
    assert rec.facts["heads"]["interest"]["negatives"] == "real"


def test_a_bundle_keeps_them_to_the_bit(rec: Recommender, tmp_path: Path) -> None:
    rec.save(tmp_path / "b")
    again = Recommender.load(tmp_path / "b")
    items = [f"i{i}" for i in range(40)]
    assert again.interested("u3", items).tobytes() == rec.interested("u3", items).tobytes()
    assert again.next_category("u3") == rec.next_category("u3")
    assert again.heads is not None and again.heads.facts == rec.heads.facts  # type: ignore[union-attr]


def test_an_update_teaches_them_anew(rec: Recommender, tmp_path: Path) -> None:
    fresh = rec.update(colours(events=4, seed=5, at=86_400))
    told = fresh.facts["heads"]
    assert told["interest"]["pairs"] == 60, "the newest two of everybody's 24"
    assert sum(told["category"]["counts"]) == told["category"]["events"] == round(60 * told["interest"]["interested"])
    assert fresh.heads is not rec.heads and fresh.heads is not None
    assert fresh.interested("u0", ["i0", "i1"]).tolist() != rec.interested("u0", ["i0", "i1"]).tolist()
    fresh.save(tmp_path / "b")
    assert Recommender.load(tmp_path / "b").next_category("u0") == fresh.next_category("u0")


def test_bundles_written_before_there_were_heads_load(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = penchant.persistence.write_bundle

    def as_before(path: Path, fill: Any, *, facts: dict[str, Any]) -> Path:
        config = {key: value for key, value in facts["config"].items() if key != "heads"}
        return write(path, fill, facts={k: v for k, v in facts.items() if k != "heads_state"} | {"config": config})

    monkeypatch.setattr(penchant.persistence, "write_bundle", as_before)
    Recommender.fit(data, Config(model="content")).save(tmp_path / "b")
    old = Recommender.load(tmp_path / "b")
    assert old.heads is None and old.config.heads == HeadOptions()
    with pytest.raises(ModelError, match="No heads were trained"):
        old.next_category("u0")
    assert old.interested("u0", ["i0", "i1"]).shape == (2,), "fitted at the first call"


def test_what_cannot_be_taught_is_refused_first(data: Dataset) -> None:
    bare = replace(data, items=data.items.drop("categories"))
    with pytest.raises(DataError, match="No item has a category"):
        Recommender.fit(bare, BOTH)
    lonely = data.with_events(data.events.group_by("user", maintain_order=True).head(1))
    with pytest.raises(DataError, match="Nobody has two events"):
        Recommender.fit(lonely, BOTH)
