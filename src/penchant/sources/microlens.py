"""MicroLens: short videos and comments on them (Ni et al. 2023, arXiv 2309.15379).

`*_pairs.csv` (user, item, milliseconds) or `*_pairs.tsv` (a user and their items in order), and titles.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.data.ingest.quarantine import LINE
from penchant.errors import DataError
from penchant.sources.files import Files
from penchant.sources.lines import blank, fields, head, in_order, reject, require_values
from penchant.sources.writer import Columns, Writer

_KIND = "comment"


def microlens(files: Files, out: Writer) -> None:
    """Pairs become events of the kind `comment`; CSV is taken before TSV, since it has times."""
    pairs = files.optional("*pairs.csv") or files.optional("*pairs.tsv")
    if pairs is None:
        raise DataError(
            f"{files.folder} has no *pairs.csv or *pairs.tsv.", remedy="Give the folder with the files as published."
        )
    (_timed if pairs.suffix == ".csv" else _ordered)(files, out, pairs)
    titles = files.optional("*title*.csv")
    if titles is None:
        out.notes.append("*title*.csv is missing: items have no title")
        return
    _titles(files, out, titles)


def _timed(files: Files, out: Writer, path: Path) -> None:
    names = head(path, ",", ("user", "item", "timestamp"))
    time = pl.col("timestamp").cast(pl.Int64, strict=False) // 1000
    rules = require_values("user", "item") | {"time is not an integer": pl.col("timestamp").is_null()}
    columns: Columns = {
        schema.USER_ID: "user",
        schema.ITEM_ID: "item",
        schema.TIMESTAMP: "timestamp",
        schema.EVENT: pl.lit(_KIND),
    }
    blocks = (fields(block, ",", names).with_columns(time) for block in files.blocks(path, skip=1))
    out.convert(schema.EVENTS, path.name, blocks, rules, columns)


def _ordered(files: Files, out: Writer, path: Path) -> None:
    for block in files.blocks(path):
        rows = fields(block, "\t", ("user", "items"))
        out.put(schema.EVENTS, in_order(out.take(path.name, reject(rows, require_values("user", "items"))), _KIND))


def _titles(files: Files, out: Writer, path: Path) -> None:
    """`item,title` with a head (50k) or without (100k); titles may hold commas with or without quotes."""
    first = head(path, ",")[:1]
    skip = 0 if first and first[0].isdigit() else 1
    for block in files.blocks(path, skip=skip):
        parts = pl.col(LINE).str.splitn(",", 2).struct.rename_fields(["item", "title"]).alias("__parts")
        rows = block.with_columns(parts).unnest("__parts").with_columns(blank("item"), blank("title"))
        title = pl.col("title").str.strip_chars('"').str.replace_all('""', '"', literal=True).str.strip_chars()
        kept = out.take(path.name, reject(rows, require_values("item", "title")))
        out.put(schema.ITEMS, kept.select(pl.col("item").alias(schema.ITEM_ID), title.alias(schema.TITLE)))
