from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.results.records import FitRecord
from penchant.data.vocabulary import Vocabulary
from penchant.evaluation.unseen import Unseen, hold_out_unseen

OLD = [("a", "x", 1), ("a", "y", 2), ("b", "y", 1), ("b", "z", 5), ("c", "x", 3)]
NEW = [("a", "z", 10), ("a", "x", 11), ("b", "new", 12), ("b", "x", 13), ("d", "x", 20), ("d", "y", 21)]


def _data(rows: list[tuple[str, str, int]], kind: str = "view") -> Dataset:
    users, items, times = zip(*rows, strict=True)
    return Dataset.from_tables(
        pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times, "event": [kind] * len(rows)})
    )


def _bundle(histories: bool = True, **record: Any) -> Any:
    data = _data(OLD)
    kept = data if histories else data.where(pl.lit(False))
    return SimpleNamespace(
        dataset=kept, record=FitRecord(**{"model": "x", "trained_until_s": 5, "events": len(OLD)} | record)
    )


def _split(unseen: Unseen | None) -> dict[str, tuple[list[str], list[str]]]:
    """History and targets of each tested user, in ids (`?`: unknown to the bundle)."""
    assert unseen is not None
    names = unseen.dataset.item_vocabulary.ids.to_list()
    users = {}
    for row, user in enumerate(unseen.holdout.histories.users):
        history = [names[i] for i in unseen.holdout.histories.history_items.row(row)]
        targets = [names[i] if i < len(names) else "?" for i in unseen.holdout.targets.row(row)]
        users[unseen.dataset.user_vocabulary.decode([int(user)])[0]] = history, targets
    return users


def test_only_new_events_are_targets_and_all_before_them_is_history() -> None:
    unseen = hold_out_unseen(_bundle(), _data(OLD + NEW))
    assert _split(unseen) == {"a": (["x", "y"], ["z"]), "b": (["y", "z"], ["?"]), "d": (["x"], ["y"])}
    assert unseen is not None and unseen.holdout.histories.query_times_s is not None
    assert unseen.holdout.histories.query_times_s.tolist() == [10, 12, 21]
    assert unseen.learned.n_events == len(OLD) and unseen.learned.n_items == 3
    assert unseen.notes[0] == "The data have 6 events that the bundle has not seen; 3 users were tested on 3 of them."
    assert unseen.notes[1] == "1 of 3 targets (33.3%) are items unknown to the bundle: misses."


def test_new_rows_alone_are_joined_to_the_histories_of_the_bundle() -> None:
    assert _split(hold_out_unseen(_bundle(), _data(NEW))) == _split(hold_out_unseen(_bundle(), _data(OLD + NEW)))


def test_targets_last_and_all() -> None:
    last = _split(hold_out_unseen(_bundle(), _data(OLD + NEW), target="last"))
    assert last["b"] == (["y", "z"], ["x"]) and last["a"] == (["x", "y"], ["z"])
    every = _split(hold_out_unseen(_bundle(), _data(OLD + NEW), target="all"))
    assert sorted(every["b"][1]) == ["?", "x"] and every["a"][1] == ["z"]
    again = _split(hold_out_unseen(_bundle(), _data(OLD + NEW), target="all", repeats=True))
    assert sorted(again["a"][1]) == ["x", "z"]


def test_without_new_events_no_user_is_tested() -> None:
    assert hold_out_unseen(_bundle(), _data(OLD)) is None
    assert hold_out_unseen(_bundle(), _data([("z", "new", 9)])) is None
    assert hold_out_unseen(_bundle(), _data([*OLD, ("a", "z", 9)], kind="view")) is not None
    assert hold_out_unseen(_bundle(), _data([("a", "z", 9)], kind="hide")) is None


def test_kinds_of_an_older_bundle_are_found_under_our_name() -> None:
    """It learned 收藏 before that was `favorite`: the same word is no kind that it has not learned."""
    learned = Dataset.from_tables(
        pl.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"], "timestamp": [1, 2], "event": ["click", "收藏"]})
    )
    bundle = _bundle()
    bundle.dataset = replace(learned, kinds=Vocabulary(["click", "收藏"]))
    unseen = hold_out_unseen(bundle, _data([("a", "x", 10), ("a", "y", 11)], kind="收藏"), target="last", repeats=True)
    assert unseen is not None and unseen.holdout.histories.kinds.tolist() == [0, 1, 1]
    assert not [note for note in unseen.notes if "not learned" in note]


def test_without_histories_only_later_times_count_as_unseen() -> None:
    bundle = _bundle(histories=False)
    early = _data([*OLD, ("c", "y", 4)])
    assert hold_out_unseen(bundle, early) is None
    assert _split(hold_out_unseen(_bundle(), early)) == {"c": (["x"], ["y"])}
    assert _split(hold_out_unseen(bundle, _data(OLD + NEW)))["a"] == (["x", "y"], ["z"])
    assert hold_out_unseen(_bundle(histories=False, trained_until_s=0), _data(OLD + NEW)) is None


def test_shortened_histories_do_not_make_old_events_new() -> None:
    data = _data(OLD)
    cut = SimpleNamespace(
        dataset=data.where(pl.col("time_s") > 1), record=FitRecord("x", trained_until_s=5, events=len(OLD))
    )
    assert hold_out_unseen(cut, data) is None


def test_seen_items_are_left_out_and_unknown_ones_of_the_history_are_counted() -> None:
    unseen = hold_out_unseen(_bundle(), _data([*OLD, ("c", "new", 6), ("c", "z", 7)]), target="last")
    assert _split(unseen) == {"c": (["x"], ["z"])}
    assert unseen is not None and unseen.holdout.seen.row(0).tolist() == [0]
    assert unseen.notes[-1] == "1 events of histories on items unknown to the bundle were left out."
    assert (unseen.holdout.histories.items >= 0).all()


@pytest.mark.parametrize("order", [1, -1])
def test_codes_of_the_data_do_not_matter(order: int) -> None:
    rows = (OLD + NEW)[::order]
    unseen = hold_out_unseen(_bundle(), _data(rows))
    assert set(_split(unseen)) == {"a", "b", "d"}
    assert np.array_equal(np.sort(unseen.holdout.histories.users), np.unique(unseen.holdout.histories.users))
