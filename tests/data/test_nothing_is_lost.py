"""Whatever a table holds: never a traceback, and rows in = rows kept + duplicates + rows in quarantine."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.data.dataset import Dataset
from penchant.data.ingest import order, pieces
from penchant.data.ingest.load import build
from penchant.errors import DataError

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ids = st.none() | st.sampled_from(["a", "b", "c", "", " ", "7", "7.0", "é", "\x00", "中"])
words = st.none() | st.text(max_size=6)
numbers = st.none() | st.floats() | st.integers(-(2**63), 2**63 - 1).map(float)
moments = st.one_of(
    st.lists(st.none() | st.integers(-(10**6), 5 * 10**9), min_size=1, max_size=8),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8),
    st.lists(numbers, min_size=1, max_size=8),
    st.lists(
        words | st.sampled_from(["2026-05-01", "2026-05-01T10:00:00Z", "1777636800", "-1", "nan"]),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.none() | st.datetimes(), min_size=1, max_size=8),
    st.lists(st.none() | st.dates(), min_size=1, max_size=8),
)


@st.composite
def events(draw: st.DrawFn) -> pl.DataFrame:
    times = draw(moments)
    n = len(times)

    def column(cell: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(cell, min_size=n, max_size=n))

    table: dict[str, list[Any]] = {"user_id": column(ids), "item_id": column(ids), "timestamp": times}
    optional = {
        "event_id": ids, "seq": st.none() | st.integers(-3, 3), "event": words, "value": numbers, "text": words,
        "image": words, "dwell_s": numbers, "context_device": words, "rating": words, "user": ids,
    }  # fmt: skip
    for name in draw(st.lists(st.sampled_from(sorted(optional)), unique=True)):
        table[name] = column(optional[name])
    frame = pl.DataFrame(table, strict=False)
    return pl.concat([frame, frame.head(draw(st.integers(0, n)))])


def check(data: Dataset) -> None:
    assert data.report is not None
    for name, table in data.report.tables.items():
        refused = data.report.quarantine.get(name, pl.DataFrame())
        assert table.rows_read == table.rows_kept + table.duplicates_dropped + table.rows_quarantined
        assert refused.height == table.rows_quarantined
        if refused.height:
            assert refused["reason"].null_count() == 0 and refused["row"].n_unique() == refused.height
    log = data.events
    assert log.height == data.report.tables["events"].rows_kept
    assert log["event_id"].n_unique() == log.height
    assert log["user"].is_between(0, data.n_users - 1).all() and log["user"].is_sorted()
    assert log["item"].drop_nulls().is_between(0, data.n_items - 1).all()
    batch = data.sequences()
    inside = (batch.rows[1:] == batch.rows[:-1]) if batch.n_events else batch.rows
    assert ((batch.times_s[1:] >= batch.times_s[:-1]) | ~inside).all()


@few
@given(events())
def test_events(frame: pl.DataFrame) -> None:
    try:
        data = build(frame)
    except DataError as error:
        assert "No event" in str(error)  # nothing usable in it, and it says so
        return
    check(data)


def outcome(folder: Path) -> tuple[Any, ...] | str:
    """Everything a folder becomes, or why it is refused."""
    try:
        data = Dataset.load(folder)
    except DataError as error:
        return str(error)
    assert data.report is not None
    check(data)
    return data.events, data.items, data.users, data.kinds.ids, data.report.to_dict(), data.report.quarantine


@few
@given(events(), st.integers(1, 9), st.integers(1, 4))
def test_pieces_give_what_the_whole_gives(frame: pl.DataFrame, cut: int, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        frame.head(cut).write_parquet(Path(folder) / "events-0.parquet")
        frame.slice(cut).write_parquet(Path(folder) / "events-1.parquet")
        whole = outcome(Path(folder))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pieces, "ROWS", rows)
            patch.setattr(order, "BLOCK", rows)
            in_pieces = outcome(Path(folder))
    if isinstance(whole, str) or isinstance(in_pieces, str):
        assert in_pieces == whole
        return
    for ours, theirs in zip(in_pieces[:4], whole[:4], strict=True):
        assert ours.equals(theirs, null_equal=True)
    assert in_pieces[4] == whole[4] and in_pieces[5].keys() == whole[5].keys()
    assert all(in_pieces[5][name].equals(rows) for name, rows in whole[5].items())


@few
@given(
    st.lists(st.tuples(ids, words, words, numbers), max_size=8),
    st.lists(st.tuples(ids, words), max_size=8),
    st.lists(st.tuples(ids, ids, words), max_size=8),
)
def test_items_users_and_relations(items: list[Any], users: list[Any], relations: list[Any]) -> None:
    data = build(
        {"user_id": ["a"], "item_id": ["b"], "timestamp": [1]},
        pl.DataFrame(
            items,
            schema={"item_id": pl.String, "title": pl.String, "categories": pl.String, "price": pl.Float64},
            orient="row",
        ),
        pl.DataFrame(users, schema={"user_id": pl.String, "text": pl.String}, orient="row"),
        pl.DataFrame(
            relations, schema={"source_id": pl.String, "target_id": pl.String, "kind": pl.String}, orient="row"
        ),
    )
    check(data)


def loaded(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        try:
            data = Dataset.load(folder)
        except DataError as error:
            assert str(error)
            return
        check(data)


@few
@given(st.text(alphabet=string.ascii_letters + ',;\t|"\n\r 0123é中\x00', max_size=80))
def test_text_files_of_anything(body: str) -> None:
    loaded("events.csv", ("user_id,item_id,timestamp\n" + body).encode())
    loaded("events.jsonl", ('{"user_id": "u", "item_id": "i", "timestamp": 1}\n' + body).encode())


@few
@given(st.binary(max_size=80))
def test_files_of_any_bytes(body: bytes) -> None:
    loaded("events.csv", b"user_id,item_id,timestamp\nu,i,1\n" + body)
    loaded("events.csv", body)
    loaded("events.jsonl", body)
    loaded("events.parquet", body)
    loaded("events.csv.gz", b"\x1f\x8b" + body)


cells = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(), st.text(max_size=5)),
    st.lists(st.integers(0, 3), max_size=2),
)
keys = st.sampled_from(["user_id", "item_id", "timestamp", "text", "x"])


@few
@given(st.lists(st.dictionaries(keys, cells), max_size=6))
def test_json_lines_of_any_types(rows: list[dict[str, Any]]) -> None:
    import json

    loaded("events.jsonl", "\n".join(json.dumps(row) for row in rows).encode())


def test_huge_cells() -> None:
    long = "x" * 2_000_000
    data = build({"user_id": ["u", long], "item_id": ["i", "i"], "timestamp": [1, 2], "text": [long, None]})
    check(data)
    assert data.events["text"].str.len_chars().to_list() == [2_000_000, None]
