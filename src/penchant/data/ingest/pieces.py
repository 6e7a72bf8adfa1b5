"""A large Parquet table, read piece by piece, so that memory never holds all of its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.data.columns import DECIDING, is_decimal
from penchant.data.ingest.aliases import recognise
from penchant.data.ingest.events import TableContext, clean_events
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.readers import READ_ERRORS, Source, find_parts, is_parquet, name_source, read_parquet
from penchant.data.ingest.table import CleanTable
from penchant.data.ingest.timestamps import choose_unit, count_units

ROWS = 2_000_000
"""Rows per piece; a table with no more rows is read in one go."""


@dataclass(frozen=True)
class Pieces:
    """The parts of a table with the rows of each, and what each piece needs to know of the table."""

    path: Path
    parts: list[tuple[Path, int]]
    context: TableContext

    def clean(self, mapping: TableMapping) -> Iterator[CleanTable]:
        """Every piece, parsed. Raises as `clean_events`, `DataError` for a damaged file."""
        start, name = 0, name_source(self.path)
        for part, rows in self.parts:
            for first in range(0, rows, ROWS):
                frame = read_parquet(part, (first, ROWS))
                yield clean_events(Source(name, frame, start=start + first), mapping, context=self.context)
            start += rows


def plan_pieces(path: Path, mapping: TableMapping) -> Pieces | None:
    """The pieces of a table of events, or None if the table is read at once.

    It is read at once if it is small, if not every part is Parquet with the same columns, if times are text or all
    missing, or if ids are decimals, because their format depends on all rows.
    """
    parts = find_parts(path)
    if not parts or not all(is_parquet(part) for part in parts):
        return None
    try:
        shapes = [pl.read_parquet_schema(part) for part in parts]
        counts = [pl.scan_parquet(part, glob=False).select(pl.len()).collect().item() for part in parts]
        if sum(counts) <= ROWS or any(shape != shapes[0] for shape in shapes):
            return None
        recognised = recognise(schema.EVENTS, list(shapes[0]), mapping.columns, name_source(path))
        time = recognised.raw(schema.TIMESTAMP)
        kind = shapes[0][time] if time else pl.Null()
        if not (kind.is_numeric() or kind.is_temporal()) or _has_decimal_ids(
            parts, shapes[0], [recognised.raw(name) for name in _IDS]
        ):
            return None
        known = [count_units(time) if kind.is_numeric() else [pl.col(time).count().alias("known")]]
        table = pl.concat([pl.scan_parquet(part, glob=False).select(*known[0]) for part in parts]).sum().collect()
    except READ_ERRORS:
        return None  # reading the table at once reports what is wrong
    sums = {name: int(value) for name, value in table.row(0, named=True).items()}
    if not sums["known"]:
        return None
    unit = choose_unit(sums) if kind.is_numeric() else None
    return Pieces(path, list(zip(parts, counts, strict=True)), TableContext(unit))


_IDS = (schema.USER_ID, schema.ITEM_ID, schema.EVENT_ID)


def _has_decimal_ids(parts: list[Path], shape: Mapping[str, pl.DataType], names: list[str]) -> bool:
    """Whether a column of ids begins with decimals (`7.0`), which lose their ending if all ids have one."""
    table = pl.concat([pl.scan_parquet(part, glob=False) for part in parts])
    for name in names:
        if name and shape[name] == pl.String:
            ids = table.select(pl.col(name).str.strip_chars()).filter(pl.col(name) != "")
            if is_decimal(ids.head(DECIDING).collect(engine="streaming")[name]):
                return True
    return False
