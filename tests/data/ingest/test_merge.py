"""New rows join a dataset: codes stay, nothing is doubled, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import merge
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

EVENTS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("uvwxyz"), st.integers(1, 50)), min_size=1, max_size=25
)


def log(rows: list[tuple[str, str, int]], **more: list[object]) -> pl.DataFrame:
    users, items, times = zip(*rows, strict=True)
    return pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times, **more})


def told(data: Dataset) -> list[tuple[str, str, int]]:
    """The events with ids in place of codes, in order."""
    users = data.user_vocabulary.decode(data.events["user"].to_numpy())
    items = data.item_vocabulary.decode(data.events["item"].to_numpy())
    return list(zip(users, items, data.events["time_s"].to_list(), strict=True))


@settings(max_examples=40)
@given(EVENTS, EVENTS)
def test_joined_bit_by_bit_or_at_once_it_is_the_same_log(first: list, second: list) -> None:  # type: ignore[type-arg]
    old, new = Dataset.from_tables(log(first)), Dataset.from_tables(log(second))
    merged = merge(old, new)
    data = merged.dataset
    assert sorted(told(data)) == sorted({*first, *second})
    assert [(u, t) for u, _, t in told(data)] == sorted(
        [(u, t) for u, _, t in told(data)], key=lambda e: (data.user_vocabulary.ids.to_list().index(e[0]), e[1])
    )
    # old codes keep their numbers
    assert data.item_vocabulary.ids.head(old.n_items).equals(old.item_vocabulary.ids)
    assert data.user_vocabulary.ids.head(old.n_users).equals(old.user_vocabulary.ids)
    # rows say where each event came from
    known = merged.old_rows >= 0
    assert sorted(merged.old_rows[known]) == list(range(old.n_events))
    for part, rows in ((old, merged.old_rows), (new, merged.new_rows)):
        at = np.flatnonzero(rows >= 0)
        assert [told(data)[e] for e in at] == [told(part)[r] for r in rows[at]]
    assert data.events["event_id"].is_unique().all()
    assert merged.known_events == new.n_events - merged.is_new.sum()
    again = merge(data, new)
    assert not any(again.counts.values()) and told(again.dataset) == told(data)


def test_event_ids_decide_where_both_logs_have_them() -> None:
    """Two purchases of one thing in one second are two events if their ids say so."""
    old = Dataset.from_tables(log([("a", "x", 1)], event_id=["p1"]))
    new = Dataset.from_tables(log([("a", "x", 1), ("a", "x", 1), ("a", "y", 9)], event_id=["p2", "p1", "p3"]))
    merged = merge(old, new)
    assert merged.dataset.events["event_id"].to_list() == ["p1", "p2", "p3"] and merged.known_events == 1


def test_ids_made_by_reading_are_made_anew() -> None:
    old = Dataset.from_tables(log([("a", "x", 1), ("a", "y", 2)]))
    new = Dataset.from_tables(log([("a", "z", 3), ("b", "x", 4)]))
    ids = merge(old, new).dataset.events["event_id"].to_list()
    assert ids[:2] == old.events["event_id"].to_list() and len(set(ids)) == 4


def test_given_ids_stay_beside_made_ones() -> None:
    old = Dataset.from_tables(log([("a", "x", 1), ("a", "y", 2)], event_id=["p1", "p2"]))
    new = Dataset.from_tables(log([("a", "z", 3), ("b", "x", 4), ("b", "y", 5)], event_id=["q1", "p2", None]))
    ids = merge(old, new).dataset.events["event_id"].to_list()
    assert ids == ["p1", "p2", "q1", "e4", "e5"], "p2 is taken, and the last was made by reading"


@pytest.mark.parametrize("words", [["浏览", "收藏", "add to cart"], ["View", "favorite", "Add-To-Cart"]])
def test_kinds_that_an_older_bundle_names_otherwise_are_the_same(words: list[str]) -> None:
    """Bundles hold `浏览` or `add to cart` from when these words were no kinds of ours."""
    rows = [("a", "x", 1), ("a", "y", 2), ("b", "z", 3)]
    read = Dataset.from_tables(log(rows, event=words))
    assert read.kinds.ids.to_list() == ["view", "favorite", "add_to_cart"]
    old = replace(read, kinds=Vocabulary(words), named_events=None)
    assert merge(old, read).counts["events"] == 0
    more = Dataset.from_tables(log([*rows, ("b", "x", 4), ("b", "y", 5)], event=[*words, "加购", "share"]))
    merged = merge(old, more)
    assert merged.known_events == 3 and merged.counts["events"] == 2
    assert merged.dataset.kinds.ids.to_list() == [*words, "share"]
    assert merged.dataset.events["kind"].to_list() == [0, 1, 2, 2, 3]


def test_two_kinds_that_the_known_log_holds_as_one() -> None:
    old = replace(Dataset.from_tables(log([("a", "x", 1)])), kinds=Vocabulary(["浏览"]))
    new = Dataset.from_tables(log([("a", "x", 1), ("a", "y", 2)], event=["view", "click"]))
    both = replace(new, kinds=Vocabulary(["view", "浏览"]))
    merged = merge(old, both)
    assert merged.dataset.kinds.ids.to_list() == ["浏览"] and merged.dataset.events["kind"].to_list() == [0, 0]


def test_undated_events_without_ids_are_refused() -> None:
    old = Dataset.from_tables(log([("a", "x", 1)]))
    new = Dataset.from_tables(pl.DataFrame({"user_id": ["a"], "item_id": ["y"], "seq": [5]}))
    with pytest.raises(DataError, match="cannot be compared with the known events"):
        merge(old, new)


def test_attributes_grow_and_change() -> None:
    items = pl.DataFrame({"item_id": ["x", "y"], "title": ["one", "two"], "price": [1.0, 2.0]})
    old = Dataset.from_tables(log([("a", "x", 1), ("a", "y", 2)]), items)
    more = pl.DataFrame({"item_id": ["z", "y"], "title": ["three", "second"], "maker": ["m", None]})
    merged = merge(old, Dataset.from_tables(log([("a", "x", 3)]), more))
    found = merged.dataset.items
    assert found["title"].to_list() == ["one", "second", "three"]
    assert found["price"].to_list() == [1.0, 2.0, None] and found["maker"].to_list() == [None, None, "m"]
    assert merged.changed_items.tolist() == [1]
    assert merged.counts == {"events": 1, "items": 1, "users": 0, "changed_items": 1, "changed_users": 0}


@pytest.mark.parametrize(
    ("known", "new", "joined", "lost"),
    [
        ([1, 2], ["cheap", "12"], [1, 12], 1),
        ([1, 2], [2.5, 3.0], [2.5, 3.0], 0),
        ([1, 2], ["2.5", None], [2.5, 2.0], 0),
        ([1, 2**60 + 1], [2.5, 7.0], [1, 7], 1),
        ([1, 2], [2**63, 5], [2.0**63, 5.0], 0),
        ([1.5, 2.5], ["dear", " "], [1.5, 2.5], 1),
        (["red", "blue"], [3, 4], ["3", "4"], 0),
        (["red", "blue"], [["green", "red"], None], ["green, red", "blue"], 0),
        ([["a"], ["b", "c"]], ["d|e", None], [["d", "e"], ["b", "c"]], 0),
        ([1, 2], [[3], [4]], [1, 2], 2),
        ([[1], [2]], [["x"], None], [[1], [2]], 1),
        ([True, False], ["False", "perhaps"], [False, False], 1),
        ([date(2020, 1, 1), date(2020, 1, 2)], ["soon", None], [date(2020, 1, 1), date(2020, 1, 2)], 1),
        ([None, None], ["m", None], ["m", None], 0),
    ],
)
def test_values_of_another_type_are_read_or_counted(
    known: list[object], new: list[object], joined: list[object], lost: int
) -> None:
    """Of known ids: what cannot be read leaves what was there, and is counted."""
    old, fresh = (pl.DataFrame({"item_id": ["x", "y"], "of": column}) for column in (known, new))
    events = log([("a", "x", 1), ("a", "y", 2)])
    merged = merge(Dataset.from_tables(events, old), Dataset.from_tables(events, fresh))
    assert merged.dataset.items["of"].to_list() == joined
    assert merged.unread == ({"items": {"of": lost}} if lost else {})
    changed = [n for n, (a, b) in enumerate(zip(known, joined, strict=True)) if a != b]
    assert merged.changed_items.tolist() == changed


def comments(texts: list[str], seconds: list[int], **more: list[object]) -> pl.DataFrame:
    """One person's comments without an item."""
    same = {"user_id": ["a"] * len(texts), "item_id": [None] * len(texts), "event": ["comment"] * len(texts)}
    return pl.DataFrame({**same, "timestamp": seconds, "text": texts, **more}, schema_overrides={"item_id": pl.String})


