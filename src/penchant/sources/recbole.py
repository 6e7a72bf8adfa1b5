"""RecBole's atomic files (`NAME.inter`, `.item`, `.user`, `.net`), as its data sets are published (Zhao et al. 2021).

A folder of them can also be read directly; the conversion checks it, drops the types from the headers and writes
Parquet.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.data.ingest.aliases import recognise
from penchant.data.ingest.quarantine import LINE, REASON, ROW
from penchant.sources.files import Files
from penchant.sources.lines import reject, table
from penchant.sources.writer import Writer

_ENDINGS = {schema.EVENTS: "inter", schema.ITEMS: "item", schema.USERS: "user", schema.RELATIONS: "net"}
_IDS = (schema.USER_ID, schema.ITEM_ID, schema.SOURCE_ID, schema.TARGET_ID)


def recbole(files: Files, out: Writer) -> None:
    """Every atomic file becomes a table: `token` text, `float` numbers, `…_seq` lists; names as in the contract."""
    for name, ending in _ENDINGS.items():
        pattern = f"{files.part or '*'}.{ending}"
        path = files.one(pattern) if name == schema.EVENTS else files.optional(pattern)
        if path is not None:
            _one(name, path, out)


def _one(name: str, path: Path, out: Writer) -> None:
    rows = table(path, (), mark="\t")
    raw = [column for column in rows.columns if column not in (ROW, LINE, REASON)]
    recognised = recognise(name, raw, {}, path.name)
    numbers = [column for column in raw if recognised.types.get(column) == "float"]
    not_numbers = [_number(column).is_null() & pl.col(column).is_not_null() for column in numbers]
    missing = {f"no {ours}": pl.col(column).is_null() for column, ours in recognised.names.items() if ours in _IDS}
    rules = {
        **missing,
        **{f"{recognised.names[c]} is not a number": bad for c, bad in zip(numbers, not_numbers, strict=True)},
    }
    kept = out.take(path.name, reject(rows, rules))
    out.put(
        name,
        kept.select(
            _typed(column, ours, recognised.types.get(column, "")) for column, ours in recognised.names.items()
        ),
    )


def _typed(column: str, ours: str, kind: str) -> pl.Expr:
    if kind == "float":
        is_integer = ours in (schema.TIMESTAMP, schema.SEQ)
        return (_number(column).floor().cast(pl.Int64) if is_integer else _number(column)).alias(ours)
    if kind.endswith("_seq"):
        parts = pl.col(column).str.split(" ").list.eval(pl.element().filter(pl.element() != ""))
        inner = pl.Float64 if kind == "float_seq" else pl.String
        return parts.cast(pl.List(inner), strict=False).alias(ours)
    return pl.col(column).alias(ours)


def _number(column: str) -> pl.Expr:
    value = pl.col(column).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)
