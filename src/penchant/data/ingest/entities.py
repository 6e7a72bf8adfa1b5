"""Items, users and relations: one row per id. The first row with an id counts; later rows with other content are
rejected."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.data import columns, schema
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.readers import Source
from penchant.data.ingest.table import CleanTable, TableCleaner
from penchant.data.ingest.timestamps import parse_times

KEYS = {schema.ITEMS: schema.ITEM_ID, schema.USERS: schema.USER_ID}


def clean_entities(table: str, source: Source, mapping: TableMapping) -> CleanTable:
    """Clean `items` or `users`: the id first, contract columns in their types, attributes as they are."""
    key = KEYS[table]
    cleaner = TableCleaner(table, source, mapping)
    skip = (key, schema.CREATED_AT, schema.CATEGORIES, schema.PRICE)
    frame = pl.DataFrame([cleaner.parse_ids(key), *cleaner.parse_attributes(skip)])
    times_format = ""
    if table == schema.ITEMS:
        frame, times_format = _parse_item_columns(frame, cleaner)
    cleaner.validator.reject(frame[key].is_null(), f"no {key}")
    return cleaner.finish(frame, cleaner.reject_repeats(frame, key), timestamp=times_format)


def clean_relations(source: Source, mapping: TableMapping) -> CleanTable:
    """Clean `relations`: ids as text, a kind for every edge, further columns as they are."""
    cleaner = TableCleaner(schema.RELATIONS, source, mapping)
    ends = (schema.SOURCE_ID, schema.TARGET_ID)
    kind = columns.as_text(cleaner.column(schema.RELATION_KIND))
    frame = pl.DataFrame(
        [
            *(cleaner.parse_ids(name) for name in ends),
            kind.fill_null(mapping.kind or schema.DEFAULT_RELATION).alias(schema.RELATION_KIND),
            *cleaner.parse_attributes((*ends, schema.RELATION_KIND)),
        ]
    )
    for name in ends:
        cleaner.validator.reject(frame[name].is_null(), f"no {name}")
    first = np.asarray(frame.select(pl.struct(pl.all()).is_first_distinct()).to_series(), dtype=np.bool_)
    return cleaner.finish(frame, cleaner.validator.kept & ~first)


def _parse_item_columns(frame: pl.DataFrame, cleaner: TableCleaner) -> tuple[pl.DataFrame, str]:
    """The items with categories, price and created_at (UTC seconds), and the format of created_at."""
    times_format = ""
    if cleaner.has(schema.CATEGORIES):
        column = cleaner.column(schema.CATEGORIES)
        raw = cleaner.recognised.raw(schema.CATEGORIES)
        spaced = cleaner.recognised.types.get(raw, "") == "token_seq"
        categories = columns.parse_lists(columns.as_text(column).str.split(" ") if spaced else column)
        frame = frame.with_columns(categories.alias(schema.CATEGORIES))
    if cleaner.has(schema.PRICE):
        frame = frame.with_columns(cleaner.parse_numbers(schema.PRICE, "prices"))
    if cleaner.has(schema.CREATED_AT):
        times = parse_times(cleaner.column(schema.CREATED_AT), cleaner.mapping.times)
        if lost := times.reason.len() - times.reason.null_count():
            cleaner.notes.append(f"{lost:,} values of created_at cannot be used and count as missing")
        frame, times_format = frame.with_columns(times.time_s.alias(schema.CREATED_AT)), times.format
    return frame, times_format
