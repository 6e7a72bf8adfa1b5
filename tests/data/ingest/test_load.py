"""What becomes of rows: order, codes, duplicates, quarantine; and that no row is ever lost unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.ingest.load import IngestReport, build
from penchant.data.splits import split
from penchant.errors import DataError, SchemaError


def log(**columns: Any) -> dict[str, Any]:
    n = len(next(iter(columns.values())))
    return {"user_id": ["u"] * n, "item_id": [f"i{k}" for k in range(n)], "timestamp": list(range(1, n + 1))} | columns


def report(data: Dataset) -> IngestReport:
    assert data.report is not None
    return data.report


def reasons(data: Dataset, table: str = "events") -> dict[str, int]:
    return report(data).tables[table].quarantined


def items_of(data: Dataset) -> list[str | None]:
    return [None if code is None else data.item_vocabulary.ids[code] for code in data.events["item"]]


def test_users_and_items_are_coded_by_first_appearance() -> None:
    data = build(log(user_id=["b", "a", "b"], item_id=["y", "x", "z"]))
    assert data.user_vocabulary.ids.to_list() == ["b", "a"]
    assert data.item_vocabulary.ids.to_list() == ["y", "x", "z"]
    assert data.events["user"].to_list() == [0, 0, 1]
    assert data.events["event_id"].to_list() == ["e0", "e2", "e1"]


def test_tables_come_first_and_events_add_to_them() -> None:
    data = build(
        log(user_id=["b", "a", "b"], item_id=["y", "x", "z"]),
        items={"item_id": ["z", "q"], "title": ["Z", "Q"]},
        users={"user_id": ["a"], "age": [30]},
    )
    assert data.items.rows() == [("z", "Z"), ("q", "Q"), ("y", None), ("x", None)]
    assert data.users.rows() == [("a", 30), ("b", None)]
    assert report(data).tables["items"].added == 2 and report(data).tables["users"].added == 1
    assert "2 more appear in events only and were added" in str(report(data))


def test_events_are_sorted_below_the_second() -> None:
    data = build(log(timestamp=[2.75, 2.25, 1.5], item_id=["c", "b", "a"]))
    assert items_of(data) == ["a", "b", "c"]
    assert data.events["time_s"].to_list() == [1, 2, 2]
    assert data.events["seq"].to_list() == [0, 1, 2]


def test_ties_keep_the_order_of_the_file_or_of_seq() -> None:
    assert items_of(build(log(timestamp=[1, 1, 1], item_id=["c", "a", "b"]))) == ["c", "a", "b"]
    assert items_of(build(log(timestamp=[1, 1, 1], item_id=["c", "a", "b"], seq=[3, 1, 2]))) == ["a", "b", "c"]


def test_seq_orders_where_times_are_missing() -> None:
    data = build(log(timestamp=[None, 5, None, 9], seq=[0, 1, 2, 3]))
    assert items_of(data) == ["i0", "i1", "i2", "i3"]
    assert data.events["time_s"].to_list() == [None, 5, None, 9]
    assert data.sequences().times_s.tolist() == [5, 5, 5, 9]
    without = build({"user_id": ["u", "u"], "item_id": ["a", "b"], "seq": [2, 1]})
    assert items_of(without) == ["b", "a"] and report(without).tables["events"].timestamp == "none; seq orders"


def test_a_missing_time_without_seq_is_refused_unless_all_are_missing() -> None:
    assert reasons(build(log(timestamp=[1, None, 3]))) == {"no timestamp and no seq": 1}
    data = build(log(timestamp=[None, None]))
    assert items_of(data) == ["i0", "i1"]
    assert "no event has a time: events keep the order of the file" in report(data).tables["events"].notes


def test_own_content_needs_no_item() -> None:
    data = build(log(item_id=[None, "a", None, ""], text=["hello", None, " ", None], image=[None, None, None, "x.png"]))
    assert items_of(data) == [None, "a", None]
    assert data.sequences().items.tolist() == [-1, 0, -1]
    assert reasons(data) == {"no item_id and no text, image or audio": 1}
    alone = build({"user_id": ["u"], "text": ["hi"], "timestamp": [1]})
    assert alone.n_items == 0 and alone.events["item"].to_list() == [None]


def test_exact_duplicates_are_dropped_and_counted() -> None:
    same = log(
        user_id=["u", "u", "v", "u"], item_id=["a", "a", "a", "a"], timestamp=[1, 1, 1, 1], tag=["x", "x", "x", "y"]
    )
    data = build(same)
    assert data.n_events == 3 and report(data).tables["events"].duplicates_dropped == 1
    assert data.events["seq"].to_list() == [0, 1, 0]
    told_apart = build(same | {"seq": [0, 1, 2, 3]})
    assert told_apart.n_events == 4
    named = build(same | {"event_id": ["p", "p", "q", "r"]})
    assert named.n_events == 3 and report(named).tables["events"].duplicates_dropped == 1


def test_an_event_id_with_other_content_is_refused() -> None:
    data = build(log(event_id=["p", "p", None], item_id=["a", "b", "c"]))
    assert reasons(data) == {"event_id repeats with other content": 1}
    assert data.events["event_id"].to_list() == ["p", "row-e2"]


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("user_id", ["u", None, "u"], "no user_id"),
        ("user_id", ["u", "  ", "u"], "no user_id"),
        ("item_id", ["i", "", "k"], "no item_id and no text, image or audio"),
        ("value", [1.0, float("nan"), 2.0], "value is not finite"),
        ("value", [1.0, float("-inf"), 2.0], "value is not finite"),
        ("value", [1.0, 1e300, 2.0], "value is not finite"),
        ("value", ["1", "many", None], "value is not a number"),
        ("seq", ["1", "1.5", "2"], "seq is not a whole number"),
        ("seq", ["1", "x", "2"], "seq is not a whole number"),
        ("seq", [1.0, float("nan"), 2.0], "seq is not a whole number"),
        ("timestamp", [1, -1, 2], "timestamp before 1970"),
        ("timestamp", [1, 5 * 10**9, 2], "timestamp after 2100"),
        ("timestamp", ["2026-05-01", "soon", "2026-05-02"], "timestamp cannot be read"),
    ],
)
def test_reasons_for_quarantine(column: str, values: list[Any], reason: str) -> None:
    data = build(log(**{column: values}))
    assert reasons(data) == {reason: 1}
    refused = report(data).quarantine["events"]
    assert refused["row"].to_list() == [1] and refused["reason"].to_list() == [reason]
    assert (
        refused[column].cast(pl.String).to_list() == [None if values[1] is None else str(pl.Series(values)[1])]
        or column in refused
    )
    assert data.n_events == 2


def test_strict_refuses_what_would_be_in_quarantine() -> None:
    with pytest.raises(DataError, match=r"1 rows would be in quarantine\. events: 1 × no user_id\. Correct the rows"):
        build(log(user_id=["u", None]), strict=True)
    assert build(log(user_id=["u", "u"]), strict=True).n_events == 2


def test_optional_numbers_that_are_none_become_missing_and_are_counted() -> None:
    data = build(log(dwell_s=["1.5", "long", None], position=[1.0, float("inf"), 2.0]))
    assert data.events["dwell_s"].to_list() == [1.5, None, None]
    assert data.events["position"].to_list() == [1.0, None, 2.0]
    assert "1 values of dwell_s are not finite numbers and count as missing" in report(data).tables["events"].notes


def test_ids_of_numbers_and_of_text_meet() -> None:
    data = build(
        log(user_id=[1.0, None, 2.0], item_id=[10, 11, 12]),
        items={"item_id": ["10", "012", " 12 "], "title": ["ten", "twelve", "12"]},
    )
    assert data.user_vocabulary.ids.to_list() == ["1", "2"]
    assert data.item_vocabulary.ids.to_list() == ["10", "012", "12"]


def test_csv_ids_with_gaps_lose_their_decimals(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\n1.0,007,5\n2.0,8,6\n", encoding="utf-8")
    data = Dataset.load(tmp_path)
    assert data.user_vocabulary.ids.to_list() == ["1", "2"] and data.item_vocabulary.ids.to_list() == ["007", "8"]


def test_attributes_of_text_files_get_types(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp,context_device\n1,2,5,phone\n", encoding="utf-8")
    (tmp_path / "items.csv").write_text(
        "item_id,year,size,zip,price,categories,genres\n2,1999,1.5,01234,9.5,a|b,\n3,,NaN,5,x,\"['c', 'd e']\",\n",
        encoding="utf-8",
    )
    items = Dataset.load(tmp_path).items
    assert dict(items.schema) == {
        "item_id": pl.String, "year": pl.Int64, "size": pl.Float64, "zip": pl.String, "categories": pl.List(pl.String),
        "price": pl.Float64, "genres": pl.String,
    }  # fmt: skip
    assert items["categories"].to_list() == [["a", "b"], ["c", "d e"]]
    assert items["size"].to_list() == [1.5, None] and items["price"].to_list() == [9.5, None]


@pytest.mark.parametrize(
    ("given", "lists"),
    [
        (["a|b", " c ", None, ""], [["a", "b"], ["c"], None, None]),
        ([["a", ""], [], None, ["b"]], [["a"], None, None, ["b"]]),
        (['["x", "y"]', "[p, q]", "[]", "z"], [["x", "y"], ["p", "q"], None, ["z"]]),
        ([[1, 2], [3], None, []], [["1", "2"], ["3"], None, None]),
    ],
)
def test_categories(given: list[Any], lists: list[Any]) -> None:
    data = build(log(user_id=["u"]), {"item_id": list("abcd"), "categories": given})
    assert data.items["categories"].to_list()[:4] == lists


def test_repeated_items_keep_the_first() -> None:
    data = build(
        log(item_id=["a", "b"]),
        {
            "item_id": ["a", "a", "a", None, "b"],
            "title": ["A", "A", "other", "none", "B"],
            "tags": [["x"], ["x"], ["x"], [], None],
        },
    )
    assert data.items["title"].to_list() == ["A", "B"]
    table = report(data).tables["items"]
    assert (table.rows_read, table.rows_kept, table.duplicates_dropped) == (5, 2, 1)
    assert table.quarantined == {"item_id repeats with other content": 1, "no item_id": 1}
    assert report(data).quarantine["items"]["title"].to_list() == ["other", "none"]


def test_created_at_becomes_seconds() -> None:
    data = build(log(item_id=["a", "b"]), {"item_id": ["a", "b"], "created_at": ["2026-05-01", "?"]})
    assert data.items["created_at"].to_list() == [1_777_593_600, None]
    assert any("1 values of created_at" in note for note in report(data).tables["items"].notes)


def test_relations() -> None:
    edges = {
        "source": ["u", "u", None, "u"],
        "target": ["v", "v", "v", "w"],
        "relation": ["follows", "follows", "x", None],
    }
    data = build(log(user_id=["u"]), relations=edges)
    assert data.relations is not None
    assert data.relations.rows() == [("u", "v", "follows"), ("u", "w", "related")]
    assert report(data).tables["relations"].duplicates_dropped == 1
    assert reasons(data, "relations") == {"no source_id": 1}


def test_kinds() -> None:
    data = build(log(event=["View", "buy ", None, "view"]))
    assert data.kinds.ids.to_list() == ["view", "buy"]
    assert data.events["kind"].to_list() == [0, 1, 0, 0]
    rated = build(log(rating=[5, 3]))
    assert rated.kinds.ids.to_list() == ["rating"] and rated.events["value"].to_list() == [5.0, 3.0]
    with pytest.raises(
        SchemaError, match=r"'event' of events holds 1,001 different values; at most 1,000 kinds.*= 'text'"
    ):
        build(log(event=[f"k{n}" for n in range(1_001)]))


def test_chinese_words_for_kinds_and_other_spellings_are_ours_and_the_report_says_so(tmp_path: Path) -> None:
    words = ["不喜欢", " 踩", "屏蔽", "曝光", "收藏", "Not Interested", "View", "拼单"]
    rows = {"user_id": list("abcdefgh"), "item_id": ["x"] * 8, "timestamp": list(range(8)), "event": words}
    data = build(rows)
    kinds = [data.kinds.ids[code] for code in data.events["kind"].to_list()]
    assert kinds == ["dislike", "dislike", "block", "impression", "favorite", "not_interested", "view", "拼单"]
    told = report(data).tables["events"]
    assert told.kinds == {
        "不喜欢": "dislike", "踩": "dislike", "屏蔽": "block", "曝光": "impression", "收藏": "favorite",
        "Not Interested": "not_interested",
    }  # fmt: skip
    assert "曝光 = impression" in str(report(data))
    pl.DataFrame(rows).write_csv(tmp_path / "events.csv")
    (tmp_path / "dataset.toml").write_text('[events.kinds]\n"收藏" = "收藏"\n"屏蔽" = "hide"\n', encoding="utf-8")
    mapped = Dataset.load(tmp_path)
    assert {"收藏", "hide"} <= set(mapped.kinds.ids) and not {"favorite", "block"} & set(mapped.kinds.ids)
    assert {"收藏", "屏蔽"}.isdisjoint(report(mapped).tables["events"].kinds)


def test_chinese_refusals_are_no_targets() -> None:
    """One liked item after three refused ones: leave-one-out asks for liked ones only."""
    rows = [("a", item, n, "喜欢") for n, item in enumerate("xyz")] + [
        ("a", "w", 9, "不感兴趣"),
        ("a", "v", 10, "展示"),
    ]
    data = Dataset.from_tables(pl.DataFrame(rows, ["user_id", "item_id", "timestamp", "event"], orient="row"))
    assert data.item_vocabulary.decode(split(data, "leave-one-out").test.targets.row(0)) == ["z"]


def test_columns_that_the_contract_does_not_know_stay() -> None:
    data = build(
        log(basket=["x", "y"], item=["p", "q"]), {"item_id": ["i0"], "colour": ["red"]}, {"user_id": ["u"], "age": [9]}
    )
    assert data.events.columns == [
        "event_id",
        "user",
        "item",
        "kind",
        "time_s",
        "seq",
        "value",
        "basket",
        "item_in_file",
    ]
    assert data.items.columns == ["item_id", "colour"] and data.users.columns == ["user_id", "age"]


def test_one_user_and_columns_of_nothing() -> None:
    data = build(
        log(user_id=["u", "u"], text=[None, None], session_id=[None, None]),
        {"item_id": ["i0"], "title": [None], "description": [""]},
    )
    assert data.n_users == 1 and data.n_events == 2
    assert data.items["description"].to_list() == [None, None]


def test_the_report_is_plain_json_and_plain_words() -> None:
    import json

    data = build({"uid": ["a", None], "item": ["x", "y"], "ts": [1, 2]})
    facts = json.loads(json.dumps(report(data).to_dict()))
    assert facts["events"]["rows_quarantined"] == 1 and facts["events"]["aliases"]["uid"] == "user_id"
    lines = str(report(data)).splitlines()
    assert lines[0] == "events: 2 rows read from a frame of events, 1 kept"
    assert "  columns taken as: uid = user_id, item = item_id, ts = timestamp" in lines
    assert "  1 in quarantine: no user_id" in lines


def test_no_rows_at_all() -> None:
    with pytest.raises(DataError, match=r"has no rows\. Give a table with at least one event"):
        build(pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}))


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = log(user_id=["b", "a", "b", "a"], timestamp=[4, 4, 1, 1])
    first, second = build(rows), build(rows)
    assert first.events.equals(second.events) and first.user_vocabulary == second.user_vocabulary
