"""MIND: news that was shown and clicked (Wu et al. 2020, doi 10.18653/v1/2020.acl-main.331).

`behaviors.tsv` and `news.tsv` of the training part, and of the development and test parts where they are given.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.sources.files import Files
from penchant.sources.lines import fields, quoted, reject, require_values
from penchant.sources.writer import Writer

IMPRESSIONS = "impressions"
"""Table beside the contract: everything that was shown, with `clicked`; null where the test part does not say."""
_TIME = "%m/%d/%Y %I:%M:%S %p"
_BEHAVIOURS = ("impression", "user", "time", "history", "shown")
_NEWS = ("news", "category", "subcategory", "title", "abstract", "url", "entities", "abstract_entities")


def mind(files: Files, out: Writer) -> None:
    """Clicks become events of the kind `click`.

    The history of a user's first impression has no times: `seq` puts it before everything else. Histories of later
    impressions repeat it and are left out. What was shown is in `impressions.parquet`.
    """
    paths = files.all("behaviors.tsv") or [files.one("behaviors.tsv")]
    rows = pl.concat([_behaviours(files, out, path) for path in paths])
    rows = rows.sort("time", maintain_order=True)
    shown = _shown(rows)
    first = rows.group_by("user", maintain_order=True).agg(pl.col("history").first()).drop_nulls("history")
    history = first.select(
        pl.col("user").alias(schema.USER_ID),
        pl.col("history").str.split(" ").alias(schema.ITEM_ID),
        pl.lit(None, pl.Int64).alias(schema.TIMESTAMP),
        pl.lit(None, pl.String).alias(schema.RECOMMENDATION_ID),
        pl.lit(None, pl.Int64).alias(schema.POSITION),
    ).explode(schema.ITEM_ID)
    clicks = shown.filter(pl.col("clicked")).select(history.columns)
    events = pl.concat([history, clicks]).filter(pl.col(schema.ITEM_ID) != "")
    seq = pl.int_range(pl.len(), dtype=pl.Int64).over(schema.USER_ID).alias(schema.SEQ)
    kind = pl.lit("click").alias(schema.EVENT)
    out.put(schema.EVENTS, events.with_columns(seq, kind))
    out.put(IMPRESSIONS, shown)
    out.notes.append(f"{IMPRESSIONS}.parquet holds what was shown; events are the clicks and the first histories")
    _news(files, out)


def _behaviours(files: Files, out: Writer, path: Path) -> pl.DataFrame:
    label = f"{path.parent.name}/{path.name}"
    kept = []
    for block in files.blocks(path):
        rows = fields(block, "\t", _BEHAVIOURS)
        rows = rows.with_columns(pl.col("time").str.to_datetime(_TIME, strict=False, time_unit="us"))
        rules = require_values("user") | {"time cannot be read": pl.col("time").is_null()}
        taken = out.take(label, reject(rows, rules))
        kept.append(taken.with_columns(pl.col("time").dt.epoch("s"), pl.lit(label).alias("file")))
    return pl.concat(kept)


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    """One row for every item that was shown: who, what, when, in which impression and place, and whether clicked."""
    parts = rows.filter(pl.col("shown").is_not_null()).select(
        pl.col("user").alias(schema.USER_ID),
        pl.col("time").alias(schema.TIMESTAMP),
        pl.col("impression").alias(schema.RECOMMENDATION_ID),
        pl.col("shown").str.split(" "),
    )
    parts = parts.with_columns(pl.int_ranges(pl.col("shown").list.len()).alias(schema.POSITION))
    parts = parts.explode("shown", schema.POSITION).filter(pl.col("shown") != "")
    return parts.select(
        schema.USER_ID,
        pl.col("shown").str.replace(r"-[01]$", "").alias(schema.ITEM_ID),
        schema.TIMESTAMP,
        schema.RECOMMENDATION_ID,
        schema.POSITION,
        (pl.col("shown").str.extract(r"-([01])$", 1) == "1").alias("clicked"),
    )


def _news(files: Files, out: Writer) -> None:
    """Articles without duplicates, since the parts repeat each other."""
    frames = []
    for path in files.all("news.tsv"):
        label = f"{path.parent.name}/{path.name}"
        for block in files.blocks(path):
            rows = fields(block, "\t", _NEWS)
            frames.append(out.take(label, reject(rows, {"no news id": pl.col("news").is_null()})))
    if not frames:
        out.notes.append("news.tsv is missing: items have no title")
        return
    news = pl.concat(frames)
    once = news.unique("news", keep="first", maintain_order=True)
    if once.height < news.height:
        out.notes.append(f"{news.height - once.height:,} articles occur in several parts and were read once")
    labels = pl.col("entities").str.extract_all(r'"Label"\s*:\s*"(?:[^"\\]|\\.)*"').list.join(" ")
    labels = labels.str.replace_all(r'"Label"\s*:\s*', "")
    once = once.with_columns(labels.alias("entities"))
    items = once.select(
        pl.col("news").alias(schema.ITEM_ID),
        pl.col("title").alias(schema.TITLE),
        pl.col("abstract").alias(schema.DESCRIPTION),
        pl.concat_list("category", "subcategory").list.drop_nulls().alias(schema.CATEGORIES),
        quoted("entities"),
        "url",
    )
    out.put(schema.ITEMS, items)
