"""Reads files into tables of raw columns: Parquet, CSV, JSON lines, RecBole's atomic files, folders of parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from penchant.arrays import Int64s
from penchant.data import schema
from penchant.data.ingest.encodings import detect_delimiter, read_bytes, read_first_line, to_utf8
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.quarantine import LINE, REASON, ROW
from penchant.errors import DataError, OptionError, SchemaError

_PARQUET = (".parquet", ".pq")
_TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_ATOMIC = {schema.EVENTS: ".inter", schema.ITEMS: ".item", schema.USERS: ".user", schema.RELATIONS: ".net"}
_ENDINGS = (*_PARQUET, *_TEXT, *_LINES, *_ATOMIC.values())
_MISSING = ["", "\\N", "NULL", "null"]

READ_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)
"""Errors that polars raises for content that it cannot read."""

WRONG_FIELDS = "line with {} fields where the head has {}"
NOT_JSON = "line is not a JSON object"


@dataclass(frozen=True)
class Source:
    """One table as it was read.

    `frame`: raw columns. `broken`: lines that could not be split into columns (`row`, `reason`, `line`).
    `is_text`: every column is text whose type is not inferred yet. `notes`: encoding, delimiter and the like.
    `start`: the number of the first row in the table, where this is a piece of the table. `is_file`: it was read from
    a file, not given as a frame.
    """

    name: str
    frame: pl.DataFrame
    broken: pl.DataFrame | None = None
    is_text: bool = False
    notes: list[str] = field(default_factory=list)
    start: int = 0
    is_file: bool = True

    @property
    def rows(self) -> int:
        """Number of rows read, with the broken ones."""
        return self.frame.height + (self.broken.height if self.broken is not None else 0)

    @property
    def numbers(self) -> Int64s:
        """The number in the table (from 0) of each row of `frame`."""
        everything = np.arange(self.start, self.start + self.rows, dtype=np.int64)
        return everything if self.broken is None else np.setdiff1d(everything, self.broken[ROW].to_numpy())


def find_table(folder: Path, table: str, file: str = "") -> Path | None:
    """The file of a table, its folder of parts or the pattern of their names (`events-*.parquet`), or None.

    Looks for `file` if dataset.toml names one, else for `<table>.parquet`, `.csv`, `.csv.gz`, `.tsv`, `.jsonl` …, a
    folder `<table>/` of parts, parts `<table>-*.parquet` …, or RecBole's `*.inter`, `*.item`, `*.user`, `*.net`.
    Raises `DataError` if a named file does not exist or several files match one table.
    """
    if file:
        path = folder / file
        if not path.exists() and not find_parts(path):
            raise DataError(
                f"dataset.toml gives {file!r} as the file of {table}, but {path} does not exist.",
                remedy=f"Correct `file` under [{table}]. The folder holds: {list_names(folder)}.",
            )
        return path
    candidates = [
        folder / f"{table}{end}" for end in (*_PARQUET, *_TEXT, *_LINES) if (folder / f"{table}{end}").is_file()
    ]
    if (folder / table).is_dir() and find_parts(folder / table):
        candidates.append(folder / table)
    patterns = [folder / f"{table}-*{end}" for end in (*_PARQUET, *_TEXT, *_LINES)]
    candidates += [pattern for pattern in patterns if find_parts(pattern)]
    candidates = candidates or sorted(folder.glob(f"*{_ATOMIC[table]}"))
    if len(candidates) > 1:
        raise DataError(
            f"{folder} has {len(candidates)} files for the table {table}: {', '.join(p.name for p in candidates)}.",
            remedy=f"Keep one, or name one in dataset.toml, under [{table}]: file = '{candidates[0].name}'.",
        )
    return candidates[0] if candidates else None


def read_source(path: Path, mapping: TableMapping) -> Source:
    """Read one table; of a folder or pattern, all parts in the order of their names. Raises `DataError`."""
    if not path.is_dir() and "*" not in path.name:
        return _read_file(path, mapping)
    parts = [_read_file(part, mapping) for part in find_parts(path)]
    if not parts:
        raise DataError(f"{path} holds no table.", remedy=f"Its parts must end in one of: {', '.join(_ENDINGS)}.")
    if len({part.is_text for part in parts}) > 1:
        raise DataError(f"The parts of {path} are of different formats.", remedy="Keep one format in a folder.")
    try:
        frame = pl.concat([part.frame for part in parts], how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise SchemaError(f"The parts of {path} do not fit together: {error}.") from None
    starts = np.cumsum([0] + [part.rows for part in parts])
    broken = [
        part.broken.with_columns(pl.col(ROW) + int(start))
        for part, start in zip(parts, starts, strict=False)
        if part.broken is not None
    ]
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    return Source(name_source(path), frame, pl.concat(broken) if broken else None, parts[0].is_text, notes)


def read_object(table: str, data: Any) -> Source:
    """A table from a frame of polars, pandas or Arrow, or a mapping of columns. Raises `SchemaError`."""
    try:
        if isinstance(data, pl.LazyFrame):
            data = data.collect()
        elif type(data).__module__.startswith("pyarrow"):
            data = _check_unique_names(table, list(data.schema.names)) and pl.from_arrow(data)
        elif type(data).__module__.startswith("pandas"):
            data = _convert_pandas(table, data)
        elif isinstance(data, dict) or (isinstance(data, list) and data and isinstance(data[0], dict)):
            data = pl.DataFrame(data, strict=False, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise SchemaError(f"The table {table} cannot be read as a frame: {error}.") from None
    if not isinstance(data, pl.DataFrame):
        raise SchemaError(
            f"The table {table} is of type {type(data).__name__}.",
            remedy="Give a DataFrame of polars or pandas, an Arrow table, a dict of columns or a list of dicts.",
        )
    return Source(f"a frame of {table}", data, is_file=False)


def _check_unique_names(table: str, names: Sequence[str]) -> bool:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SchemaError(f"{table}: the column {twice!r} occurs twice.", remedy="Rename or remove one of them.")
    return True


def _convert_pandas(table: str, data: Any) -> pl.DataFrame:
    if any(name is not None for name in data.index.names):
        data = data.reset_index()
    _check_unique_names(table, [str(name) for name in data.columns])
    data = data.rename(columns=str)
    columns: list[pl.Series] = []
    for name in data.columns:
        try:
            columns.append(pl.Series(name, pl.from_pandas(data[name])))
        except Exception:  # pandas columns of mixed objects fail in as many ways as there are objects
            texts = data[name].map(str, na_action="ignore").astype("string")
            columns.append(pl.Series(name, pl.from_pandas(texts)).cast(pl.String))
    return pl.DataFrame(columns)


def list_names(folder: Path) -> str:
    """The names in a folder, for messages."""
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in folder.iterdir())
    return ", ".join(names[:12]) + (" …" if len(names) > 12 else "") if names else "nothing"


def find_parts(path: Path) -> list[Path]:
    """The files of a table in order: the file, those of a folder, or those that match a pattern with `*`."""
    if path.is_file():
        return [path]
    paths = path.iterdir() if path.is_dir() else path.parent.glob(path.name) if "*" in path.name else ()
    return sorted(p for p in paths if p.is_file() and p.name.endswith(_ENDINGS) and p.name[0] not in "._")


def name_source(path: Path) -> str:
    """The name of a table in reports: its file, or its parts and their number."""
    return path.name if path.is_file() else f"{path.name}{'/' * path.is_dir()} ({len(find_parts(path))} parts)"


def is_parquet(path: Path) -> bool:
    """Whether a file is named like a Parquet file."""
    return path.name.endswith(_PARQUET)


def _read_file(path: Path, mapping: TableMapping) -> Source:
    name = path.name
    if is_parquet(path):
        return Source(path.name, read_parquet(path))
    if name.endswith(_LINES):
        return _read_lines(path, mapping)
    if name.endswith(_TEXT) or name.endswith(tuple(_ATOMIC.values())) or mapping.delimiter:
        return _read_text(path, mapping)
    raise DataError(f"{path} is not in a supported format.", remedy=f"Allowed endings: {', '.join(_ENDINGS)}.")


def read_parquet(path: Path, rows: tuple[int, int] | None = None) -> pl.DataFrame:
    """A Parquet file as a frame, or only `rows` (first, count). Raises `DataError`."""
    size = path.stat().st_size
    if not size:
        raise DataError(f"{path} is empty (0 bytes).", remedy="Write it again, or remove it.")
    try:
        table = pl.scan_parquet(path, glob=False)
        return (table.slice(*rows) if rows else table).collect()
    except READ_ERRORS as error:
        with path.open("rb") as file:
            head = file.read(4)
        fault = "is cut off or damaged" if head == b"PAR1" else "is not a Parquet file"
        first = str(error).splitlines()[0][:200]
        raise DataError(
            f"{path} {fault} ({size:,} bytes; {first}).", remedy="Write or copy it again, or give CSV or JSON lines."
        ) from None


def _read_text(path: Path, mapping: TableMapping) -> Source:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text, encoding = to_utf8(read_bytes(path), mapping.encoding, str(path))
    text = text.lstrip(b"\r\n")
    mark = mapping.delimiter or detect_delimiter(text)
    if len(mark) != 1:
        raise OptionError("delimiter", mark, remedy="Give one character, such as ';' or a tab.")
    head = read_first_line(text)
    try:
        names = next(csv.reader([head], delimiter=mark), [])
    except csv.Error as error:
        raise DataError(f"The first line of {path} is not a line of column names ({error}).") from None
    _check_unique_names(path.name, names)
    bad: list[Any] = []

    def set_aside(row: Any) -> str:
        bad.append(row)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=max(1 << 24, len(head) * 2)),
            parse_options=arrow_csv.ParseOptions(
                delimiter=mark, newlines_in_values=True, invalid_row_handler=set_aside
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=_MISSING
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path} cannot be read as a table: {error}.", remedy="Check its quotes, delimiter and encoding."
        ) from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    notes = [f"delimiter {mark!r}"] if mark != "," else []
    notes += [f"encoding {encoding}"] if encoding != "utf-8" else []
    return Source(path.name, frame, _collect_wrong_lines(bad), True, notes)


def _collect_wrong_lines(bad: list[Any]) -> pl.DataFrame | None:
    if not bad:
        return None
    return pl.DataFrame(
        {
            ROW: pl.Series([row.number - 2 for row in bad], dtype=pl.Int64),
            REASON: [WRONG_FIELDS.format(row.actual_columns, row.expected_columns) for row in bad],
            LINE: [row.text for row in bad],
        }
    )


def _read_lines(path: Path, mapping: TableMapping) -> Source:
    text, encoding = to_utf8(read_bytes(path), mapping.encoding, str(path))
    notes = [f"encoding {encoding}"] if encoding != "utf-8" else []
    try:
        return Source(path.name, pl.read_ndjson(io.BytesIO(text), infer_schema_length=None), None, False, notes)
    except READ_ERRORS:
        pass  # a line is broken or of another type: check line by line
    lines = pl.Series(LINE, text.decode("utf-8", errors="replace").split("\n")).str.strip_chars()
    lines = lines.filter(lines != "")
    good = lines.str.json_path_match("$").is_not_null() & lines.str.starts_with("{")
    if not good.any():
        raise DataError(
            f"{path} contains no JSON object.", remedy='Each line must be one, such as {"user_id": "u1", …}.'
        )
    rows = np.flatnonzero(~good.to_numpy())
    broken = pl.DataFrame({ROW: rows.astype(np.int64), REASON: [NOT_JSON] * len(rows), LINE: lines.gather(rows)})
    body = io.BytesIO("\n".join(lines.filter(good).to_list()).encode("utf-8"))
    try:
        return Source(path.name, pl.read_ndjson(body, infer_schema_length=None), broken, False, notes)
    except READ_ERRORS as error:
        raise DataError(
            f"{path}: the JSON lines do not fit one table ({str(error).splitlines()[0]}).",
            remedy="A key must hold the same kind of value on every line.",
        ) from None
