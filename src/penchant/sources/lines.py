"""Lines of published files become columns; a rejected line keeps its text and a reason.

Every frame here has `row` (the number of the line in the file from 0, without the header), `line` (its text) and
`reason` (null: not rejected), and then the fields as text.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

import polars as pl

from penchant.data import schema
from penchant.data.ingest.encodings import read_first_line
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.quarantine import LINE, REASON, ROW
from penchant.data.ingest.readers import NOT_JSON, WRONG_FIELDS, read_source
from penchant.errors import DataError, SchemaError

BLOCK_BYTES = 1 << 26
"""Bytes of text that become a table at once."""
_BOM = b"\xef\xbb\xbf"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'


def blocks(
    path: Path, encoding: str = "utf-8", *, skip: int = 0, progress: Callable[[float], None] | None = None
) -> Iterator[pl.DataFrame]:
    """The lines of a text file (gzip or not) in frames of `row`, `line`, `reason`; blank lines are omitted.

    `skip` header lines are omitted too. Text that is not UTF-8 is read as Latin-1. Raises `DataError` for a file that
    cannot be read, is empty or whose gzip is cut off.
    """
    size, row, rest = max(path.stat().st_size, 1), 0, b""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if packed else raw)
            for _ in range(skip):
                stream.readline()
            first = not skip
            while data := stream.read(BLOCK_BYTES):
                data = rest + (data.removeprefix(_BOM) if first else data)
                first = False
                end = data.rfind(b"\n") + 1
                rest = data[end:]
                if end:
                    yield (frame := _frame(data[:end], encoding, row))
                    row += frame.height
                if progress is not None:
                    progress(min(raw.tell() / size, 1.0))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path} is not a complete gzip file ({error}).", remedy="Download it again; it may be truncated."
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", remedy="Check its permissions.") from None
    if rest.strip():
        yield (frame := _frame(rest, encoding, row))
        row += frame.height
    if not row:
        raise DataError(f"{path} has no rows.", remedy="Download it again; it may be truncated.")


def head(path: Path, mark: str, needed: Sequence[str] = ()) -> list[str]:
    """Names in the first line of a text file. Raises `SchemaError` if one of `needed` is not among them."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as stream:
            line = stream.readline(1 << 20).removeprefix(_BOM)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a complete gzip file ({error}).", remedy="Download it again.") from None
    names = [name.strip() for name in next(csv.reader([read_first_line(line)], delimiter=mark), [])]
    need(names, needed, path.name)
    return names


def need(names: Sequence[str], needed: Sequence[str], source: str) -> None:
    """Raise `SchemaError` if a table lacks a column."""
    missing = [name for name in needed if name not in names]
    if missing:
        raise SchemaError(
            f"{source} has no column {missing[0]!r}. It has: {', '.join(names[:30]) or 'none'}.",
            remedy="Give the published file; this one may be of another version.",
        )


def fields(block: pl.DataFrame, mark: str, names: Sequence[str]) -> pl.DataFrame:
    """Split every line at `mark` into `names`; empty fields are null, a line with more or fewer gets a reason.

    >>> block = pl.DataFrame({"row": [0, 1], "line": ["1::2::5", "1::2"], "reason": [None, None]})
    >>> fields(block, "::", ["user", "item", "value"]).select("user", "value", "reason").rows()
    [('1', '5', None), ('1', None, 'line with 2 fields where the head has 3')]
    """
    count = pl.col(LINE).str.count_matches(mark, literal=True) + 1
    parts = pl.col(LINE).str.split_exact(mark, len(names) - 1).struct.rename_fields(list(names)).alias("__parts")
    before, after = WRONG_FIELDS.format("\0", len(names)).split("\0")
    wrong = pl.when(count != len(names)).then(pl.concat_str(pl.lit(before), count, pl.lit(after)))
    out = block.with_columns(pl.coalesce(pl.col(REASON).cast(pl.String), wrong).alias(REASON), parts)
    return out.unnest("__parts").with_columns(blank(name) for name in names)


