"""S3-Rec's files: sequences as published with the paper (Zhou et al. 2020, doi 10.1145/3340531.3411954).

`NAME.txt`, a user and their items in order on a line, and `NAME_item2attributes.json`. No times: `seq` orders.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.data.ingest.quarantine import LINE
from penchant.errors import DataError
from penchant.sources.files import Files
from penchant.sources.lines import in_order, reject
from penchant.sources.writer import Writer

_ATTRIBUTES = "_item2attributes.json"
_KIND = "review"


def s3rec(files: Files, out: Writer) -> None:
    """Sequences become events of the kind `review`; attribute ids become categories (`attr:12`)."""
    attributes = files.optional(f"{files.part or '*'}{_ATTRIBUTES}")
    name = files.part or (attributes.name.removesuffix(_ATTRIBUTES) if attributes else "*")
    path = files.one(f"{name}.txt")
    for block in files.blocks(path):
        parts = (
            pl.col(LINE).str.strip_chars().str.splitn(" ", 2).struct.rename_fields(["user", "items"]).alias("__parts")
        )
        rows = block.with_columns(parts).unnest("__parts")
        odd = pl.col(LINE).str.contains(r"[^\w\s:.-]")
        rules = {"no items": pl.col("items").is_null(), "line has other characters than ids": odd}
        out.put(schema.EVENTS, in_order(out.take(path.name, reject(rows, rules)), _KIND))
    if attributes is None:
        out.notes.append(f"*{_ATTRIBUTES} is missing: items have no categories")
        return
    attribute_ids = _read(attributes)
    numbers = pl.Series("categories", list(attribute_ids.values()), dtype=pl.List(pl.Int64))
    items = pl.DataFrame({schema.ITEM_ID: list(attribute_ids), schema.CATEGORIES: numbers})
    names = pl.col(schema.CATEGORIES).list.eval(pl.format("attr:{}", pl.element()))
    out.put(schema.ITEMS, items.with_columns(names))


def _read(path: Path) -> dict[str, list[int]]:
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(given, dict):
            raise ValueError("not an object")
        pl.Series(list(given.values()), dtype=pl.List(pl.Int64))
    except (ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path} is not a JSON object of item id → list of attribute numbers ({str(error).splitlines()[0]}).",
            remedy="Give the published file.",
        ) from None
    return given
