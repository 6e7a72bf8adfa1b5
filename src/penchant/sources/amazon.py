"""Amazon reviews of 2014, 2018 and 2023: ratings with text, and metadata of the products.

Sources: McAuley et al. 2015 (doi 10.1145/2766462.2767755), Ni, Li & McAuley 2019 (doi 10.18653/v1/D19-1018),
Hou et al. 2024 (arXiv 2403.03952). Names of reviewers are dropped. Addresses of images are kept (`image_url`);
no image is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.sources.files import Files
from penchant.sources.lines import number, parse_json_fields, require_values, unquoted
from penchant.sources.python_literals import literal, literal_strings
from penchant.sources.writer import Columns, Writer


def amazon_2014(files: Files, out: Writer) -> None:
    """`reviews_*.json[.gz]`, one JSON object per line, and `meta_*.json[.gz]`, one Python literal per line."""
    _old_reviews(files, out, _reviews(files, "reviews_{}_5.json", "reviews_{}.json"), {})
    meta = _products(files, out, "meta_{}.json")
    if meta is None:
        return
    price = literal("price").cast(pl.Float64, strict=False)
    keys = [literal(name) for name in ("asin", "title", "description", "brand", "imUrl")]
    columns: Columns = {
        schema.ITEM_ID: "asin",
        schema.TITLE: "title",
        schema.DESCRIPTION: "description",
        schema.CATEGORIES: pl.col("categories").list.unique(maintain_order=True),
        schema.CREATOR: "brand",
        schema.PRICE: "price",
        "image_url": "imUrl",
    }
    blocks = (block.with_columns(*keys, price, literal_strings("categories")) for block in files.blocks(meta))
    out.convert(schema.ITEMS, meta.name, blocks, require_values("asin"), columns)


def amazon_2018(files: Files, out: Writer) -> None:
    """`*_5.json[.gz]` (or the full `*.json[.gz]`) and `meta_*.json[.gz]`, one JSON object per line."""
    votes = pl.col("vote").str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)
    more = {"verified": pl.col("verified") == "true", "votes": votes}
    _old_reviews(files, out, _reviews(files, "{}_5.json", "{}.json"), more)
    meta = _products(files, out, "meta_{}.json")
    if meta is None:
        return
    scalars, lists = ("asin", "title", "brand", "price"), ("category", "description", "imageURL")
    columns: Columns = {
        schema.ITEM_ID: "asin",
        schema.TITLE: "title",
        schema.DESCRIPTION: _text("description"),
        schema.CATEGORIES: "category",
        schema.CREATOR: "brand",
        schema.PRICE: _price(),
        "image_url": pl.col("imageURL").list.first(),
    }
    blocks = (parse_json_fields(block, scalars, lists) for block in files.blocks(meta))
    out.convert(schema.ITEMS, meta.name, blocks, require_values("asin"), columns)


def amazon_2023(files: Files, out: Writer) -> None:
    """`*.jsonl[.gz]` and `meta_*.jsonl[.gz]`, one JSON object per line; an item is a `parent_asin`."""
    path = _reviews(files, "{}.jsonl")
    scalars: tuple[str, ...] = ("user_id", "parent_asin", "asin", "timestamp", "rating", "text", "title")
    scalars += ("verified_purchase", "helpful_vote")
    numbers = (number("rating"), number("helpful_vote"), _integer("timestamp") // 1000)
    columns: Columns = {
        schema.USER_ID: "user_id",
        schema.ITEM_ID: "parent_asin",
        schema.TIMESTAMP: "timestamp",
        schema.EVENT: pl.lit(schema.RATING_KIND),
        schema.VALUE: "rating",
        schema.TEXT: "text",
        "summary": "title",
        "variant": "asin",
        "verified": pl.col("verified_purchase") == "true",
        "votes": "helpful_vote",
    }
    blocks = (parse_json_fields(block, scalars).with_columns(numbers) for block in files.blocks(path))
    out.convert(schema.EVENTS, path.name, blocks, _rules("user_id", "parent_asin", "rating", "timestamp"), columns)
    meta = _products(files, out, "meta_{}.jsonl")
    if meta is None:
        return
    scalars = ("parent_asin", "title", "main_category", "store", "price", "images")
    categories = pl.when(pl.col("categories").list.len() > 0).then(pl.col("categories"))
    columns = {
        schema.ITEM_ID: "parent_asin",
        schema.TITLE: "title",
        schema.DESCRIPTION: pl.coalesce(_text("description"), _text("features")),
        schema.CATEGORIES: categories.otherwise(pl.concat_list("main_category").list.drop_nulls()),
        schema.CREATOR: "store",
        schema.PRICE: _price(),
        "image_url": unquoted(pl.col("images").str.extract(r'"large"\s*:\s*("(?:[^"\\]|\\.)*")', 1)),
    }
    blocks = (
        parse_json_fields(block, scalars, ("categories", "description", "features")) for block in files.blocks(meta)
    )
    out.convert(schema.ITEMS, meta.name, blocks, require_values("parent_asin"), columns)


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


def _old_reviews(files: Files, out: Writer, path: Path, more: dict[str, pl.Expr]) -> None:
    """Reviews of 2014 and 2018: the same keys; `more` columns of 2018 come from `verified` and `vote`."""
    scalars: tuple[str, ...] = ("reviewerID", "asin", "overall", "unixReviewTime", "reviewText", "summary")
    scalars += ("verified", "vote") if more else ()
    numbers = (number("overall"), _integer("unixReviewTime"))
    columns: Columns = {
        schema.USER_ID: "reviewerID",
        schema.ITEM_ID: "asin",
        schema.TIMESTAMP: "unixReviewTime",
        schema.EVENT: pl.lit(schema.RATING_KIND),
        schema.VALUE: "overall",
        schema.TEXT: "reviewText",
        "summary": "summary",
        **more,
    }
    blocks = (parse_json_fields(block, scalars).with_columns(numbers) for block in files.blocks(path))
    out.convert(schema.EVENTS, path.name, blocks, _rules("reviewerID", "asin", "overall", "unixReviewTime"), columns)


def _rules(user: str, item: str, rating: str, time: str) -> dict[str, pl.Expr]:
    return require_values(user, item) | {
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