def parse_json_fields(block: pl.DataFrame, scalars: Sequence[str], lists: Sequence[str] = ()) -> pl.DataFrame:
    """Keys of one JSON object per line: `scalars` as text, `lists` as lists of text; other lines get a reason."""
    form = {**dict.fromkeys(scalars, pl.String()), **dict.fromkeys(lists, pl.List(pl.String))}
    body = io.BytesIO("\n".join(block[LINE].to_list()).encode())
    try:
        columns = pl.read_ndjson(body, schema=form)
        if columns.height == block.height:
            return pl.concat([block, columns], how="horizontal").with_columns(blank(name) for name in scalars)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass  # a line is broken or of another type: parse them one by one
    line = pl.col(LINE)
    good = line.str.json_path_match("$").is_not_null() & line.str.starts_with("{")
    reason = pl.coalesce(pl.col(REASON).cast(pl.String), pl.when(~good).then(pl.lit(NOT_JSON))).alias(REASON)
    out = block.with_columns(
        reason, *(pl.when(good).then(line.str.json_path_match(f"$.{name}")).alias(name) for name in (*scalars, *lists))
    )
    return out.with_columns(
        *(blank(name) for name in scalars),
        *(pl.when(pl.col(name).str.starts_with("[")).then(quoted(name)).alias(name) for name in lists),
    )


def table(path: Path, needed: Sequence[str], *, mark: str = ",") -> pl.DataFrame:
    """A CSV file with quotes, as text columns; lines that cannot be split have a reason."""
    source = read_source(path, TableMapping(delimiter=mark))
    raw = source.frame.rename({name: name.strip() for name in source.frame.columns})
    need(raw.columns, needed, path.name)
    clash = {name: f"{name}_in_file" for name in (ROW, LINE, REASON) if name in raw.columns}
    raw = raw.rename(clash)
    lead = pl.DataFrame({ROW: source.numbers}).with_columns(pl.lit(None, pl.String).alias(REASON))
    text = raw.select(pl.concat_str(pl.all().fill_null(""), separator=mark).alias(LINE))
    out = pl.concat([lead, text, raw], how="horizontal").with_columns(blank(name) for name in raw.columns)
    return out if source.broken is None else pl.concat([out, source.broken], how="diagonal").sort(ROW)


def reject(frame: pl.DataFrame, reasons: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Set the reason of every row where an expression is true (or null); a row keeps its first reason."""
    given = (pl.when(rule.fill_null(True)).then(pl.lit(reason)) for reason, rule in reasons.items())
    return frame.with_columns(pl.coalesce(pl.col(REASON).cast(pl.String), *given).alias(REASON))


def require_values(*names: str, **columns: str) -> dict[str, pl.Expr]:
    """Reasons against rows without a value: `no NAME` for each column, which `NAME="column"` names otherwise.

    >>> list(require_values("user", film="movieId"))
    ['no user', 'no film']
    """
    return {f"no {name}": pl.col(column).is_null() for name, column in ({n: n for n in names} | columns).items()}


def in_order(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Rows of `user` and `items` (ids separated by blanks) as events with `seq` and no time.

    >>> in_order(pl.DataFrame({"user": ["1"], "items": ["7 8"]}), "view").rows()
    [('1', '7', 0, 'view'), ('1', '8', 1, 'view')]
    """
    items = rows.select(
        pl.col("user").alias(schema.USER_ID),
        pl.col("items").str.strip_chars().str.replace_all(r"\s+", " ").str.split(" ").alias(schema.ITEM_ID),
    )
    positions = pl.int_ranges(pl.col(schema.ITEM_ID).list.len()).alias(schema.SEQ)
    events = items.with_columns(positions).explode(schema.ITEM_ID, schema.SEQ)
    return events.with_columns(pl.lit(kind).alias(schema.EVENT))


def blank(name: str) -> pl.Expr:
    """A text column trimmed, with empty cells as null."""
    text = pl.col(name).str.strip_chars()
    return pl.when(text != "").then(text).alias(name)


def number(name: str) -> pl.Expr:
    """A text column as Float64; other values are null."""
    value = pl.col(name).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value).alias(name)


def quoted(name: str) -> pl.Expr:
    """All texts in double quotes of a text column, as a list, with escapes resolved."""
    return pl.col(name).str.extract_all(_QUOTED).list.eval(unquoted(pl.element()))


def unquoted(text: pl.Expr) -> pl.Expr:
    """A quoted JSON string without its quotes and escapes; unchanged where it is invalid."""
    parsed = pl.concat_str(pl.lit('{"v":'), text, pl.lit("}")).str.json_path_match("$.v")
    return pl.coalesce(parsed, text.str.strip_chars('"'))


def _frame(data: bytes, encoding: str, start: int) -> pl.DataFrame:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = pl.Series(LINE, [text]).str.replace_all("\r\n", "\n", literal=True).str.split("\n").explode()
    frame = lines.to_frame().filter(pl.col(LINE).str.strip_chars() != "")
    return frame.with_row_index(ROW, start).with_columns(
        pl.col(ROW).cast(pl.Int64), pl.lit(None, pl.String).alias(REASON)
    )
