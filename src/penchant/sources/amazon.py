"""Amazon reviews of 2014, 2018 and 2023: ratings with text, and metadata of the products.

Sources: McAuley et al. 2015 (doi 10.1145/2766462.2767755), Ni, Li & McAuley 2019 (doi 10.18653/v1/D19-1018),
Hou et al. 2024 (arXiv 2403.03952). Names of reviewers are dropped. Addresses of pictures are kept (`image_url`);
no picture is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.sources.files import Files
from penchant.sources.lines import json_fields, number, reject, unquoted
from penchant.sources.python_literals import literal, literal_strings
from penchant.sources.writer import Writer


def amazon_2014(files: Files, out: Writer) -> None:
    """`reviews_*.json[.gz]`, one JSON object a line, and `meta_*.json[.gz]`, one Python literal a line."""
    path = _reviews(files, "reviews_{}_5.json", "reviews_{}.json")
    _old_reviews(files, out, path, ())
    meta = _products(files, out, "meta_{}.json")
    if meta is None:
        return
    for block in files.blocks(meta):
        rows = block.with_columns(
            literal("asin"), literal("title"), literal("description"), literal("brand"), literal("imUrl"),
            literal("price").cast(pl.Float64, strict=False), literal_strings("categories"),
        )  # fmt: skip
        kept = out.take(meta.name, reject(rows, {"no asin": pl.col("asin").is_null()}))
        out.put(
            schema.ITEMS,
            kept.select(
                pl.col("asin").alias(schema.ITEM_ID),
                pl.col("title").alias(schema.TITLE),
                pl.col("description").alias(schema.DESCRIPTION),
                pl.col("categories").list.unique(maintain_order=True).alias(schema.CATEGORIES),
                pl.col("brand").alias(schema.CREATOR),
                pl.col("price").alias(schema.PRICE),
                pl.col("imUrl").alias("image_url"),
            ),
        )


def amazon_2018(files: Files, out: Writer) -> None:
    """`*_5.json[.gz]` (or the full `*.json[.gz]`) and `meta_*.json[.gz]`, one JSON object a line."""
    path = _reviews(files, "{}_5.json", "{}.json")
    _old_reviews(files, out, path, ("verified", "vote"))
    meta = _products(files, out, "meta_{}.json")
    if meta is None:
        return
    for block in files.blocks(meta):
        rows = json_fields(block, ("asin", "title", "brand", "price"), ("category", "description", "imageURL"))
        kept = out.take(meta.name, reject(rows, {"no asin": pl.col("asin").is_null()}))
        out.put(
            schema.ITEMS,
            kept.select(
                pl.col("asin").alias(schema.ITEM_ID),
                pl.col("title").alias(schema.TITLE),
                _text("description").alias(schema.DESCRIPTION),
                pl.col("category").alias(schema.CATEGORIES),
                pl.col("brand").alias(schema.CREATOR),
                _price().alias(schema.PRICE),
                pl.col("imageURL").list.first().alias("image_url"),
            ),
        )


def amazon_2023(files: Files, out: Writer) -> None:
    """`*.jsonl[.gz]` and `meta_*.jsonl[.gz]`, one JSON object a line; an item is a `parent_asin`."""
    path = _reviews(files, "{}.jsonl")
    keys = ("user_id", "parent_asin", "asin", "timestamp", "rating", "text", "title", "verified_purchase")
    for block in files.blocks(path):
        rows = json_fields(block, (*keys, "helpful_vote"))
        rows = rows.with_columns(number("rating"), number("helpful_vote"), _integer("timestamp") // 1000)
        kept = out.take(path.name, reject(rows, _rules("user_id", "parent_asin", "rating", "timestamp")))
        out.put(
            schema.EVENTS,
            kept.select(
                pl.col("user_id").alias(schema.USER_ID),
                pl.col("parent_asin").alias(schema.ITEM_ID),
                pl.col("timestamp").alias(schema.TIMESTAMP),
                pl.lit(schema.RATING_KIND).alias(schema.EVENT),
                pl.col("rating").alias(schema.VALUE),
                pl.col("text").alias(schema.TEXT),
                pl.col("title").alias("summary"),
                pl.col("asin").alias("variant"),
                (pl.col("verified_purchase") == "true").alias("verified"),
                pl.col("helpful_vote").alias("votes"),
            ),
        )
    meta = _products(files, out, "meta_{}.jsonl")
    if meta is None:
        return
    for block in files.blocks(meta):
        scalars = ("parent_asin", "title", "main_category", "store", "price", "images")
        rows = json_fields(block, scalars, ("categories", "description", "features"))
        kept = out.take(meta.name, reject(rows, {"no parent_asin": pl.col("parent_asin").is_null()}))
        first = pl.col("images").str.extract(r'"large"\s*:\s*("(?:[^"\\]|\\.)*")', 1)
        out.put(
            schema.ITEMS,
            kept.select(
                pl.col("parent_asin").alias(schema.ITEM_ID),
                pl.col("title").alias(schema.TITLE),
                pl.coalesce(_text("description"), _text("features")).alias(schema.DESCRIPTION),
                pl.when(pl.col("categories").list.len() > 0)
                .then(pl.col("categories"))
                .otherwise(pl.concat_list("main_category").list.drop_nulls())
                .alias(schema.CATEGORIES),
                pl.col("store").alias(schema.CREATOR),
                _price().alias(schema.PRICE),
                unquoted(first).alias("image_url"),
            ),
        )


_META = "meta_*"


def _reviews(files: Files, *patterns: str) -> Path:
    """The reviews: a file of the first pattern that matches, of the requested part or of any."""
    names = [(name, name + ".gz") for name in (pattern.format(files.part or "*") for pattern in patterns)]
    for pair in names:
        path = files.optional(*pair, but=_META)
        if path is not None:
            return path
    return files.one(*(name for pair in names for name in pair), but=_META)


def _products(files: Files, out: Writer, pattern: str) -> Path | None:
    name = pattern.format(files.part or "*")
    path = files.optional(name, name + ".gz")
    if path is None:
        out.notes.append(f"{name} is missing: items have no title, description, categories or price")
    return path


def _old_reviews(files: Files, out: Writer, path: Path, more: tuple[str, ...]) -> None:
    """Reviews of 2014 and 2018: the same keys, 2018 also has `verified` and `vote`."""
    for block in files.blocks(path):
        rows = json_fields(
            block, ("reviewerID", "asin", "overall", "unixReviewTime", "reviewText", "summary", *more)
        ).with_columns(number("overall"), _integer("unixReviewTime"))
        kept = out.take(path.name, reject(rows, _rules("reviewerID", "asin", "overall", "unixReviewTime")))
        votes = pl.col("vote").str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False) if more else None
        out.put(
            schema.EVENTS,
            kept.select(
                pl.col("reviewerID").alias(schema.USER_ID),
                pl.col("asin").alias(schema.ITEM_ID),
                pl.col("unixReviewTime").alias(schema.TIMESTAMP),
                pl.lit(schema.RATING_KIND).alias(schema.EVENT),
                pl.col("overall").alias(schema.VALUE),
                pl.col("reviewText").alias(schema.TEXT),
                pl.col("summary"),
                *([] if votes is None else [(pl.col("verified") == "true").alias("verified"), votes.alias("votes")]),
            ),
        )


def _rules(user: str, item: str, rating: str, time: str) -> dict[str, pl.Expr]:
    return {
        f"no {user}": pl.col(user).is_null(),
        f"no {item}": pl.col(item).is_null(),
        f"{rating} is not a number": pl.col(rating).is_null(),
        f"{time} is not an integer": pl.col(time).is_null(),
    }


def _integer(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int64, strict=False)


def _text(name: str) -> pl.Expr:
    joined = pl.col(name).list.join("\n").str.strip_chars()
    return pl.when(joined != "").then(joined)


def _price() -> pl.Expr:
    """`$1,234.50` or `12.5` as a number; ranges and texts are null."""
    text = pl.col("price").str.replace_all(r"[$,]", "").str.strip_chars()
    value = text.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite() & (value >= 0)).then(value)
