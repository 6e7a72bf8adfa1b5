"""The log: every row of a table, or of a piece of it, parsed and kept or rejected with a reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import columns, schema
from penchant.data.ingest.aliases import RecognisedColumns, recognise
from penchant.data.ingest.entities import parse_attributes
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.quarantine import RowValidator, join_rejected
from penchant.data.ingest.readers import Source
from penchant.data.ingest.timestamps import Times, Unit, parse_times
from penchant.data.kinds import normalise_kind
from penchant.data.read_report import NO_TIMES, TableReport
from penchant.errors import SchemaError

_OWN = (schema.TEXT, schema.IMAGE, schema.AUDIO)
_NUMBERS = (schema.DWELL_S, schema.POSITION, schema.PROPENSITY)
_PARSED = (
    *(schema.USER_ID, schema.ITEM_ID, schema.TIMESTAMP, schema.EVENT_ID, schema.SEQ, schema.EVENT, schema.VALUE),
    *_NUMBERS,
)
_MOST_KINDS = 1_000

SUB_NS = "__sub_ns"
KIND_NAME = "__kind"
"""Columns of cleaned events that `Dataset.events` does not have: nanoseconds inside the second, kind by name."""

MADE_BESIDE_GIVEN = r"^row-e\d+$"
"""The form of the id that is made for an event without one in a file where others have theirs."""


@dataclass(frozen=True)
class CleanEvents:
    """Rows that passed, in file order with ids still as text; and what became of the others."""

    frame: pl.DataFrame
    report: TableReport
    rejected: pl.DataFrame
    has_seq: bool


@dataclass(frozen=True)
class TableContext:
    """What a piece of a table cannot tell of the whole: the `unit` of its times, of which there are some."""

    unit: Unit | None = None


def clean_events(source: Source, mapping: TableMapping, *, piece_of: TableContext | None = None) -> CleanEvents:
    """Parse every column and refuse what cannot be used. Raises `SchemaError` for missing or unusable columns.

    `piece_of` says what is known of the table that `source` is a piece of; ids in it are no decimals.
    """
    whole = piece_of or TableContext()
    raw = source.frame
    found = recognise(schema.EVENTS, raw.columns, mapping.columns, source.name)
    validator = RowValidator(raw, source.numbers)
    notes = [*source.notes, *found.notes]
    extra = parse_attributes(source, found, skip=_PARSED, notes=notes)
    users = columns.parse_ids(found.column(raw, schema.USER_ID), decimals=piece_of is None)
    items = columns.parse_ids(found.column(raw, schema.ITEM_ID), decimals=piece_of is None)
    times = parse_times(found.column(raw, schema.TIMESTAMP), mapping.times, detected=whole.unit)
    seq = _parse_seq(found, raw, validator)
    validator.reject(users.is_null(), "no user_id")
    _reject_empty(items, extra, validator)
    validator.reject_for(times.reason)
    undated = times.format == NO_TIMES and not found.has(schema.SEQ) and piece_of is None
    if undated:
        notes.append("no event has a time: they stand in the order of the file")
    else:
        validator.reject(times.time_s.is_null() & seq.is_null(), "no timestamp and no seq")
    value = _parse_value(found, raw, validator)
    event_id = _parse_event_ids(found, raw, source, decimals=piece_of is None)
    kinds, taken = _parse_kinds(found, raw, mapping)
    frame = pl.DataFrame(
        [
            *(event_id.alias(schema.EVENT_ID), users.alias(schema.USER_ID), items.alias(schema.ITEM_ID)),
            *(kinds.alias(KIND_NAME), times.time_s.alias(schema.TIME_S)),
            *(seq.alias(schema.SEQ), value.alias(schema.VALUE), times.sub_ns.alias(SUB_NS)),
            *(_parse_optional(found, raw, name, notes) for name in _NUMBERS if found.has(name)),
            *extra,
        ]
    )
    report = TableReport(
        name=schema.EVENTS,
        source=source.name,
        rows_read=source.rows,
        rows_kept=0,
        quarantined={},
        columns=found.names,
        aliases=found.renamed,
        kinds=taken,
        timestamp=_describe_times(times, found),
        notes=notes,
    )
    rejected = _reject_repeated_ids(frame, found, validator)
    report = replace(report, quarantined=validator.counts(source.broken))
    frame = frame.filter(pl.Series(validator.kept & ~rejected)) if not validator.kept.all() or rejected.any() else frame
    report = replace(report, duplicates_dropped=int(rejected.sum()), rows_kept=frame.height)
    return CleanEvents(frame, report, join_rejected(validator.rejected(), source.broken), found.has(schema.SEQ))


def _describe_times(times: Times, found: RecognisedColumns) -> str:
    return times.format if found.has(schema.TIMESTAMP) else "none; seq orders"


def _parse_seq(found: RecognisedColumns, raw: pl.DataFrame, validator: RowValidator) -> pl.Series:
    """`seq` as Int64; cells that are no whole number are rejected."""
    column = found.column(raw, schema.SEQ)
    if column.dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    number, wrong = columns.parse_numbers(column)
    whole = number.is_finite() & (number == number.floor()) & (number.abs() < 2**53)
    validator.reject(wrong | ~whole.fill_null(True), "seq is not a whole number")
    return number.set(~whole.fill_null(False), None).cast(pl.Int64, strict=False)


def _reject_empty(items: pl.Series, extra: list[pl.Series], validator: RowValidator) -> None:
    missing = items.is_null()
    if not missing.any():
        return
    for column in extra:
        if column.name in _OWN:
            missing &= column.is_null()
    validator.reject(missing, "no item_id and no text, image or audio")


def _parse_value(found: RecognisedColumns, raw: pl.DataFrame, validator: RowValidator) -> pl.Series:
    if not found.has(schema.VALUE):
        return pl.repeat(None, raw.height, dtype=pl.Float32, eager=True)
    number, wrong = columns.parse_numbers(found.column(raw, schema.VALUE))
    validator.reject(wrong, "value is not a number")
    validator.reject((~number.is_finite()) | (number.abs() > 3.4e38), "value is not finite")
    return number.clip(-3.4e38, 3.4e38).cast(pl.Float32)


def _parse_optional(found: RecognisedColumns, raw: pl.DataFrame, name: str, notes: list[str]) -> pl.Series:
    """An optional number of an event; what is none becomes null and is counted."""
    number, wrong = columns.parse_numbers(found.column(raw, name))
    number, endless = columns.replace_non_finite(number)
    if lost := int(wrong.sum()) + endless:
        notes.append(f"{lost:,} values of {name} are not finite numbers and were taken as missing")
    return number.alias(name)


def _parse_kinds(
    found: RecognisedColumns, raw: pl.DataFrame, mapping: TableMapping
) -> tuple[pl.Series, dict[str, str]]:
    """The kind of every event, and which words were taken for one of ours.

    From its column (what dataset.toml says of a word goes before what is known of it), else `kind` of dataset.toml,
    `rating` or `view`.
    """
    if not found.has(schema.EVENT):
        default = mapping.kind or (schema.RATING_KIND if _has_ratings(found) else schema.DEFAULT_KIND)
        return pl.repeat(default, raw.height, dtype=pl.String, eager=True), {}
    column = columns.as_text(found.column(raw, schema.EVENT))
    names = column.unique().drop_nulls()
    if len(names) > _MOST_KINDS:
        raise SchemaError(
            f"The column {found.raw(schema.EVENT)!r} of events holds {len(names):,} different values; "
            f"at most {_MOST_KINDS:,} kinds of events are taken.",
            remedy="If it is text, map it in dataset.toml: [events.columns] "
            f"{found.raw(schema.EVENT)!r} = 'text' (or '' to leave it out).",
        )
    words = names.to_list()
    ours = {word: mapping.kinds.get(word, normalise_kind(word)) for word in words}
    taken = {word.strip(): ours[word] for word in sorted(words) if word not in mapping.kinds}
    taken = {word: kind for word, kind in taken.items() if kind != word.lower()}
    clean = pl.Series([ours[word] for word in words], dtype=pl.String)
    default = mapping.kind or schema.DEFAULT_KIND
    return column.replace_strict(names, clean, default=default, return_dtype=pl.String), taken


def _has_ratings(found: RecognisedColumns) -> bool:
    key = found.raw(schema.VALUE).split(":")[0].lower()
    return key.startswith(("rating", "star", "score", "overall"))


def _parse_event_ids(found: RecognisedColumns, raw: pl.DataFrame, source: Source, *, decimals: bool) -> pl.Series:
    made = pl.select(pl.format("e{}", pl.Series(source.numbers))).to_series()
    if not found.has(schema.EVENT_ID):
        return made
    given = columns.parse_ids(found.column(raw, schema.EVENT_ID), decimals=decimals)
    return given if not given.null_count() else pl.select(pl.coalesce(given, pl.format("row-{}", made))).to_series()


def _reject_repeated_ids(
    frame: pl.DataFrame, found: RecognisedColumns, validator: RowValidator
) -> npt.NDArray[np.bool_]:
    """Refuse later events of an id with other content; return the mask of exact duplicates."""
    none = np.zeros(frame.height, dtype=bool)
    if not found.has(schema.EVENT_ID):
        return none
    kept = frame.with_row_index("__row").filter(pl.Series(validator.kept))
    later = kept.filter(~kept[schema.EVENT_ID].is_first_distinct())
    if not later.height:
        return none
    content = frame.columns
    first = kept.filter(kept[schema.EVENT_ID].is_first_distinct())
    same = later.join(first.select(content), on=content, how="semi", nulls_equal=True)["__row"].to_numpy()
    none[same] = True
    other = np.zeros(frame.height, dtype=bool)
    other[later["__row"].to_numpy()] = True
    validator.reject(other & ~none, "event_id repeats with other content")
    return none
