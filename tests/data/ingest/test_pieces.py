"""Large logs read piece by piece: when that is done, what has to be seen as a whole, and that nothing differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.ingest import order, pieces
from penchant.data.ingest.event_log import EventLog
from penchant.data.ingest.load import build
from penchant.data.ingest.mapping import TableMapping
from penchant.errors import DataError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "ROWS", 100)
    monkeypatch.setattr(order, "BLOCK", 64)


def made(n: int = 1000, **more: object) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user_id": [f"u{k}" for k in rng.integers(0, 60, n)],
            "item_id": [f"i{k}" for k in rng.integers(0, 40, n)],
            "timestamp": rng.integers(1_700_000_000, 1_700_000_400, n),
            "event": rng.choice(["view", "click"], n),
            **more,
        }
    )


def write(frame: pl.DataFrame, folder: Path, parts: int = 3) -> Path:
    (folder / "events").mkdir(parents=True)
    step = -(-frame.height // parts)
    for part in range(parts):
        frame.slice(part * step, step).write_parquet(folder / "events" / f"part-{part}.parquet")
    return folder


def in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, list[int]]:
    """The data set of a folder, and how many rows each table had that was cleaned on the way."""
    seen: list[int] = []
    add = EventLog.add
    monkeypatch.setattr(EventLog, "add", lambda log, piece: (seen.append(piece.report.rows_read), add(log, piece))[1])
    return Dataset.load(folder), seen


def same(data: Dataset, frame: pl.DataFrame) -> bool:
    whole = build(frame)
    return bool(
        data.events.equals(whole.events)
        and data.items.equals(whole.items)
        and data.users.equals(whole.users)
        and data.kinds == whole.kinds
    )


def test_a_folder_of_parts_is_cleaned_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.concat([made(), made().head(30)])  # 30 exact duplicates at the end
    frame = frame.with_columns(pl.when(pl.int_range(pl.len()) == 517).then(None).otherwise("user_id").alias("user_id"))
    data, seen = in_pieces(write(frame, tmp_path), monkeypatch)
    assert seen == [100, 100, 100, 44] * 2 + [100, 100, 100, 42] and same(data, frame)
    assert data.report is not None
    table = data.report.tables["events"]
    assert table.rows_read == 1030 and table.quarantined == {"no user_id": 1} and table.source == "events/ (3 parts)"
    assert data.report.quarantine["events"]["row"].to_list() == [517]
    assert table.duplicates_dropped == build(frame).report.tables["events"].duplicates_dropped >= 30  # type: ignore[union-attr]


def test_a_large_file_is_cleaned_in_pieces_and_seq_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = made(350, seq=np.random.default_rng(1).permutation(350))
    frame.write_parquet(tmp_path / "events.parquet")
    data, seen = in_pieces(tmp_path, monkeypatch)
    assert seen == [100, 100, 100, 50] and same(data, frame)


def test_parts_beside_the_other_tables(tmp_path: Path) -> None:
    frame = made(50)
    frame.head(20).write_parquet(tmp_path / "events-00.parquet")
    frame.slice(20).write_parquet(tmp_path / "events-01.parquet")
    data = Dataset.load(tmp_path)
    assert same(data, frame) and data.report is not None
    assert data.report.tables["events"].source == "events-*.parquet (2 parts)"
    frame.write_csv(tmp_path / "events.csv")
    with pytest.raises(DataError, match=r"2 files for the table events: events.csv, events-\*.parquet"):
        Dataset.load(tmp_path)
    (tmp_path / "dataset.toml").write_text("[events]\nfile = 'events-*.parquet'\n")
    assert same(Dataset.load(tmp_path), frame)


@pytest.mark.parametrize("milliseconds_first", [True, False])
def test_the_unit_of_times_is_that_of_the_whole(
    milliseconds_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece whose times are all in the rarer unit would, alone, be taken for right."""
    seconds = made(300)
    other = seconds.head(100).with_columns(pl.col("timestamp") * 1000)
    frame = pl.concat([other, seconds] if milliseconds_first else [seconds, other])
    data, seen = in_pieces(write(frame, tmp_path, parts=4), monkeypatch)
    assert seen == [100] * 4 and same(data, frame)
    assert data.report is not None
    assert data.report.tables["events"].quarantined == {"timestamp after 2100": 100}
    assert data.report.tables["events"].timestamp == "numbers, seconds since 1970 (detected)"


def test_what_has_to_be_seen_as_a_whole_is_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = made(250)
    decimals = frame.with_columns(pl.format("{}.0", pl.int_range(pl.len()) % 7).alias("user_id"))
    late = decimals.with_columns(pl.when(pl.int_range(pl.len()) < 120).then(None).otherwise("user_id").alias("user_id"))
    texts = frame.with_columns(pl.from_epoch("timestamp").dt.to_string().alias("timestamp"))
    undated = frame.with_columns(pl.lit(None, pl.Int64).alias("timestamp"))
    twice = frame.with_columns(pl.format("x{}", pl.int_range(pl.len()) % 240).alias("event_id"))
    tables = {"decimals": decimals, "late": late, "texts": texts, "undated": undated, "twice": twice}
    for name, table in tables.items():
        data, seen = in_pieces(write(table, tmp_path / name), monkeypatch)
        assert seen[-1] == 250
        assert (len(seen) > 1) == (name == "twice")  # the only one that is found out on the way
        assert same(data, table), name
        monkeypatch.undo()
        monkeypatch.setattr(pieces, "ROWS", 100)


def test_parts_of_different_columns_fit_together_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    made(150).write_parquet(tmp_path / "events" / "a.parquet")
    made(150, value=1.5).write_parquet(tmp_path / "events" / "b.parquet")
    assert pieces.plan_pieces(tmp_path / "events", TableMapping()) is None
    assert Dataset.load(tmp_path).events["value"].null_count() > 0


def test_counts_of_notes_are_summed(tmp_path: Path) -> None:
    frame = made(300, dwell_s=[float("inf"), 1.0] * 150)
    data = Dataset.load(write(frame, tmp_path))
    assert data.report is not None
    assert data.report.tables["events"].notes == ["150 values of dwell_s are not finite numbers and count as missing"]


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    folder = write(made(), tmp_path)
    part = folder / "events" / "part-1.parquet"
    part.write_bytes(part.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"part-1\.parquet is cut off or damaged"):
        Dataset.load(folder)
