"""From a folder or frames to a `Dataset`: recognise, parse, reject with a reason, drop exact duplicates, code, sort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.entities import clean_entities, clean_relations
from penchant.data.ingest.event_log import CodedEvents, EventLog
from penchant.data.ingest.events import GENERATED_BESIDE_GIVEN, clean_events
from penchant.data.ingest.mapping import TableMapping, read_mapping
from penchant.data.ingest.pieces import plan_pieces
from penchant.data.ingest.readers import Source, find_table, list_names, read_object, read_source
from penchant.data.ingest.table import CleanTable
from penchant.data.precomputed import check_vectors, read_folder_vectors
from penchant.data.read_report import NO_FILE, IngestReport, TableReport
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError
from penchant.options import Json, JsonMapping

if TYPE_CHECKING:
    import pandas
    import pyarrow

Table: TypeAlias = "pl.DataFrame | pl.LazyFrame | pandas.DataFrame | pyarrow.Table | JsonMapping | list[Json]"
"""A table given in Python."""

__all__ = ["IngestReport", "Table", "TableReport", "build", "load_folder", "read_table", "to_frame"]

_NO_EVENTS = {
    **dict.fromkeys((schema.EVENT_ID, schema.USER_ID, schema.ITEM_ID), pl.String),
    schema.TIMESTAMP: pl.Int64,
}


def load_folder(path: Path, *, strict: bool = False, needs_events: bool = True) -> Dataset:
    """Read a folder that follows the data contract.

    Without `needs_events`, the table of events may be empty, or missing where there are items or users.

    Raises `DataError` for a folder or file that cannot be read, `SchemaError` for missing columns; with `strict`,
    `DataError` if any row would be in quarantine.
    """
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        tables = "events.parquet, events.csv or events.jsonl" + ("" if needs_events else ", or items or users alone")
        raise DataError(f"{path} {what}.", remedy=f"Give the folder that holds {tables}.")
    mapping = read_mapping(path)
    files = {table: find_table(path, table, mapping[table].file) for table in schema.TABLES}
    events = files.pop(schema.EVENTS)
    alone = not needs_events and bool(files[schema.ITEMS] or files[schema.USERS])
    if events is None and not alone:
        if not needs_events:
            raise DataError(
                f"{path} has no table of events, items or users. It holds: {list_names(path)}.",
                remedy="One of them is enough: name it events, items or users, with .parquet, .csv, .csv.gz or .jsonl,"
                " or give its name in dataset.toml, under [items]: file = 'NAME'.",
            )
        raise DataError(
            f"{path} has no table of events. It holds: {list_names(path)}.",
            remedy="Name it events.parquet, events.csv, events.csv.gz or events.jsonl, or say its name in "
            "dataset.toml, under [events]: file = 'NAME'.",
        )
    sources = {table: read_source(file, mapping[table]) for table, file in files.items() if file is not None}
    dataset = _assemble(_read_log(events, mapping[schema.EVENTS]), sources, mapping, path, strict, needs_events)
    brought = check_vectors(read_folder_vectors(path), dataset.vocabularies)
    report = dataset.report
    for each in brought:
        if report is not None:
            report = report.with_note(
                each.table,
                each.describe_coverage(len(dataset.vocabularies[each.table])),
            )
    return replace(dataset, vectors=brought, report=report)


def build(
    events: Table,
    items: Table | None = None,
    users: Table | None = None,
    relations: Table | None = None,
    root: Path | None = None,
    strict: bool = False,
) -> Dataset:
    """A dataset from frames of pandas, polars or Arrow, or mappings of columns."""
    given = {schema.EVENTS: events, schema.ITEMS: items, schema.USERS: users, schema.RELATIONS: relations}
    sources = {table: read_object(table, data) for table, data in given.items() if data is not None}
    log = _build_log(sources.pop(schema.EVENTS), TableMapping())
    return _assemble(log, sources, {table: TableMapping() for table in schema.TABLES}, root, strict)


def read_table(path: Path) -> pl.DataFrame:
    """One file of any readable format as raw columns. Raises `DataError` if it is not there or not readable."""
    if not path.exists():
        raise DataError(f"{path} does not exist.", remedy="Give a .parquet, .csv or .jsonl file.")
    return read_source(path, TableMapping()).frame


def to_frame(table: Table) -> pl.DataFrame:
    """A table given in Python as a polars frame of raw columns. Raises `SchemaError` for another type."""
    return read_object("table", table).frame


def _read_log(path: Path | None, mapping: TableMapping) -> EventLog:
    """The log of a file, read in pieces where that is possible; an empty log without a file."""
    if path is None:
        return _build_log(read_object(schema.EVENTS, pl.DataFrame(schema=_NO_EVENTS)), TableMapping())
    return _read_log_in_pieces(path, mapping) or _build_log(read_source(path, mapping), mapping)


def _build_log(source: Source, mapping: TableMapping) -> EventLog:
    log = EventLog()
    log.add(clean_events(source, mapping))
    return log


def _read_log_in_pieces(path: Path, mapping: TableMapping) -> EventLog | None:
    """Read the log piece by piece. None if it must be read in one go (see `plan_pieces`) or if event ids repeat."""
    pieces = plan_pieces(path, mapping)
    if pieces is None:
        return None
    log = EventLog()
    named = False
    for piece in pieces.clean(mapping):
        log.add(piece)
        named = schema.EVENT_ID in piece.report.columns.values()
    return None if named and log.has_repeated_event_ids() else log


def _assemble(
    log: EventLog,
    sources: Mapping[str, Source],
    mapping: Mapping[str, TableMapping],
    root: Path | None,
    strict: bool,
    needs_events: bool = True,
) -> Dataset:
    cleaned: dict[str, CleanTable] = {
        table: clean_entities(table, sources[table], mapping[table])
        for table in (schema.ITEMS, schema.USERS)
        if table in sources
    }
    items, item_report = _complete(schema.ITEMS, schema.ITEM_ID, cleaned, log)
    users, user_report = _complete(schema.USERS, schema.USER_ID, cleaned, log)
    item_vocabulary, user_vocabulary = Vocabulary(items[schema.ITEM_ID]), Vocabulary(users[schema.USER_ID])
    coded = log.encode(item_vocabulary, user_vocabulary)
    reports = {schema.EVENTS: coded.report, schema.ITEMS: item_report, schema.USERS: user_report}
    quarantine = {schema.EVENTS: coded.rejected} | {table: part.rejected for table, part in cleaned.items()}
    relations = None
    if schema.RELATIONS in sources:
        part = clean_relations(sources[schema.RELATIONS], mapping[schema.RELATIONS])
        relations, quarantine[schema.RELATIONS] = part.frame, part.rejected
        reports[schema.RELATIONS] = part.report
    report = IngestReport(reports, {name: rows for name, rows in quarantine.items() if rows.height})
    _check_report(report, strict, needs_events)
    return Dataset(
        items=items,
        events=coded.frame,
        users=users,
        item_vocabulary=item_vocabulary,
        user_vocabulary=user_vocabulary,
        kinds=coded.kinds,
        relations=relations,
        report=report,
        root=root,
        named_events=_has_event_ids(coded),
    )


def _has_event_ids(coded: CodedEvents) -> bool:
    """Whether the file gave every event its id."""
    given = schema.EVENT_ID in coded.report.columns.values()
    return given and not bool(coded.frame[schema.EVENT_ID].str.contains(GENERATED_BESIDE_GIVEN).any())


def _complete(
    table: str, key: str, cleaned: Mapping[str, CleanTable], log: EventLog
) -> tuple[pl.DataFrame, TableReport]:
    """The table with a row for every id that only the events have, appended in order of first appearance."""
    seen = log.ids(key)
    part = cleaned.get(table)
    if part is None:
        report = TableReport(table, NO_FILE, 0, 0, added=len(seen))
        return seen.to_frame(), report
    fresh = seen.to_frame().join(part.frame.select(key), on=key, how="anti", maintain_order="left")
    frame = pl.concat([part.frame, fresh], how="diagonal") if fresh.height else part.frame
    return frame, part.report.with_added(fresh.height)


def _check_report(report: IngestReport, strict: bool, needs_events: bool) -> None:
    events = report.tables[schema.EVENTS]
    if not events.rows_read and needs_events:
        raise DataError(f"{events.source} has no rows.", remedy="Give a table with at least one event.")
    listed = "; ".join(
        f"{table.name}: {count:,} × {reason}"
        for table in report.tables.values()
        for reason, count in table.quarantined.items()
    )
    if events.rows_read and not events.rows_kept:
        raise DataError(
            f"No event of {events.source} can be used. {listed}.", remedy="Correct the file or dataset.toml."
        )
    if strict and report.rows_quarantined:
        raise DataError(
            f"{report.rows_quarantined:,} rows would be in quarantine. {listed}.",
            remedy="Correct the rows, or read without strict to leave them out.",
        )
