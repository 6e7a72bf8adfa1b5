"""Rules that flag rows, each on a table with planted dirt and the rows that it must flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.cleaning.bots import BotOptions, find_bots, measure_users
from penchant.cleaning.clean import RULES, CleaningOptions, clean, find
from penchant.cleaning.copied_texts import find_copied_texts
from penchant.cleaning.finding import Finding
from penchant.cleaning.impossible import (
    ImpossibleOptions,
    clear_impossible_cells,
    find_events_before_item,
    find_impossible_events,
)
from penchant.cleaning.k_core import find_outside_core
from penchant.cleaning.repeated_events import find_repeated_events
from penchant.data.dataset import Dataset
from penchant.errors import OptionError

DAY = 86_400
START = 1_700_000_000


def dataset(
    users: str, items: str, times: list[int], catalogue: dict[str, Any] | None = None, **columns: Any
) -> Dataset:
    table = {"user_id": list(users), "item_id": list(items), "timestamp": times} | columns
    return Dataset.from_tables(table, catalogue)


def ids(finding: Finding) -> list[str]:
    return finding.details["event_id"].to_list()


def balanced(data: Dataset, table: str) -> bool:
    assert data.report is not None
    counts = data.report.tables[table]
    rejected = data.report.quarantine.get(table)
    complete = counts.rows_read == counts.rows_kept + counts.duplicates_dropped + counts.rows_quarantined
    return complete and counts.rows_quarantined == (0 if rejected is None else rejected.height)


def test_repeated_events() -> None:
    #              e0   e1: repeat  e2: another item   e3: later   e4: another user   e5: another kind
    data = dataset("uuuuvu", "aabaaa", [START, START + 1, START + 1, START + 9, START + 1, START + 2],
                   event=["view", "view", "view", "view", "view", "buy"])  # fmt: skip
    finding = find_repeated_events(data)
    assert ids(finding) == ["e1"] and finding.details["gap_s"].to_list() == [1]
    assert ids(find_repeated_events(data, within_s=10)) == ["e1", "e3"]
    smaller = finding.quarantine(data)
    assert smaller.n_events == 5 and balanced(smaller, "events")
    assert smaller.report is not None
    rejected = smaller.report.quarantine["events"]
    assert rejected.select("event_id", "user_id", "item_id", "event", "reason").rows() == [
        ("e1", "u", "a", "view", "repeats an event within 2 s")
    ]


def test_events_without_an_item_are_no_repeats() -> None:
    data = dataset("uu", "aa", [START, START])
    without_items = Dataset.from_tables(
        {"user_id": ["u", "u"], "text": ["x", "y"], "timestamp": [START, START], "item_id": [None, None]}
    )
    assert len(find_repeated_events(without_items)) == 0 and data.n_events == 1  # reading drops exact duplicates


def test_impossible_events() -> None:
    data = dataset("uuuu", "abcd", [START, START + DAY, START + 2 * DAY, START + 3 * DAY], value=[5, 11, 3, None])
    assert ids(find_impossible_events(data, ImpossibleOptions(value=(1, 10)))) == ["e1"]
    assert ids(find_impossible_events(data, ImpossibleOptions(since_s=START + 1, until_s=START + 2 * DAY))) == [
        "e0",
        "e3",
    ]
    assert len(find_impossible_events(data)) == 0


def test_impossible_cells_become_missing() -> None:
    data = dataset(
        "uu", "ab", [1, 2], {"item_id": ["a", "b"], "price": [-3.0, 5.0]}, dwell_s=[10.0, 1e9], propensity=[1.5, 0.5]
    )
    repair = clear_impossible_cells(data)
    assert repair.cells == {"events.dwell_s": 1, "events.propensity": 1, "items.price": 1}
    assert repair.dataset.events["dwell_s"].to_list() == [10.0, None]
    assert repair.dataset.items["price"].to_list() == [None, 5.0]
    assert repair.dataset.report is not None
    notes = repair.dataset.report.tables["items"].notes
    assert "1 cells of price outside 0 to 1,000,000,000 cleared" in notes


def test_events_before_their_item() -> None:
    born = {"item_id": ["a", "b", "c"], "created_at": [START, START, None]}
    data = dataset("uuuu", "abcb", [START + 5, START - 3 * DAY, 10, START - 100], born)
    finding = find_events_before_item(data)
    assert ids(finding) == ["e1"] and finding.details["early_s"].to_list() == [3 * DAY]
    assert len(find_events_before_item(data, slack_s=50)) == 2
    assert len(find_events_before_item(dataset("u", "a", [1]))) == 0


def test_core_by_hand() -> None:
    # v has one event; without it, item c has one event left and leaves, and then user w leaves
    data = dataset("uuxxvwww", "ababcabc", list(range(1, 9)))
    finding = find_outside_core(data, users=3, items=2)
    assert len(finding) == data.n_events
    assert ids(find_outside_core(data, users=2, items=2)) == ["e4", "e7"]
    kept = find_outside_core(data, users=2, items=2).quarantine(data)
    assert kept.n_events == 6 and kept.n_users == 4 and kept.n_items == 3 and balanced(kept, "events")


def test_core_agrees_with_removing_one_by_one() -> None:
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, 12, size=(60, 2)), axis=0)
    rows = {(int(u), int(i)) for u, i in pairs}
    users, items = zip(*((f"u{u}", f"i{i}") for u, i in sorted(rows)), strict=True)
    data = Dataset.from_tables({"user_id": users, "item_id": items, "timestamp": range(1, len(rows) + 1)})
    kept = set(rows)
    while True:
        weak = {p for p in kept if sum(q[0] == p[0] for q in kept) < 4 or sum(q[1] == p[1] for q in kept) < 4}
        if not weak:
            break
        kept -= {sorted(weak)[0]}
    finding = find_outside_core(data, users=4, items=4)
    assert {tuple(row) for row in finding.details.select("user_id", "item_id").rows()} == {
        (f"u{u}", f"i{i}") for u, i in rows - kept
    }


def humans_and_bots() -> Dataset:
    """Ten humans with sleep and pauses, and four bots: a timer, one without sleep, a flood, one on one item."""
    rng = np.random.default_rng(1)
    users: list[str] = []
    items: list[str] = []
    times: list[int] = []

    def add(user: str, moments: np.ndarray[Any, Any], chosen: np.ndarray[Any, Any]) -> None:
        users.extend([user] * len(moments))
        times.extend(int(t) for t in moments)
        items.extend(f"i{k}" for k in chosen)

    for human in range(10):
        day = rng.integers(0, 30, 60) * DAY + rng.integers(8, 23, 60) * 3600 + rng.integers(0, 3600, 60)
        add(f"human{human}", START + day, rng.integers(0, 200, 60))
    add("timer", START + np.arange(50) * 7200, rng.integers(0, 200, 50))
    add("sleepless", START + np.sort(rng.integers(0, 3 * DAY, 400)), rng.integers(0, 200, 400))
    add("flood", START + np.sort(rng.integers(0, 3000, 1500)), rng.integers(0, 200, 1500))
    add("lover", START + np.sort(rng.integers(0, 30, 60)) * DAY + rng.integers(0, 9000, 60), np.full(60, 7))
    return Dataset.from_tables({"user_id": users, "item_id": items, "timestamp": times})


def test_bots() -> None:
    data = humans_and_bots()
    finding = find_bots(data)
    signals = dict(finding.details.select("user_id", "signals").rows())
    assert signals == {"timer": "regular", "sleepless": "sleepless", "flood": "fast", "lover": "repetitive"}
    assert find_bots(data, BotOptions(signals=2)).details["user_id"].to_list() == []
    table = measure_users(data)
    assert table.filter(pl.col("user_id") == "timer")["gap_entropy"].item() == 0
    assert table.filter(pl.col("user_id") == "lover")["same_item"].item() == 1
    assert table["events"].sum() == data.n_events
    quiet = finding.quarantine(data)
    assert quiet.n_users == data.n_users and quiet.n_events < data.n_events and balanced(quiet, "events")


def test_measures_agree_with_counting() -> None:
    rng = np.random.default_rng(2)
    times = np.sort(rng.integers(START, START + 20_000, 300))
    users = rng.integers(0, 3, 300)
    data = Dataset.from_tables({"user_id": [f"u{u}" for u in users], "item_id": ["a"] * 300, "timestamp": times,
                                "seq": np.arange(300)})  # fmt: skip
    table = measure_users(data)
    for row, user in enumerate(data.user_vocabulary.ids.to_list()):
        mine = times[users == int(user[1:])]
        assert table["per_hour"][row] == max(int(((mine >= t) & (mine < t + 3600)).sum()) for t in mine)


def test_copied_texts() -> None:
    spam = [f"Buy cheap watches at my shop today, friends{'!' * k}" for k in range(5)]
    texts = [*spam, "great!", "great!", "great!", "great!", "great!", "A long and thoughtful remark about lamps", None]
    n = len(texts)
    data = dataset("u" * n, "a" * n, list(range(1, n + 1)), text=texts)
    assert ids(find_copied_texts(data)) == [f"e{k}" for k in range(5)]
    assert find_copied_texts(data).details["copies"].to_list() == [5] * 5
    assert len(find_copied_texts(data, copies=6)) == 0
    assert len(find_copied_texts(dataset("u", "a", [1]))) == 0


def test_all_rules_together_lose_nothing() -> None:
    data = humans_and_bots()
    options = CleaningOptions(drop=("bots", "repeated_events", "k_core"), core=(5, 2))
    cleaned, findings = clean(data, options)
    assert [finding.rule for finding in findings] == [
        "events_before_item", "repeated_events", "bots", "k_core"
    ]  # fmt: skip
    assert 0 < cleaned.n_events < data.n_events and balanced(cleaned, "events")
    assert len(find_outside_core(cleaned, users=5, items=2)) == 0


def test_by_default_rows_are_flagged_and_kept() -> None:
    data = humans_and_bots()
    cleaned, findings = clean(data)
    assert cleaned.n_events == data.n_events and cleaned.report is not None
    assert "4 rows flagged, not dropped: behaves like a bot" in cleaned.report.tables["users"].notes
    assert {finding.rule: len(finding) for finding in findings}["bots"] == 4


def test_every_rule_has_a_name_and_others_are_errors() -> None:
    data = dataset("uv", "ab", [1, 2])
    for rule in RULES:
        assert find(rule, data).rule == rule
    with pytest.raises(OptionError, match=r"rule='duplicate' is not known.*Did you mean 'duplicates'"):
        CleaningOptions(drop=("duplicate",))
    with pytest.raises(OptionError, match="rule='x' is not known"):
        find("x", data)
    with pytest.raises(OptionError, match=r"rule='suspicious_users' is not known\. It is now called 'bots'"):
        CleaningOptions(flag=("suspicious_users",))


@pytest.mark.parametrize(
    ("name", "events"), [("movielens-1m", 999_611), ("amazon-beauty", 198_502), ("online-retail", 399_687)]
)
def test_real_data_keeps_its_events(shared_data: Path, name: str, events: int) -> None:
    cleaned, findings = clean(Dataset.load(shared_data / name))
    assert cleaned.n_events == events
    assert all(len(finding) == 0 for finding in findings)
