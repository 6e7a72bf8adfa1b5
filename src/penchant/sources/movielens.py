"""MovieLens, 100k to 32M: ratings of films (Harper & Konstan 2015, doi 10.1145/2827872).

Three formats: `u.data` (100k), `*.dat` with `::` between fields (1M, 10M), and CSV (20M, 25M, 32M, latest).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from penchant.data import schema
from penchant.data.ingest.quarantine import LINE, REASON, ROW
from penchant.errors import DataError
from penchant.options import read_package_toml
from penchant.sources.files import Files
from penchant.sources.lines import fields, head, number, reject, require_values, table
from penchant.sources.writer import Columns, Writer

_USER, _FILM, _RATING, _TIME = "user", "film", "rating", "time"
_CODES: Final = read_package_toml(__package__, "movielens.toml")
_MOST_TAGS = 10
_YEAR = pl.col("title").str.extract(r"\((\d{4})(?:[-–]\d{0,4})?\)\s*$", 1).cast(pl.Int64)


def movielens(files: Files, out: Writer) -> None:
    """Ratings become events of the kind `rating`; films get title, year, genres and the ten most given tags."""
    ratings = files.optional("u.data", "ratings.dat", "ratings.csv")
    if ratings is None:
        raise DataError(
            f"{files.folder} has no u.data, ratings.dat or ratings.csv.",
            remedy="Give the folder or zip file of one MovieLens release as it is published.",
        )
    if ratings.name == "u.data":
        _events(files, out, ratings, "\t", (_USER, _FILM, _RATING, _TIME))
        _old_films(files, out)
        _users(files, out, files.one("u.user"), "|", ("user_id", "age", "gender", "occupation", "zip_code"))
    elif ratings.name == "ratings.dat":
        _events(files, out, ratings, "::", (_USER, _FILM, _RATING, _TIME))
        _films(files, out, "::")
        users = files.optional("users.dat")
        if users is not None:
            _users(files, out, users, "::", ("user_id", "gender", "age_group", "occupation", "zip_code"))
    else:
        names = head(ratings, ",", ("userId", "movieId", "rating", "timestamp"))
        ours = {"userId": _USER, "movieId": _FILM, "rating": _RATING, "timestamp": _TIME}
        _events(files, out, ratings, ",", tuple(ours.get(name, name) for name in names), skip=1)
        _films(files, out, ",")


def _events(files: Files, out: Writer, path: Path, mark: str, names: tuple[str, ...], *, skip: int = 0) -> None:
    numbers = (number(_RATING), pl.col(_TIME).cast(pl.Int64, strict=False))
    rules = require_values(_USER, _FILM) | {
        "rating is not a number": pl.col(_RATING).is_null(),
        "rating outside 0.5 to 5": ~pl.col(_RATING).is_between(0.5, 5),
        "time is not an integer": pl.col(_TIME).is_null(),
    }
    columns: Columns = {
        schema.USER_ID: _USER,
        schema.ITEM_ID: _FILM,
        schema.TIMESTAMP: _TIME,
        schema.EVENT: pl.lit(schema.RATING_KIND),
        schema.VALUE: _RATING,
    }
    blocks = (fields(block, mark, names).with_columns(numbers) for block in files.blocks(path, skip=skip))
    out.convert(schema.EVENTS, path.name, blocks, rules, columns)


def _old_films(files: Files, out: Writer) -> None:
    path = files.one("u.item")
    genre_names = _CODES["genres"]
    flags = [f"flag_{index}" for index in range(len(genre_names))]
    given = [pl.when(pl.col(flag) == "1").then(pl.lit(genre)) for flag, genre in zip(flags, genre_names, strict=True)]
    names = ("film", "title", "released", "video", "address", *flags)
    genres = pl.concat_list(given).list.drop_nulls()
    columns: Columns = {schema.ITEM_ID: "film", schema.TITLE: "title", "year": _YEAR, schema.CATEGORIES: genres}
    blocks = (fields(block, "|", names) for block in files.blocks(path))
    out.convert(schema.ITEMS, path.name, blocks, require_values("film"), columns)


def _films(files: Files, out: Writer, mark: str) -> None:
    path = files.one("movies.dat" if mark == "::" else "movies.csv")
    tags = _tags(files, out, mark)
    genres = pl.col("genres").str.split("|").list.eval(pl.element().filter(pl.element() != "(no genres listed)"))
    columns: Columns = {schema.ITEM_ID: "movieId", schema.TITLE: "title", "year": _YEAR, schema.CATEGORIES: genres}
    for rows in _blocks(files, path, mark, ("movieId", "title", "genres")):
        items = out.take(path.name, reject(rows, require_values(film="movieId"))).select(**columns)
        if tags is not None:
            items = items.join(tags, on=schema.ITEM_ID, how="left", maintain_order="left")
        out.put(schema.ITEMS, items)


def _tags(files: Files, out: Writer, mark: str) -> pl.DataFrame | None:
    """The most given tags of every film, most given first, equal ones by the alphabet."""
    path = files.optional("tags.dat" if mark == "::" else "tags.csv")
    if path is None:
        return None
    rows = pl.concat(_blocks(files, path, mark, ("userId", "movieId", "tag", "timestamp")))
    kept = out.take(path.name, reject(rows, require_values("tag", film="movieId")))
    counts = kept.group_by("movieId", pl.col("tag").str.to_lowercase()).len()
    counts = counts.sort("movieId", "len", "tag", descending=[False, True, False])
    top = counts.group_by("movieId", maintain_order=True).agg(pl.col("tag").head(_MOST_TAGS).alias("user_tags"))
    return top.rename({"movieId": schema.ITEM_ID})


def _blocks(files: Files, path: Path, mark: str, names: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """The lines of a file with `::` between fields, or the rows of a CSV file."""
    if mark == "::":
        return (fields(block, mark, names) for block in files.blocks(path))
    return iter([table(path, names).select(ROW, LINE, REASON, *names)])


def _users(files: Files, out: Writer, path: Path, mark: str, names: tuple[str, ...]) -> None:
    for block in files.blocks(path):
        rows = fields(block, mark, names)
        kept = out.take(path.name, reject(rows, require_values(user="user_id"))).select(names)
        if "age_group" in names:
            jobs = {str(number): job for number, job in enumerate(_CODES["occupations"])}
            kept = kept.with_columns(pl.col("age_group").replace(_CODES["ages"]), pl.col("occupation").replace(jobs))
        else:
            kept = kept.with_columns(pl.col("age").cast(pl.Int64, strict=False))
        out.put(schema.USERS, kept)
