"""KuaiRec: short videos and their watch times (Gao et al. 2022, doi 10.1145/3511808.3557220).

`big_matrix.csv` (or `small_matrix.csv`, nearly complete), captions and categories in Chinese, users and their friends.
"""

from __future__ import annotations

import polars as pl

from penchant.data import columns, schema
from penchant.data.ingest.quarantine import LINE, REASON, ROW
from penchant.errors import UsageError
from penchant.sources.files import Files
from penchant.sources.lines import fields, head, number, reject, table
from penchant.sources.writer import Writer

MATRICES = ("big_matrix", "small_matrix")
_NEEDED = ("user_id", "video_id", "play_duration", "video_duration", "timestamp", "watch_ratio")


def kuairec(files: Files, out: Writer) -> None:
    """Plays become events of the kind `view`: `value` is the watch ratio, `dwell_s` the seconds played."""
    matrix = files.part or MATRICES[0]
    if matrix not in MATRICES:
        raise UsageError(f"part={matrix!r} is not known.", remedy=f"Allowed: {', '.join(MATRICES)}.")
    path = files.one(f"{matrix}.csv")
    names = head(path, ",", _NEEDED)
    for block in files.blocks(path, skip=1):
        rows = fields(block, ",", names).with_columns(number(name) for name in _NEEDED[2:])
        rules = {
            "no user_id": pl.col("user_id").is_null(),
            "no video_id": pl.col("video_id").is_null(),
            "no timestamp": pl.col("timestamp").is_null(),
        }
        kept = out.take(path.name, reject(rows, rules))
        out.put(
            schema.EVENTS,
            kept.select(
                pl.col("user_id").alias(schema.USER_ID),
                pl.col("video_id").alias(schema.ITEM_ID),
                pl.col("timestamp").floor().cast(pl.Int64).alias(schema.TIMESTAMP),
                pl.lit(schema.DEFAULT_KIND).alias(schema.EVENT),
                pl.col("watch_ratio").alias(schema.VALUE),
                (pl.col("play_duration") / 1000).alias(schema.DWELL_S),
            ),
        )
    _videos(files, out)
    _users(files, out)


def _videos(files: Files, out: Writer) -> None:
    path = files.optional("kuairec_caption_category.csv")
    if path is None:
        out.notes.append("kuairec_caption_category.csv is missing: items have no title")
        return
    levels = [f"{level}_level_category_name" for level in ("first", "second", "third")]
    rows = table(path, ("video_id", "manual_cover_text", "caption", "topic_tag", *levels))
    broken = ~pl.col("video_id").str.contains(r"^\d+(\.0)?$")
    kept = out.take(path.name, reject(rows, {"video_id is not an integer": broken}))
    known = [pl.when(pl.col(level) != "UNKNOWN").then(pl.col(level)) for level in levels]
    tags = columns.parse_lists(kept["topic_tag"]).alias("topic_tags")
    out.put(
        schema.ITEMS,
        kept.select(
            pl.col("video_id").str.replace(r"\.0$", "").alias(schema.ITEM_ID),
            pl.col("caption").alias(schema.TITLE),
            pl.when(pl.col("manual_cover_text") != "UNKNOWN")
            .then(pl.col("manual_cover_text"))
            .alias(schema.DESCRIPTION),
            pl.concat_list(known).list.drop_nulls().alias(schema.CATEGORIES),
            tags,
        ),
    )


def _users(files: Files, out: Writer) -> None:
    path = files.optional("user_features.csv")
    if path is not None:
        rows = table(path, ("user_id",))
        kept = out.take(path.name, reject(rows, {"no user_id": pl.col("user_id").is_null()}))
        kept = kept.drop(LINE, REASON, ROW, strict=False)
        out.put(
            schema.USERS,
            kept.with_columns(columns.infer_numbers(kept[name]) for name in kept.columns if name != "user_id"),
        )
    path = files.optional("social_network.csv")
    if path is not None:
        rows = table(path, ("user_id", "friend_list"))
        kept = out.take(path.name, reject(rows, {"no user_id": pl.col("user_id").is_null()}))
        friends = columns.parse_lists(kept["friend_list"]).alias(schema.TARGET_ID)
        edges = kept.select(pl.col("user_id").alias(schema.SOURCE_ID), friends).explode(schema.TARGET_ID).drop_nulls()
        out.put(schema.RELATIONS, edges.with_columns(pl.lit("friend").alias(schema.RELATION_KIND)))
