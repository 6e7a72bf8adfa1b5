"""Checks of the user or the query that a command gets, before anything is loaded, and readers of small files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penchant.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars as pl

_TABLES = (".parquet", ".pq", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


def require_exactly_one(**given: object) -> None:
    """Raise `UsageError` unless exactly one of these options is given."""
    names = [f"--{name}" for name in given]
    set_ = [f"--{name}" for name, value in given.items() if value is not None]
    if len(set_) != 1:
        raise UsageError(
            f"Give exactly one of {', '.join(names)}; got {' and '.join(set_) or 'none'}.",
            remedy="Give a known user, an ad-hoc history, a sentence, an image or a sound.",
        )


def check_time(at: str | None) -> None:
    """Raise `UsageError` if a time cannot be parsed."""
    if at is not None:
        from penchant.data.ingest.ad_hoc_history import time_to_seconds

        time_to_seconds(moment(at))


def moment(at: str) -> str | int | float:
    """A time from the command line: a number is seconds since 1970, anything else ISO 8601."""
    try:
        return int(at)
    except ValueError:
        try:
            return float(at)
        except ValueError:
            return at


def require_file(option: str, path: Path | None) -> None:
    """Raise `UsageError` if the file that an option names does not exist."""
    if path is not None and not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"{option} {path}: the file {what}.", remedy="Give the path of a file.")


def require_parquet_name(option: str, path: Path | None) -> None:
    """Raise `UsageError` if the name of an output table is not that of a Parquet file."""
    if path is not None and not path.is_dir() and path.suffix.lower() not in (".parquet", ".pq"):
        raise UsageError(
            f"{option} {path}: the table is written as Parquet.", remedy="Give a file name that ends in .parquet."
        )


def read_table(option: str, path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """The required columns of a small table: Parquet, CSV or JSON lines."""
    from penchant.data.ingest.mapping import TableMapping
    from penchant.data.ingest.readers import read_source

    require_file(option, path)
    frame = read_source(path, TableMapping()).frame
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(
            f"{option} {path} has no column {missing[0]!r}; it has: {', '.join(frame.columns)}.",
            remedy=f"Required columns: {', '.join(columns)}.",
        )
    return frame.select(columns)


def read_ids(option: str, path: Path, column: str) -> list[str]:
    """Ids from a table with that column, or from a text file with one id per line."""
    import polars as pl

    require_file(option, path)
    if path.name.lower().endswith(_TABLES):
        ids = read_table(option, path, (column,))[column].cast(pl.String).drop_nulls().to_list()
    else:
        ids = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not ids:
        raise DataError(f"{option} {path} contains no id.", remedy=f"Give one {column} per line.")
    return ids


def parse_listed_ids(option: str, values: list[str] | None, column: str) -> list[str]:
    """Ids from values separated by commas, or from files of ids."""
    out: list[str] = []
    for value in values or []:
        if Path(value).is_file():
            out += read_ids(option, Path(value), column)
        else:
            out += [part.strip() for part in value.split(",") if part.strip()]
    return out
