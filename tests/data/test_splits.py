"""Splits by hand, and what every split must keep: nothing of the test in a training part, no history of the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.dataset import Dataset
from penchant.data.splits import Holdout, How, Split, Target, Ties, shuffle_ties, split
from penchant.errors import DataError, OptionError, UsageError


def dataset(rows: str, **columns: Any) -> Dataset:
    """One event per word: `u:item@time`, with `-` before the item for a dislike and `~` for none."""
    table: dict[str, list[Any]] = {"user_id": [], "item_id": [], "timestamp": [], "event": [], "text": []}
    for word in rows.split():
        user, rest = word.split(":")
        item, time = rest.split("@")
        table["user_id"].append(user)
        table["item_id"].append(None if item == "~" else item.lstrip("-"))
        table["timestamp"].append(int(time))
        table["event"].append("dislike" if item.startswith("-") else "view")
        table["text"].append("words")
    return Dataset.from_tables(table | columns)


def told(data: Dataset, asked: Holdout) -> dict[str, tuple[str, str, str]]:
    """User → (history, targets, seen), items as letters in order."""
    out = {}
    for row, user in enumerate(asked.histories.users):
        parts = (asked.histories.history_items.row(row), asked.targets.row(row), asked.seen.row(row))
        words = ["".join("~" if code < 0 else data.item_vocabulary.ids[int(code)] for code in part) for part in parts]
        out[data.user_vocabulary.ids[int(user)]] = (words[0], words[1], words[2])
    return out


def events_of(data: Dataset) -> str:
    return "".join(data.item_vocabulary.ids[code] if code is not None else "~" for code in data.events["item"])


def test_leave_one_out_by_hand() -> None:
    data = dataset("u:a@1 u:b@2 u:c@3 u:d@4 v:a@1 v:b@2 w:c@1 w:d@2 w:e@3")
    cut = split(data, "leave-one-out")
    assert told(data, cut.test) == {"u": ("abc", "d", "abc"), "w": ("cd", "e", "cd")}
    assert told(data, cut.validation) == {"u": ("ab", "c", "ab"), "w": ("c", "d", "c")}
    assert events_of(cut.train) == "ababc" and events_of(cut.train_and_validation) == "abcabcd"
    assert cut.test.histories.query_times_s is not None and cut.test.histories.query_times_s.tolist() == [4, 3]
    assert cut.notes[0] == "1 users with fewer than three possible targets are in training only."
    assert cut.test.candidates is None


def test_what_is_disliked_or_has_no_item_is_history_but_never_a_target() -> None:
    data = dataset("u:a@1 u:b@2 u:c@3 u:-d@4 u:~@5")
    cut = split(data, "leave-one-out")
    assert told(data, cut.test) == {"u": ("ab", "c", "ab")}
    later = dataset("u:a@1 u:-x@2 u:~@3 u:b@4 u:c@5")
    assert told(later, split(later, "leave-one-out").test) == {"u": ("ax~b", "c", "axb")}
    assert events_of(cut.train_and_validation) == "ab"  # nothing after the target stays


def test_repeats_are_targets_only_where_allowed() -> None:
    data = dataset("u:a@1 u:b@2 u:c@3 u:a@4")
    assert told(data, split(data, "leave-one-out").test) == {"u": ("ab", "c", "ab")}
    assert told(data, split(data, "leave-one-out", repeats=True).test) == {"u": ("abc", "a", "")}


TIMED = "u:a@1 u:b@2 u:c@11 u:d@12 v:a@3 v:b@4 w:a@5 w:e@13 x:f@14 x:a@15 y:a@6 y:b@7 y:c@8"


def test_time_by_hand() -> None:
    data = dataset(TIMED)
    cut = split(data, "time", quantile=0.65)  # 13 events, the cut is at the 8th: 8 < cut = 11
    assert cut.notes[0] == (
        "Cut at 1970-01-01 00:00:08 UTC (quantile 0.65 of event times), inner cut at 1970-01-01 00:00:04 UTC."
    )
    assert told(data, cut.test) == {"u": ("ab", "c", "ab"), "w": ("a", "e", "a"), "y": ("ab", "c", "ab")}
    assert cut.train_and_validation.events["time_s"].to_list() == [1, 2, 3, 4, 5, 6, 7]
    assert cut.train.events["time_s"].to_list() == [1, 2, 3]


def test_time_targets() -> None:
    rows = "u:a@1 u:b@2 u:c@11 u:-z@12 u:d@13 v:a@3 v:b@4 v:c@5 v:d@6 v:a@7"
    data = dataset(rows)
    first, last, every = (split(data, "time", quantile=0.55, target=target).test for target in ("first", "last", "all"))
    assert told(data, first)["u"] == ("ab", "c", "ab")
    assert told(data, last)["u"] == ("abcz", "d", "abcz")
    assert told(data, every)["u"] == ("ab", "cd", "ab")
    assert last.histories.query_times_s is not None and last.histories.query_times_s[0] == 13
    assert every.histories.query_times_s is not None and every.histories.query_times_s[0] == 11


def test_time_with_repeats_asks_for_each_item_once() -> None:
    data = dataset("u:a@1 u:b@2 u:a@11 u:a@12 u:b@13 v:a@1 v:b@2 v:c@3 v:d@4 v:e@5 v:f@6")
    asked = split(data, "time", quantile=0.7, target="all", repeats=True).test
    assert told(data, asked)["u"] == ("ab", "ab", "")


def test_users_without_any_time_are_left_out_of_a_split_by_time() -> None:
    table = {"user_id": list("uuuvvwww"), "item_id": list("abcabcab"), "seq": [0, 1, 2, 0, 1, 0, 1, 2]}
    times = [1, 4, 9, None, None, 3, None, 8]
    data = Dataset.from_tables(table | {"timestamp": times})
    cut = split(data, "time", quantile=0.8)
    assert cut.notes[0] == "2 events of users without any time were left out."
    assert "v" not in told(data, cut.test)
    with pytest.raises(DataError, match=r"needs times, and no event has one\. Use leave-one-out or users"):
        split(Dataset.from_tables(table), "time")


def test_users_by_fold() -> None:
    data = dataset(" ".join(f"{user}:{item}@{time}" for user in "uvwxyz" for time, item in enumerate("abc", 1)))
    tested: list[int] = []
    for fold in range(3):
        cut = split(data, "users", folds=3, fold=fold, seed=5)
        tested += cut.test.histories.users.tolist()
        assert not set(cut.test.histories.users) & set(cut.train_and_validation.events["user"])
        assert not set(cut.validation.histories.users) & set(cut.train.events["user"])
        assert set(cut.validation.histories.users) <= set(cut.train_and_validation.events["user"])
        assert set(told(data, cut.test).values()) == {("ab", "c", "ab")}
    assert sorted(tested) == list(range(6))


def test_cold_items() -> None:
    letters = "abcdefghijklmnopqrst"
    rng = np.random.default_rng(0)
    rows = [f"{user}:{item}@{time}" for user in "uvwxyz" for time, item in enumerate(rng.permutation(list(letters)))]
    data = dataset(" ".join(rows))
    cut = split(data, "cold-items", seed=1)
    cold = set(cut.test.targets.values)
    both = set(cut.train_and_validation.events["item"])
    assert len(cold) <= 2 and not cold & both and len(both) == 18
    assert not cold & set(cut.validation.histories.items)
    pairs = set(zip(cut.train.events["user"], cut.train.events["item"], strict=True))
    trained = set(cut.train.events["item"])
    validation = zip(cut.validation.histories.users, cut.validation.targets.values, strict=True)
    for user, item in validation:  # new items for one half, the last known one for the other
        assert (user, item) not in pairs and (item in trained) == (user % 2 == 1)
    for history, target, _ in told(data, cut.test).values():
        assert len(target) == 1 and not set(data.item_vocabulary.encode(list(history))) & cold


def test_random_ties_change_only_ties() -> None:
    rows = "u:a@1 u:b@2 u:c@2 u:d@2 u:e@2 u:f@3 v:g@1"
    data = dataset(rows)
    orders = {events_of(shuffle_ties(data, seed)) for seed in range(20)}
    assert len(orders) > 5 and all(o[0] == "a" and o[5] == "f" and o[6] == "g" for o in orders)
    assert events_of(shuffle_ties(data, 3)) == events_of(shuffle_ties(data, 3))
    again = shuffle_ties(data, 3)
    assert again.events["seq"].to_list() == [0, 1, 2, 3, 4, 5, 0]
    cut = split(data, "leave-one-out", ties="random", seed=3)
    assert "Events of one user at one time were shuffled (seed 3)." in cut.notes
    assert cut.dataset.events.equals(again.events)


def test_histories_point_to_the_events_that_were_split() -> None:
    data = dataset("u:a@1 u:b@2 u:c@2 u:d@2 v:a@1 v:b@2 v:c@3")
    cut = split(data, "leave-one-out", ties="random", seed=1)
    rows = cut.test.histories.event_rows
    assert rows is not None
    assert cut.dataset.events["item"].gather(rows).to_list() == cut.test.histories.items.tolist()


@st.composite
def logs(draw: st.DrawFn) -> Dataset:
    cells = st.tuples(
        st.sampled_from("uvwxyz"), st.sampled_from(["a", "b", "c", "d", "e", "-f", "~"]), st.integers(1, 9)
    )
    rows = draw(st.lists(cells, min_size=3, max_size=40))
    return dataset(
        " ".join(f"{user}:{item}@{time}" for user, item, time in rows), event_id=[f"n{k}" for k in range(len(rows))]
    )


@settings(deadline=None, max_examples=40)
@given(
    logs(), st.sampled_from(get_args(How)), st.sampled_from(get_args(Target)), st.sampled_from(get_args(Ties)),
    st.booleans(), st.integers(0, 3),
)  # fmt: skip
def test_no_split_leaks(data: Dataset, how: How, target: Any, ties: Any, repeats: bool, seed: int) -> None:
    try:
        cut = split(data, how, target=target, ties=ties, repeats=repeats, seed=seed, folds=3, quantile=0.6)
    except DataError:
        return
    whole = cut.dataset.events.with_row_index("row")
    inside = {part: set(table.events["event_id"]) for part, table in _parts(cut).items()}
    assert inside["train"] <= inside["both"]
    for asked, known in ((cut.validation, inside["train"]), (cut.test, inside["both"])):
        assert asked.histories.event_rows is not None and asked.histories.query_times_s is not None
        for row in range(len(asked)):
            span = slice(*asked.histories.offsets[row : row + 2])
            targets, seen = asked.targets.row(row), asked.seen.row(row)
            history = asked.histories.event_rows[span]
            assert len(history) and len(targets) and (targets >= 0).all() and len(set(targets)) == len(targets)
            assert (asked.histories.times_s[span] <= asked.histories.query_times_s[row]).all()
            of_user = whole.filter(
                (pl.col("user") == int(asked.histories.users[row])) & (pl.col("row") > int(history[-1]))
            )
            asked_of = of_user.filter(pl.col("item").is_in(targets.tolist()) & (pl.col("kind") != _dislike(data)))
            assert asked_of.height
            assert not set(asked_of.head(1)["event_id"]) & known
            assert not len(seen) if repeats else not set(seen) & set(targets)


def _dislike(data: Dataset) -> int:
    return int(data.kinds.encode(["dislike"])[0])


def _parts(cut: Split) -> dict[str, Dataset]:
    return {"train": cut.train, "both": cut.train_and_validation}


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"how": "tme"}, OptionError, r"split='tme' is not known\. Allowed: time, leave-one-out.*Did you mean 'time'"),
        ({"target": "next"}, OptionError, r"target='next' is not known\. Allowed: first, last, all"),
        ({"ties": "odd"}, OptionError, r"ties='odd' is not known\. Allowed: stable, random"),
        ({"quantile": 1.0}, UsageError, r"quantile=1\.0 is out of range\. Give a share between 0 and 1"),
        ({"how": "users", "folds": 2}, UsageError, r"folds=2, fold=0 is out of range"),
        ({"how": "users", "folds": 5, "fold": 5}, UsageError, r"folds=5, fold=5 is out of range"),
    ],
)
def test_wrong_options(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        split(dataset(TIMED), **arguments)


def test_nobody_to_test() -> None:
    with pytest.raises(
        DataError, match=r"No user is left for the validation\. A tested user needs an event to predict"
    ):
        split(dataset("u:a@1 u:b@2"), "leave-one-out")
    with pytest.raises(DataError, match="needs events at different times"):
        split(dataset("u:a@1 u:b@1 u:c@1"), "time")
    with pytest.raises(DataError, match="three or more items with events, here 2"):
        split(dataset("u:a@1 u:b@2"), "cold-items")


def test_purchases_that_were_returned_are_never_targets(shared_data: Path) -> None:
    data = Dataset.load(shared_data / "online-retail")
    cut = split(data, "time", repeats=True, target="all")
    assert len(cut.test) > 900 and len(cut.test.seen.values) == 0
    bought = data.events.filter(pl.col("kind") == int(data.kinds.encode(["purchase"])[0]))
    pairs = set(zip(bought["user"].to_list(), bought["item"].to_list(), strict=True))
    users = cut.test.histories.users[cut.test.targets.rows]
    assert set(zip(users.tolist(), cut.test.targets.values.tolist(), strict=True)) <= pairs
