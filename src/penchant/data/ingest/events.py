"""The event log: every row of a table, or of a piece of it, is parsed and kept, or rejected with a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.data import columns, schema
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.readers import Source
from penchant.data.ingest.table import CleanTable, TableCleaner
from penchant.data.ingest.timestamps import Unit, parse_times
from penchant.data.kinds import normalise_kind
from penchant.data.read_report import NO_TIMES
from penchant.errors import SchemaError

_NUMBERS = (schema.DWELL_S, schema.POSITION, schema.PROPENSITY)
_PARSED = (
    *(schema.USER_ID, schema.ITEM_ID, schema.TIMESTAMP, schema.EVENT_ID, schema.SEQ, schema.EVENT, schema.VALUE),
    *_NUMBERS,
)
_MOST_KINDS = 1_000

SUB_NS = "__sub_ns"
KIND_NAME = "__kind"
"""Columns of cleaned events that `Dataset.events` does not have: nanoseconds inside the second, kind by name."""

GENERATED_BESIDE_GIVEN = r"^row-e\d+$"
"""The form of a generated id for an event without one, in a file where other events have ids."""


@dataclass(frozen=True)
class TableContext:
    """Properties of the table that the parsing of a piece needs: the `unit` of times."""

    unit: Unit | None = None


def clean_events(source: Source, mapping: TableMapping, *, context: TableContext | None = None) -> CleanTable:
    """Parse every column and reject rows that cannot be used. Raises `SchemaError` for missing or unusable columns.

    `context` describes the table of which `source` is a piece; no ids of such a table are decimals.
    """
    cleaner = TableCleaner(schema.EVENTS, source, mapping)
    validator, is_table = cleaner.validator, context is None
    extra = cleaner.parse_attributes(_PARSED)
    users = cleaner.parse_ids(schema.USER_ID, decimals=is_table)
    items = cleaner.parse_ids(schema.ITEM_ID, decimals=is_table)
    times = parse_times(cleaner.column(schema.TIMESTAMP), mapping.times, detected=context.unit if context else None)
    seq = _parse_seq(cleaner)
    validator.reject(users.is_null(), "no user_id")
    _reject_empty(cleaner, items, extra)
    validator.reject_for(times.reason)
    if times.format == NO_TIMES and not cleaner.has(schema.SEQ) and is_table:
        cleaner.notes.append("no event has a time: events keep the order of the file")
    else:
        validator.reject(times.time_s.is_null() & seq.is_null(), "no timestamp and no seq")
    value = _parse_value(cleaner)
    event_ids = _parse_event_ids(cleaner, decimals=is_table)
    kinds, aliases = _parse_kinds(cleaner)
    frame = pl.DataFrame(
        [
            *(event_ids.alias(schema.EVENT_ID), users, items),
            *(kinds.alias(KIND_NAME), times.time_s.alias(schema.TIME_S)),
            *(seq.alias(schema.SEQ), value.alias(schema.VALUE), times.sub_ns.alias(SUB_NS)),
            *(cleaner.parse_numbers(name, f"values of {name}") for name in _NUMBERS if cleaner.has(name)),
            *extra,
        ]
    )
    duplicates = np.zeros(frame.height, dtype=np.bool_)
    if cleaner.has(schema.EVENT_ID):
        duplicates = cleaner.reject_repeats(frame, schema.EVENT_ID)
    timestamp = times.format if cleaner.has(schema.TIMESTAMP) else "none; seq orders"
    return cleaner.finish(frame, duplicates, timestamp=timestamp, kinds=aliases)


def _parse_seq(cleaner: TableCleaner) -> pl.Series:
    """`seq` as Int64; cells that are not integers are rejected."""
    column = cleaner.column(schema.SEQ)
    if column.dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    number, wrong = columns.parse_numbers(column)
    integral = number.is_finite() & (number == number.floor()) & (number.abs() < 2**53)
    cleaner.validator.reject(wrong | ~integral.fill_null(True), "seq is not a whole number")
    return number.set(~integral.fill_null(False), None).cast(pl.Int64, strict=False)


def _reject_empty(cleaner: TableCleaner, items: pl.Series, extra: list[pl.Series]) -> None:
    missing = items.is_null()
    if not missing.any():
        return
    for column in extra:
        if column.name in schema.CONTENT:
            missing &= column.is_null()
    cleaner.validator.reject(missing, "no item_id and no text, image or audio")


def _parse_value(cleaner: TableCleaner) -> pl.Series:
    if not cleaner.has(schema.VALUE):
        return pl.repeat(None, cleaner.source.frame.height, dtype=pl.Float32, eager=True)
    number, wrong = columns.parse_numbers(cleaner.column(schema.VALUE))
    cleaner.validator.reject(wrong, "value is not a number")
    cleaner.validator.reject((~number.is_finite()) | (number.abs() > 3.4e38), "value is not finite")
    return number.clip(-3.4e38, 3.4e38).cast(pl.Float32)


def _parse_kinds(cleaner: TableCleaner) -> tuple[pl.Series, dict[str, str]]:
    """The kind of every event, and the words that were mapped to standard kinds.

    Kinds come from their column, where dataset.toml takes precedence over the known words; else from `kind` in
    dataset.toml; else they are `rating` or `view`.
    """
    mapping = cleaner.mapping
    raw = cleaner.recognised.raw(schema.EVENT)
    if not raw:
        default = mapping.kind or (schema.RATING_KIND if _has_ratings(cleaner) else schema.DEFAULT_KIND)
        return pl.repeat(default, cleaner.source.frame.height, dtype=pl.String, eager=True), {}
    column = columns.as_text(cleaner.column(schema.EVENT))
    names = column.unique().drop_nulls()
    if len(names) > _MOST_KINDS:
        raise SchemaError(
            f"The column {raw!r} of events holds {len(names):,} different values; "
            f"at most {_MOST_KINDS:,} kinds of events are taken.",
            remedy=f"If it is text, map it in dataset.toml, under [events.columns]: {raw!r} = 'text' "
            "(or '' to leave it out).",
        )
    words = names.to_list()
    ours = {word: mapping.kinds.get(word, normalise_kind(word)) for word in words}
    aliases = {word.strip(): ours[word] for word in sorted(words) if word not in mapping.kinds}
    aliases = {word: kind for word, kind in aliases.items() if kind != word.lower()}
    kinds = pl.Series([ours[word] for word in words], dtype=pl.String)
    default = mapping.kind or schema.DEFAULT_KIND
    return column.replace_strict(names, kinds, default=default, return_dtype=pl.String), aliases


def _has_ratings(cleaner: TableCleaner) -> bool:
    key = cleaner.recognised.raw(schema.VALUE).split(":")[0].lower()
    return key.startswith(("rating", "star", "score", "overall"))


def _parse_event_ids(cleaner: TableCleaner, *, decimals: bool) -> pl.Series:
    """The ids of the file; an event without an id gets one from its row number."""
    generated = pl.select(pl.format("e{}", pl.Series(cleaner.source.numbers))).to_series()
    if not cleaner.has(schema.EVENT_ID):
        return generated
    given = cleaner.parse_ids(schema.EVENT_ID, decimals=decimals)
    if not given.null_count():
        return given
    return pl.select(pl.coalesce(given, pl.format("row-{}", generated))).to_series()
