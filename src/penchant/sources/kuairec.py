"""KuaiRec: short videos and their watch times (Gao et al. 2022, doi 10.1145/3511808.3557220).

`big_matrix.csv` (or `small_matrix.csv`, nearly complete), captions and categories in Chinese, users and their friends.
"""

from __future__ import annotations

import polars as pl

from penchant.data import columns, schema
from penchant.data.ingest.quarantine import LINE, REASON, ROW
from penchant.errors import UsageError
from penchant.sources.files import Files
from penchant.sources.lines import fields, head, number, reject, require_values, table
from penchant.sources.writer import Columns, Writer

MATRICES = ("big_matrix", "small_matrix")
_NEEDED = ("user_id", "video_id", "play_duration", "video_duration", "timestamp", "watch_ratio")


def kuairec(files: Files, out: Writer) -> None:
    """Plays become events of the kind `view`: `value` is the watch ratio, `dwell_s` the seconds played."""
    matrix = files.part or MATRICES[0]
    if matrix not in MATRICES:
        raise UsageError(f"part={matrix!r} is not known.", remedy=f"Allowed: {', '.join(MATRICES)}.")
    path = files.one(f"{matrix}.csv")
    names = head(path, ",", _NEEDED)
    numbers = [number(name) for name in _NEEDED[2:]]
    plays: Columns = {
        schema.USER_ID: "user_id",
        schema.ITEM_ID: "video_id",
        schema.TIMESTAMP: pl.col("timestamp").floor().cast(pl.Int64),
        schema.EVENT: pl.lit(schema.DEFAULT_KIND),
        schema.VALUE: "watch_ratio",
        schema.DWELL_S: pl.col("play_duration") / 1000,
    }
    blocks = (fields(block, ",", names).with_columns(numbers) for block in files.blocks(path, skip=1))
    out.convert(schema.EVENTS, path.name, blocks, require_values("user_id", "video_id", "timestamp"), plays)
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
    cover, *known = (pl.when(pl.col(name) != "UNKNOWN").then(pl.col(name)) for name in ("manual_cover_text", *levels))
    items = kept.select(
        pl.col("video_id").str.replace(r"\.0$", "").alias(schema.ITEM_ID),
        pl.col("caption").alias(schema.TITLE),
        cover.alias(schema.DESCRIPTION),
        pl.concat_list(known).list.drop_nulls().alias(schema.CATEGORIES),
        columns.parse_lists(kept["topic_tag"]).alias("topic_tags"),
    )
    out.put(schema.ITEMS, items)


def _users(files: Files, out: Writer) -> None:
    path = files.optional("user_features.csv")
    if path is not None:
        rows = table(path, ("user_id",))
        kept = out.take(path.name, reject(rows, require_values("user_id")))
        kept = kept.drop(LINE, REASON, ROW, strict=False)
        out.put(
            schema.USERS,
            kept.with_columns(columns.infer_numbers(kept[name]) for name in kept.columns if name != "user_id"),
        )
    path = files.optional("social_network.csv")
    if path is not None:
        rows = table(path, ("user_id", "friend_list"))
        kept = out.take(path.name, reject(rows, require_values("user_id")))
        friends = columns.parse_lists(kept["friend_list"]).alias(schema.TARGET_ID)
        edges = kept.select(pl.col("user_id").alias(schema.SOURCE_ID), friends).explode(schema.TARGET_ID).drop_nulls()
        out.put(schema.RELATIONS, edges.with_columns(pl.lit("friend").alias(schema.RELATION_KIND)))
