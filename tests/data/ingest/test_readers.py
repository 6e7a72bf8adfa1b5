"""Every format that is read gives the same events; every file that cannot be read says why."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from penchant.data.dataset import Dataset
from penchant.errors import DataError, PenchantError, SchemaError

ROWS = {
    "user_id": ["u1", "u1", "用户"],
    "item_id": ["a", "b", "a"],
    "timestamp": [5, 3, 4],
    "text": ['好, "x"', None, "é"],
}
FRAME = pl.DataFrame(ROWS)
TEXT = FRAME.write_csv()
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in FRAME.to_dicts()) + "\n"


def told(data: Dataset) -> list[tuple[str, str, int, str | None]]:
    events = data.events
    users = data.user_vocabulary.decode(events["user"].to_numpy())
    items = data.item_vocabulary.decode(events["item"].to_numpy())
    texts = events["text"].to_list()
    return list(zip(users, items, events["time_s"].to_list(), texts, strict=True))


EXPECTED = [("u1", "b", 3, None), ("u1", "a", 5, '好, "x"'), ("用户", "a", 4, "é")]


def parquet(folder: Path) -> None:
    FRAME.write_parquet(folder / "events.parquet")


def parts(folder: Path) -> None:
    (folder / "events").mkdir()
    FRAME.head(1).write_parquet(folder / "events" / "part-0.parquet")
    FRAME.tail(2).write_parquet(folder / "events" / "part-1.parquet")
    (folder / "events" / "_SUCCESS").write_text("")


def atomic(folder: Path) -> None:
    head = {
        "user_id": "user_id:token",
        "item_id": "item_id:token",
        "timestamp": "timestamp:float",
        "text": "text:token",
    }
    (folder / "shop.inter").write_text(FRAME.rename(head).write_csv(separator="\t"), encoding="utf-8")


def text(name: str, *, encoding: str = "utf-8", mark: str = ",", packed: bool = False) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        data = FRAME.write_csv(separator=mark).encode(encoding)
        (folder / name).write_bytes(gzip.compress(data) if packed else data)

    return write


def lines(name: str, packed: bool = False) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(gzip.compress(LINES.encode()) if packed else LINES.encode())

    return write


@pytest.mark.parametrize(
    "write",
    [
        parquet,
        parts,
        atomic,
        text("events.csv"),
        text("events.csv", mark=";"),
        text("events.csv", mark="\t"),
        text("events.csv", mark="|"),
        text("events.tsv", mark="\t"),
        text("events.csv.gz", packed=True),
        text("events.csv", packed=True),
        text("events.csv", encoding="utf-8-sig"),
        text("events.csv", encoding="utf-16"),
        text("events.csv", encoding="utf-16-le"),
        text("events.csv", encoding="utf-32"),
        lines("events.jsonl"),
        lines("events.ndjson"),
        lines("events.jsonl.gz", packed=True),
    ],
)
def test_formats_agree(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    assert told(Dataset.load(tmp_path, strict=True)) == EXPECTED


@pytest.mark.parametrize(
    "table",
    [
        FRAME,
        FRAME.lazy(),
        FRAME.to_arrow(),
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).set_index("user_id"),
        ROWS,
        FRAME.to_dicts(),
    ],
    ids=["polars", "lazy", "arrow", "pandas", "pandas-index", "dict", "rows"],
)
def test_frames_agree(table: pl.DataFrame) -> None:
    assert told(Dataset.from_tables(table)) == EXPECTED


def test_pandas_columns_of_mixed_objects_become_text() -> None:
    frame = pd.DataFrame({"user_id": ["a", 7, None], "item_id": [1.0, 2.0, 3.0], "timestamp": [1, 2, 3]})
    data = Dataset.from_tables(frame)
    assert data.user_vocabulary.ids.to_list() == ["a", "7"]
    assert data.item_vocabulary.ids.to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("user_id,item_id,timestamp\n张三,《红楼梦》,1\n李四,围城，上册,2\n".encode("gbk"), "gb18030"),
        ("user_id,item_id,timestamp\nJosé,café à Paris,1\n".encode("latin-1"), "cp1252"),
        ("user_id,item_id,timestamp\n张三,红楼梦,1\n".encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF8 + "user_id,item_id,timestamp\n张三,红楼梦,1\n".encode(), "utf-8 with a byte-order mark"),
    ],
)
def test_other_encodings_are_told_and_noted(tmp_path: Path, content: bytes, encoding: str) -> None:
    (tmp_path / "events.csv").write_bytes(content)
    data = Dataset.load(tmp_path)
    assert data.report is not None and f"encoding {encoding}" in data.report.tables["events"].notes
    assert data.user_vocabulary.ids[0] in ("张三", "José")


def test_broken_lines_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        'user_id,item_id,timestamp\nu,a,1\nu,b\nu,c,3,x\n,d,4\n\nu,"e\nf",5\n', encoding="utf-8"
    )
    data = Dataset.load(tmp_path)
    assert data.item_vocabulary.ids.to_list() == ["a", "e\nf"]
    assert data.report is not None
    refused = data.report.quarantine["events"].sort("row")
    assert refused.select("row", "reason", "line").rows() == [
        (1, "line with 2 fields where the head has 3", "u,b"),
        (2, "line with 4 fields where the head has 3", "u,c,3,x"),
        (3, "no user_id", None),
    ]
    assert data.report.tables["events"].rows_read == 5


def test_broken_json_lines_are_set_aside(tmp_path: Path) -> None:
    good = '{"user_id": "u", "item_id": "a", "timestamp": 1}'
    (tmp_path / "events.jsonl").write_text(
        f'{good}\n{{"user_id": \n\n[1]\n7\n{good.replace("1", "2")}\n', encoding="utf-8"
    )
    data = Dataset.load(tmp_path)
    assert data.events["time_s"].to_list() == [1, 2]
    assert data.report is not None
    refused = data.report.quarantine["events"]
    assert refused["row"].to_list() == [1, 2, 3]
    assert refused["reason"].unique().to_list() == ["line is not a JSON object"]


def test_json_lines_of_mixed_types(tmp_path: Path) -> None:
    rows = [
        '{"user_id": 1, "item_id": "a", "timestamp": 1}',
        '{"user_id": "1", "item_id": 2.5, "timestamp": 2, "value": 1}',
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(rows), encoding="utf-8")
    data = Dataset.load(tmp_path)
    assert data.user_vocabulary.ids.to_list() == ["1"] and data.item_vocabulary.ids.to_list() == ["a", "2.5"]


@pytest.mark.parametrize(
    ("files", "kind", "message"),
    [
        ({}, DataError, r"has no table of events. It holds: nothing\. Name it events\.parquet"),
        (
            {"ratings.csv": TEXT.encode()},
            DataError,
            r"It holds: ratings\.csv\. .*dataset\.toml, under \[events\]: file",
        ),
        (
            {"events.csv": b"x", "events.jsonl": b"x"},
            DataError,
            "has 2 files for the table events.*Keep one, or name one",
        ),
        ({"events.csv": b""}, DataError, r"events\.csv is empty\. A table needs a line of column names"),
        ({"events.csv": b"\xef\xbb\xbf \n"}, DataError, "is empty"),
        ({"events.jsonl": b""}, DataError, "is empty"),
        ({"events.parquet": b""}, DataError, r"is empty \(0 bytes\)"),
        ({"events.csv": b"user_id,item_id,timestamp\n"}, DataError, r"events\.csv has no rows"),
        ({"events.parquet": b"user_id,item_id"}, DataError, "is not a Parquet file.*or give CSV"),
        ({"events.parquet": b"PAR1" + b"\0" * 50}, DataError, "is cut off or damaged"),
        (
            {"events.csv.gz": gzip.compress(TEXT.encode())[:-9]},
            DataError,
            "is not a complete gzip file.*may be truncated",
        ),
        ({"events.csv.gz": TEXT.encode()}, DataError, r"is called \.gz but is not gzip"),
        ({"events.csv": b"user_id,item_id,item_id,timestamp\n1,2,3,4\n"}, SchemaError, "'item_id' occurs twice"),
        ({"events.csv": b"usr,item_id,timestamp\n1,2,3\n"}, SchemaError, "no column 'user_id'.*The nearest is 'usr'"),
        (
            {"events.csv": b"user_id:item_id:timestamp\n1:2:3\n"},
            SchemaError,
            "Columns: user_id:item_id:timestamp",
        ),
        ({"events.jsonl": b"hello\nworld\n"}, DataError, "contains no JSON object"),
        (
            {"events.csv": TEXT.encode(), "items.csv": b"title\nx\n"},
            SchemaError,
            r"items\.csv: items has no column 'item_id'",
        ),
        (
            {"events.csv": b"user_id,item_id,timestamp\n,,\n,,\n"},
            DataError,
            "No event of events.csv can be used.*2 × no user_id",
        ),
        ({"events.csv": TEXT.encode(), "items.parquet": b"PAR1"}, DataError, r"items\.parquet is cut off"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, files: dict[str, bytes], kind: type[PenchantError], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(kind, match=message):
        Dataset.load(tmp_path)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist\. Give the folder that holds events\.parquet"):
        Dataset.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file is a file, not a folder"):
        Dataset.load(tmp_path / "file")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_parquet_cut_off_anywhere(tmp_path: Path, cut: float) -> None:
    FRAME.write_parquet(tmp_path / "whole.parquet")
    data = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "events.parquet").write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(DataError, match=r"events\.parquet is cut off or damaged"):
        Dataset.load(tmp_path)


def test_parts_of_different_formats_are_refused(tmp_path: Path) -> None:
    parts(tmp_path)
    (tmp_path / "events" / "more.csv").write_text(TEXT, encoding="utf-8")
    with pytest.raises(DataError, match="are of different formats"):
        Dataset.load(tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1, 2], "cannot be read as a frame|type list"),
        ("events.csv", "The table events is of type str. Give a DataFrame"),
        ({"user_id": ["a"], "item_id": ["b", "c"]}, "cannot be read as a frame"),
        (pd.DataFrame([[1, 2, 3]], columns=["user_id", "user_id", "item_id"]), "'user_id' occurs twice"),
        (pa.table([[1], [2]], names=["user_id", "user_id"]), "'user_id' occurs twice"),
    ],
)
def test_objects_that_are_no_table(table: pl.DataFrame, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Dataset.from_tables(table)
