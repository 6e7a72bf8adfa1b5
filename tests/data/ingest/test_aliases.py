"""Which columns are recognised, and what is said of those that are missing."""

from __future__ import annotations

import tomllib

import pytest

from penchant.data.ingest.aliases import recognise
from penchant.errors import SchemaError


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["user", "item", "ts"], ["user_id", "item_id", "timestamp"]),
        (["uid", "itemId", "time"], ["user_id", "item_id", "timestamp"]),
        (["userId", "movieId", "rating", "timestamp"], ["user_id", "item_id", "value", "timestamp"]),
        (["User ID", "Item-ID", "TimeStamp"], ["user_id", "item_id", "timestamp"]),
        (["user_id:token", "item_id:token", "timestamp:float"], ["user_id", "item_id", "timestamp"]),
        (["reviewerID", "asin", "overall", "unixReviewTime"], ["user_id", "item_id", "value", "timestamp"]),
        (["user_id", "uid", "item_id", "timestamp"], ["user_id", "uid", "item_id", "timestamp"]),
        (["uid", "user_id", "item_id", "timestamp", "time"], ["uid", "user_id", "item_id", "timestamp", "time"]),
        (["user_id", "user", "item_id", "timestamp"], ["user_id", "user_in_file", "item_id", "timestamp"]),
        (["user_id", "text", "seq"], ["user_id", "text", "seq"]),
    ],
)
def test_events(columns: list[str], names: list[str]) -> None:
    assert list(recognise("events", columns, {}, "f").names.values()) == names


def test_a_name_that_is_taken_is_noted() -> None:
    found = recognise("events", ["user_id", "item_id", "timestamp", "kind", "event"], {}, "f")
    assert found.names["kind"] == "kind_in_file"
    assert found.notes == ["the column 'kind' is kept as the attribute 'kind_in_file': its name is already in use"]


def test_the_mapping_comes_first_and_can_leave_out() -> None:
    found = recognise("events", ["K", "user_id", "item_id", "timestamp", "x"], {"K": "user_id", "x": ""}, "f")
    assert found.names == {"K": "user_id", "user_id": "user_id_in_file", "item_id": "item_id", "timestamp": "timestamp"}
    assert found.left_out == ["x"] and found.renamed["K"] == "user_id"


def test_types_of_atomic_files_are_kept() -> None:
    found = recognise("items", ["item_id:token", "genre:token_seq"], {}, "f")
    assert found.types == {"item_id:token": "token", "genre:token_seq": "token_seq"}
    assert found.raw("categories") == "genre:token_seq"


def test_a_missing_column_is_named_with_the_nearest_and_the_remedy() -> None:
    with pytest.raises(SchemaError) as caught:
        recognise("events", ["usr_id", "item_id", "timestamp"], {}, "log.csv")
    assert str(caught.value) == (
        "log.csv: events has no column 'user_id'. Columns: usr_id, item_id, timestamp. The nearest is 'usr_id'. "
        'Rename the column, or map it in dataset.toml: events.columns."usr_id" = "user_id"'
    )
    assert tomllib.loads(str(caught.value).partition("dataset.toml: ")[2])["events"]["columns"] == {"usr_id": "user_id"}
    with pytest.raises(SchemaError, match=r"Rename the column to 'user_id'\.$"):
        recognise("events", ["usr_id", "item_id", "timestamp"], {}, "a frame of events", is_file=False)


def test_a_file_without_a_head_is_told() -> None:
    with pytest.raises(SchemaError, match="The first line does not look like column names"):
        recognise("events", ["1", "1193", "5", "978300760"], {}, "ratings.csv")


@pytest.mark.parametrize(
    ("columns", "mapping", "message"),
    [
        (["user_id", "user_id"], {}, "f: the column 'user_id' occurs twice. Rename or remove one"),
        (["a"], {"b": "user_id"}, "dataset.toml maps the column 'b' of events, but f has: a"),
        (["a", "b"], {"a": "user_id", "b": "user_id"}, "maps two columns of events to 'user_id'"),
        (["item_id", "timestamp"], {}, "no column 'user_id'"),
        (
            ["user_id", "timestamp"],
            {},
            "no column 'item_id'.*Events that carry a text, an image or an audio file",
        ),
        (["user_id", "item_id"], {}, "no column 'timestamp'.*a column 'seq' of integers may give the order"),
    ],
)
def test_messages(columns: list[str], mapping: dict[str, str], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        recognise("events", columns, mapping, "f")
