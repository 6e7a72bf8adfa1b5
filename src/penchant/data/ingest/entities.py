"""Items, users and relations: one row an id, the first stands; other content under the same id is rejected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import columns, schema
from penchant.data.ingest.aliases import RecognisedColumns, recognise
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.quarantine import RowValidator, join_rejected
from penchant.data.ingest.readers import Source
from penchant.data.ingest.timestamps import TimeOptions, parse_times
from penchant.data.read_report import TableReport

KEYS = {schema.ITEMS: schema.ITEM_ID, schema.USERS: schema.USER_ID}
_TEXTS = (schema.TITLE, schema.DESCRIPTION, schema.TEXT, schema.IMAGE, schema.AUDIO, schema.VIDEO, schema.CREATOR)


@dataclass(frozen=True)
class Entities:
    """A cleaned table, what became of its rows, and those that were rejected."""

    frame: pl.DataFrame
    report: TableReport
    rejected: pl.DataFrame


def clean_entities(table: str, source: Source, mapping: TableMapping) -> Entities:
    """Clean `items` or `users`: the id first, contract columns in their types, attributes as they are."""
    key = KEYS[table]
    found = recognise(table, source.frame.columns, mapping.columns, source.name)
    validator = RowValidator(source.frame, source.numbers)
    notes = [*source.notes, *found.notes]
    skip = (key, schema.CREATED_AT, schema.CATEGORIES, schema.PRICE)
    lead = columns.parse_ids(found.column(source.frame, key)).alias(key)
    frame = pl.DataFrame([lead, *parse_attributes(source, found, skip=skip, notes=notes)])
    form = ""
    if table == schema.ITEMS:
        frame, form = _parse_item_columns(frame, source.frame, found, mapping.times, notes)
    validator.reject(frame[key].is_null(), f"no {key}")
    dropped = _reject_repeats(frame, key, validator)
    kept = validator.kept & ~dropped
    broken = source.broken
    report = TableReport(
        name=table,
        source=source.name,
        rows_read=source.rows,
        rows_kept=int(kept.sum()),
        duplicates_dropped=int(dropped.sum()),
        quarantined=validator.counts(broken),
        columns=found.names,
        aliases=found.renamed,
        timestamp=form,
        notes=notes,
    )
    return Entities(frame.filter(pl.Series(kept)), report, join_rejected(validator.rejected(), broken))


def clean_relations(source: Source, mapping: TableMapping) -> Entities:
    """Clean `relations`: ids as text, a kind for every edge, further columns as they are."""
    found = recognise(schema.RELATIONS, source.frame.columns, mapping.columns, source.name)
    validator = RowValidator(source.frame, source.numbers)
    notes = [*source.notes, *found.notes]
    ends = (schema.SOURCE_ID, schema.TARGET_ID)
    kind = columns.as_text(found.column(source.frame, schema.RELATION_KIND))
    frame = pl.DataFrame(
        [
            *(columns.parse_ids(found.column(source.frame, name)).alias(name) for name in ends),
            kind.fill_null(mapping.kind or schema.DEFAULT_RELATION).alias(schema.RELATION_KIND),
            *parse_attributes(source, found, skip=(*ends, schema.RELATION_KIND), notes=notes),
        ]
    )
    for name in ends:
        validator.reject(frame[name].is_null(), f"no {name}")
    dropped = validator.kept & ~_mark_first(frame)
    kept = validator.kept & ~dropped
    report = TableReport(
        schema.RELATIONS,
        source.name,
        source.rows,
        int(kept.sum()),
        int(dropped.sum()),
        validator.counts(source.broken),
        found.names,
        found.renamed,
        notes=notes,
    )
    return Entities(frame.filter(pl.Series(kept)), report, join_rejected(validator.rejected(), source.broken))


def parse_attributes(
    source: Source, found: RecognisedColumns, skip: tuple[str, ...], notes: list[str]
) -> list[pl.Series]:
    """All recognised columns but those in `skip`, typed; cells that are not finite become null and are counted."""
    out: list[pl.Series] = []
    for raw, name in found.names.items():
        if name in skip:
            continue
        column = source.frame[raw].alias(name)
        kind = found.types.get(raw, "")
        if name in _TEXTS:
            column = columns.as_text(column).alias(name)
        elif kind.endswith("_seq"):
            column = columns.as_text(column).str.split(" ").alias(name)
        elif source.is_text and kind != "token":
            column = columns.infer_numbers(column)
        elif column.dtype in (pl.Object, pl.Binary):
            column = columns.as_text(column).alias(name)
        column, lost = columns.replace_non_finite(column)
        if lost:
            notes.append(f"{lost:,} cells of {name} are not finite and were taken as missing")
        out.append(column)
    return out


def _parse_item_columns(
    frame: pl.DataFrame, raw: pl.DataFrame, found: RecognisedColumns, options: TimeOptions, notes: list[str]
) -> tuple[pl.DataFrame, str]:
    """The columns of items that have a type of their own: categories, price, created_at (UTC seconds)."""
    form = ""
    if found.has(schema.CATEGORIES):
        column = found.column(raw, schema.CATEGORIES)
        spaced = found.types.get(found.raw(schema.CATEGORIES), "") == "token_seq"
        made = columns.parse_lists(columns.as_text(column).str.split(" ") if spaced else column)
        frame = frame.with_columns(made.alias(schema.CATEGORIES))
    if found.has(schema.PRICE):
        price, wrong = columns.parse_numbers(found.column(raw, schema.PRICE))
        price, endless = columns.replace_non_finite(price)
        if lost := int(wrong.sum()) + endless:
            notes.append(f"{lost:,} prices are not finite numbers and were taken as missing")
        frame = frame.with_columns(price.alias(schema.PRICE))
    if found.has(schema.CREATED_AT):
        times = parse_times(found.column(raw, schema.CREATED_AT), options)
        if lost := times.reason.len() - times.reason.null_count():
            notes.append(f"{lost:,} values of created_at cannot be used and were taken as missing")
        frame, form = frame.with_columns(times.time_s.alias(schema.CREATED_AT)), times.format
    return frame, form


def _mark_first(frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    return np.asarray(frame.select(pl.struct(pl.all()).is_first_distinct()).to_series(), dtype=np.bool_)


def _reject_repeats(frame: pl.DataFrame, key: str, validator: RowValidator) -> npt.NDArray[np.bool_]:
    """Refuse later rows of an id with other content; return the mask of exact duplicates."""
    first = frame[key].is_first_distinct().to_numpy()
    later: npt.NDArray[np.bool_] = validator.kept & ~first
    if not later.any():
        return later
    first_of_id = frame.filter(pl.Series(first & validator.kept))
    rows = frame.with_row_index("__row").filter(pl.Series(later))
    same = rows.join(first_of_id, on=frame.columns, how="semi", nulls_equal=True)["__row"].to_numpy()
    dropped = np.zeros(frame.height, dtype=bool)
    dropped[same] = True
    validator.reject(later & ~dropped, f"{key} repeats with other content")
    return dropped