def test_own_content_tells_events_of_one_second_apart() -> None:
    old = Dataset.from_tables(comments(["good", "fine"], [5, 6]))
    merged = merge(old, Dataset.from_tables(comments(["good", "bad"], [5, 5])))
    assert merged.dataset.events["text"].to_list() == ["good", "bad", "fine"] and merged.known_events == 1
    assert merge(merged.dataset, Dataset.from_tables(comments(["bad"], [5]))).known_events == 1


def test_own_content_that_only_one_log_has() -> None:
    plain, told = log([("a", "x", 1)]), log([("a", "x", 1), ("a", "x", 1)], text=[None, "why"])
    merged = merge(Dataset.from_tables(plain), Dataset.from_tables(told))
    assert merged.dataset.events["text"].to_list() == [None, "why"] and merged.known_events == 1
    back = merge(Dataset.from_tables(told), Dataset.from_tables(plain))
    assert back.known_events == 1 and back.dataset.events["text"].to_list() == [None, "why"]


def test_ids_of_ones_own_may_look_like_made_ones(tmp_path: Path) -> None:
    """`e1001` in the file is a name like any other, in a bundle read again too."""
    old = Dataset.from_tables(log([("a", "x", 1), ("a", "y", 2)], event_id=["e1000", "e1001"]))
    new = Dataset.from_tables(log([("a", "y", 2), ("a", "y", 2)], event_id=["e1001", "e1002"]))
    merged = merge(old, new)
    assert merged.dataset.events["event_id"].to_list() == ["e1000", "e1001", "e1002"] and merged.known_events == 1
    rec = Recommender.fit(old, Config(model="popularity"))
    rec.save(tmp_path / "b")
    fresh = Recommender.load(tmp_path / "b").update(new)
    assert fresh.dataset.events["event_id"].to_list() == ["e1000", "e1001", "e1002"]


def test_ids_that_reading_made_beside_given_ones_name_nothing_elsewhere() -> None:
    old = Dataset.from_tables(log([("a", "x", 1), ("a", "y", 2)], event_id=["p1", None]))
    new = Dataset.from_tables(log([("b", "x", 3), ("b", "y", 4)], event_id=["p2", None]))
    found = merge(old, new).dataset
    assert found.n_events == 4 and found.events["event_id"].is_unique().all()


def test_own_ids_stay_where_the_known_log_has_none() -> None:
    old = Dataset.from_tables(log([("a", "x", 1)]))
    new = Dataset.from_tables(log([("a", "y", 2), ("a", "z", 3)], event_id=["e0", "e77"]))
    assert merge(old, new).dataset.events["event_id"].to_list() == ["e0", "e78", "e77"]
