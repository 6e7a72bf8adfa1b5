"""Whom a command is asked about: checks made before anything is loaded, and the small files that it may bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penchant.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars as pl

_TABLES = (".parquet", ".pq", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


def exactly_one(**given: object) -> None:
    """Raise `UsageError` unless exactly one of these options was given."""
    names = [f"--{name}" for name in given]
    set_ = [f"--{name}" for name, value in given.items() if value is not None]
    if len(set_) != 1:
        raise UsageError(
            f"Give exactly one of {', '.join(names)}; got {' and '.join(set_) or 'none'}.",
            remedy="A known user, the events of somebody new, or a sentence, a picture or a sound.",
        )


def check_time(at: str | None) -> None:
    """Raise `UsageError` where a time cannot be understood."""
    if at is not None:
        from penchant.data.ingest.ad_hoc_history import time_to_seconds

        time_to_seconds(moment(at))


def moment(at: str) -> str | int | float:
    """A time from the command line: digits alone are seconds since 1970, all else ISO 8601."""
    try:
        return int(at)
    except ValueError:
        try:
            return float(at)
        except ValueError:
            return at


def existing_file(option: str, path: Path | None) -> None:
    """Raise `UsageError` where a file that an option names is not there."""
    if path is not None and not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"{option} {path}: the file {what}.", remedy="Give the path of a file.")


def parquet_file(option: str, path: Path | None) -> None:
    """Raise `UsageError` where a table would be written under a name of another form."""
    if path is not None and not path.is_dir() and path.suffix.lower() not in (".parquet", ".pq"):
        raise UsageError(
            f"{option} {path}: the table is written as Parquet.", remedy="Give a name that ends in .parquet."
        )


def read_table(option: str, path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """A small table that must have some columns; Parquet, CSV or JSON lines."""
    from penchant.data.ingest.mapping import TableMapping
    from penchant.data.ingest.readers import read_source

    existing_file(option, path)
    frame = read_source(path, TableMapping()).frame
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(
            f"{option} {path} has no column {missing[0]!r}; it has: {', '.join(frame.columns)}.",
            remedy=f"It needs the columns {', '.join(columns)}.",
        )
    return frame.select(columns)


def read_ids(option: str, path: Path, column: str) -> list[str]:
    """Ids from a table with that column, or from a text file with one id a line."""
    import polars as pl

    existing_file(option, path)
    if path.name.lower().endswith(_TABLES):
        ids = read_table(option, path, (column,))[column].cast(pl.String).drop_nulls().to_list()
    else:
        ids = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not ids:
        raise DataError(f"{option} {path} holds no id.", remedy=f"Give one {column} a line.")
    return ids


def listed_ids(option: str, values: list[str] | None, column: str) -> list[str]:
    """Ids given as words with commas, or as the name of a file that holds them."""
    out: list[str] = []
    for value in values or []:
        if Path(value).is_file():
            out += read_ids(option, Path(value), column)
        else:
            out += [part.strip() for part in value.split(",") if part.strip()]
    return out
