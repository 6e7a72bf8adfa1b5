from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from penchant.cli import requests
from penchant.errors import DataError, UsageError


def test_exactly_one() -> None:
    requests.require_exactly_one(user="u", text=None)
    with pytest.raises(UsageError, match=r"Give exactly one of --user, --text; got none\. Give a known user"):
        requests.require_exactly_one(user=None, text=None)
    with pytest.raises(UsageError, match="got --user and --text"):
        requests.require_exactly_one(user="u", text="x")


@pytest.mark.parametrize(
    ("at", "expected"), [("12", 12), ("-3", -3), ("1.5", 1.5), ("2026-05-01", "2026-05-01"), ("x", "x")]
)
def test_moments(at: str, expected: object) -> None:
    assert requests.moment(at) == expected


def test_a_time_that_is_none() -> None:
    requests.check_time(None)
    requests.check_time("2026-05-01T10:00:00+08:00")
    with pytest.raises(UsageError, match=r"'soon' is not understood\. Give ISO 8601"):
        requests.check_time("soon")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    requests.require_file("--history", None)
    with pytest.raises(UsageError, match=r"--history .*x\.csv: the file does not exist\. Give the path"):
        requests.require_file("--history", tmp_path / "x.csv")
    with pytest.raises(UsageError, match="is a folder"):
        requests.require_file("--history", tmp_path)


def test_a_table_is_not_written_under_a_name_of_another_form() -> None:
    requests.require_parquet_name("--out", None)
    requests.require_parquet_name("--out", Path("lists.parquet"))
    with pytest.raises(UsageError, match=r"--out lists\.csv: the table is written as Parquet\. Give a file name"):
        requests.require_parquet_name("--out", Path("lists.csv"))


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "txt"])
def test_ids_from_any_file(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"ids.{ending}"
    frame = pl.DataFrame({"other": [1, 2], "user_id": ["007", "u2"]})
    if ending == "parquet":
        frame.write_parquet(file)
    elif ending == "csv":
        frame.write_csv(file)
    elif ending == "jsonl":
        frame.write_ndjson(file)
    else:
        file.write_text("\ufeff007\n\n u2 \n", encoding="utf-8")
    assert requests.read_ids("--users", file, "user_id") == ["007", "u2"]
    assert requests.parse_listed_ids("--users", [str(file), "a, b", "c"], "user_id") == ["007", "u2", "a", "b", "c"]


def test_a_table_without_the_column(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("uid,x\n1,2\n")
    with pytest.raises(
        DataError, match=r"ids\.csv has no column 'user_id'; it has: uid, x\. Required columns: user_id"
    ):
        requests.read_ids("--users", tmp_path / "ids.csv", "user_id")


def test_a_file_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n")
    with pytest.raises(DataError, match=r"ids\.txt contains no id\. Give one user_id per line"):
        requests.read_ids("--users", tmp_path / "ids.txt", "user_id")
