from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.errors import DataError, UsageError
from penchant.evaluation.bundle import evaluate
from penchant.evaluation.compare import CompareOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

PLAIN = CompareOptions(curves=False)


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
    comparison = evaluate(fitted, Dataset.from_tables(_walks(7)), beside=["popularity"])
    assert comparison.split == "unseen" and comparison.users == 40
    assert comparison.models["cooccurrence"]["ndcg@10"].mean > 0.9 > comparison.models["popularity"]["ndcg@10"].mean
    assert "40 events that the bundle has not seen" in comparison.notes[0]
    assert set(comparison.cost["cooccurrence"]) == {"fit_cpu_s", "peak_rss_mb"} and comparison.curves["cooccurrence"]


def test_what_was_trained_on_is_never_tested(fitted: Recommender) -> None:
    comparison = evaluate(fitted, Dataset.from_tables(_walks(6)), options=PLAIN)
    assert comparison.split == "time" and "recipe was fitted again" in comparison.notes[0]
    assert "has seen all" in comparison.notes[0]


def test_with_a_split_the_recipe_is_fitted_again(fitted: Recommender) -> None:
    comparison = evaluate(fitted, Dataset.from_tables(_walks(7)), split="leave-one-out", beside=["popularity"])
    assert comparison.split == "leave-one-out" and set(comparison.models) == {"cooccurrence", "popularity"}
    assert comparison.notes[0].startswith("A split is named")


def test_a_saved_bundle_gives_the_same(fitted: Recommender, tmp_path: Path) -> None:
    fitted.save(tmp_path / "complete")
    fitted.save(tmp_path / "bare", histories=False)
    data = Dataset.from_tables(_walks(7))
    expected = evaluate(fitted, data, options=PLAIN).to_json()["models"]
    complete = evaluate(Recommender.load(tmp_path / "complete"), data, options=PLAIN)
    bare = evaluate(Recommender.load(tmp_path / "bare"), data, options=PLAIN)
    assert complete.to_json()["models"] == expected
    assert bare.split == "unseen" and bare.models["cooccurrence"]["ndcg@10"].mean > 0.9


def test_items_and_users_in_another_order_change_nothing(fitted: Recommender) -> None:
    rows = _walks(7)
    items = pl.DataFrame({"item_id": [f"i{n}" for n in reversed(range(12))], "title": ["t"] * 12})
    shuffled = Dataset.from_tables(rows.sample(fraction=1.0, shuffle=True, seed=1), items=items)
    plain = evaluate(fitted, Dataset.from_tables(rows), options=PLAIN)
    mixed = evaluate(fitted, shuffled, options=PLAIN)
    assert mixed.models["cooccurrence"]["ndcg@10"].mean == pytest.approx(plain.models["cooccurrence"]["ndcg@10"].mean)


@pytest.mark.parametrize("n_events", [6, 7])
@pytest.mark.parametrize(
    ("options", "seed", "named"),
    [
        ({"ties": "random"}, None, "ties would"),
        ({"refit": True, "seeds": 3}, None, "seeds, refit would"),
        ({"folds": 2}, None, "folds would"),
        ({}, 1, "seed would"),
    ],
)
def test_options_of_a_split_need_one(
    fitted: Recommender, options: dict[str, Any], seed: int | None, named: str, n_events: int
) -> None:
    """Also where the bundle has seen all events (6 a user) and its recipe would be fitted again."""
    data = Dataset.from_tables(_walks(n_events))
    with pytest.raises(UsageError, match=rf"{named} not count. Name a split \(--split time\)"):
        evaluate(fitted, data, CompareOptions(**options), seed=seed)


def test_the_seed_is_of_all_that_is_fitted(fitted: Recommender) -> None:
    data = Dataset.from_tables(_walks(7))
    comparison = evaluate(fitted, data, split="leave-one-out", seed=7, options=PLAIN)
    assert comparison.options["seed"] == 7 and comparison.records["cooccurrence"].seed == 7
    beside = evaluate(fitted, data, beside=["popularity"], seed=7, options=PLAIN)
    assert beside.split == "unseen" and beside.records["popularity"].seed == 7
    again = evaluate(fitted, Dataset.from_tables(_walks(6)), beside=["popularity"], seed=7, options=PLAIN)
    assert again.split == "time" and again.records["cooccurrence"].seed == 7, "all was seen: fitted again"
    assert beside.records["cooccurrence"].seed == 0, "the bundle is as it was"


def test_where_all_was_seen_and_nothing_is_left_to_split_the_message_says_both(fitted: Recommender) -> None:
    last = Dataset.from_tables(_walks(6).filter(pl.col("timestamp") >= 5000))
    with pytest.raises(
        DataError, match=r"has seen every event .*split by time either.*--split leave-one-out"
    ) as raised:
        evaluate(fitted, last)
    assert "is left for the validation" in str(raised.value), "the error of the split is part of it"
    with pytest.raises(DataError, match=r"^(?!The bundle has seen)"):
        evaluate(fitted, last, split="time")


@pytest.mark.parametrize("kind", ["collect", "view"])
def test_kinds_that_the_bundle_has_not_learned_are_read_as_when_serving(kind: str) -> None:
    """The bundle's first kind is `dislike`: an unknown kind is none."""
    disliked = [("u0", "i0", 0, "dislike")]
    learned = [(f"u{u}", f"i{(u + step) % 12}", 10 + step, "view") for u in range(24) for step in range(6)]
    fresh = [(f"v{u}", f"i{(u + step) % 12}", 100 + step, kind) for u in range(12) for step in range(3)]
    refused = [(f"v{u}", f"i{(u + 6) % 12}", 99, "hide") for u in range(12)]

    def data(rows: list[tuple[str, str, int, str]]) -> Dataset:
        return Dataset.from_tables(pl.DataFrame(rows, ["user_id", "item_id", "timestamp", "event"], orient="row"))

    bundle = Recommender.fit(data(disliked + learned), Config(model="cooccurrence"))
    assert bundle.dataset.kinds.ids.to_list() == ["dislike", "view"]
    comparison = evaluate(bundle, data(fresh + refused), options=replace(PLAIN, target="last"))
    assert comparison.users == 12 and comparison.models["cooccurrence"]["mrr@10"].mean == 1.0
    notes = " ".join(comparison.notes)
    assert "12 events of histories were left out: their kind says 'not this'" in notes
    assert ("24 events of histories are of kinds that the bundle has not learned" in notes) is (kind != "view")
