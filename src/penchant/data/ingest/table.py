"""One table on its way in: its columns by our names, the validator of its rows, and the notes of its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.arrays import Bools
from penchant.data import columns, schema
from penchant.data.ingest.aliases import recognise
from penchant.data.ingest.mapping import TableMapping
from penchant.data.ingest.quarantine import RowValidator, join_rejected
from penchant.data.ingest.readers import Source
from penchant.data.read_report import TableReport

_TEXTS = (schema.TITLE, schema.DESCRIPTION, schema.TEXT, schema.IMAGE, schema.AUDIO, schema.VIDEO, schema.CREATOR)


@dataclass(frozen=True)
class CleanTable:
    """The rows that passed, in file order with ids still as text; the report; and the rejected rows."""

    frame: pl.DataFrame
    report: TableReport
    rejected: pl.DataFrame


class TableCleaner:
    """Parses the columns of one table, rejects rows and counts the outcomes.

    Raises `SchemaError` for missing or unusable columns.
    """

    def __init__(self, table: str, source: Source, mapping: TableMapping) -> None:
        self.table, self.source, self.mapping = table, source, mapping
        self.recognised = recognise(table, source.frame.columns, mapping.columns, source.name, is_file=source.is_file)
        self.validator = RowValidator(source.frame, source.numbers)
        self.notes = [*source.notes, *self.recognised.notes]

    def has(self, name: str) -> bool:
        """Whether the file has one of our columns."""
        return self.recognised.has(name)

    def column(self, name: str) -> pl.Series:
        """The raw cells of one of our columns; all null where the file lacks it."""
        return self.recognised.column(self.source.frame, name)

    def parse_ids(self, name: str, *, decimals: bool = True) -> pl.Series:
        """A column of ids as text (see `columns.parse_ids`)."""
        return columns.parse_ids(self.column(name), decimals=decimals).alias(name)

    def parse_numbers(self, name: str, what: str) -> pl.Series:
        """An optional column of numbers; other cells become null, and a note named `what` counts them."""
        number, wrong = columns.parse_numbers(self.column(name))
        number, endless = columns.replace_non_finite(number)
        if lost := int(wrong.sum()) + endless:
            self.notes.append(f"{lost:,} {what} are not finite numbers and count as missing")
        return number.alias(name)

    def parse_attributes(self, skip: tuple[str, ...]) -> list[pl.Series]:
        """All columns but those in `skip`, typed; cells that are not finite become null, and a note counts them."""
        out: list[pl.Series] = []
        for raw, name in self.recognised.names.items():
            if name in skip:
                continue
            column = self.source.frame[raw].alias(name)
            kind = self.recognised.types.get(raw, "")
            if name in _TEXTS:
                column = columns.as_text(column).alias(name)
            elif kind.endswith("_seq"):
                column = columns.as_text(column).str.split(" ").alias(name)
            elif self.source.is_text and kind != "token":
                column = columns.infer_numbers(column)
            elif column.dtype in (pl.Object, pl.Binary):
                column = columns.as_text(column).alias(name)
            column, lost = columns.replace_non_finite(column)
            if lost:
                self.notes.append(f"{lost:,} cells of {name} are not finite and count as missing")
            out.append(column)
        return out

    def reject_repeats(self, frame: pl.DataFrame, key: str) -> Bools:
        """Reject later rows of an id with other content; returns the mask of exact duplicates."""
        duplicates = np.zeros(frame.height, dtype=np.bool_)
        kept = frame.with_row_index("__row").filter(pl.Series(self.validator.kept))
        first = kept[key].is_first_distinct()
        later = kept.filter(~first)
        if later.height:
            same = later.join(kept.filter(first), on=frame.columns, how="semi", nulls_equal=True)
            duplicates[same["__row"].to_numpy()] = True
            repeated = np.zeros(frame.height, dtype=np.bool_)
            repeated[later["__row"].to_numpy()] = True
            self.validator.reject(repeated & ~duplicates, f"{key} repeats with other content")
        return duplicates

    def finish(
        self, frame: pl.DataFrame, duplicates: Bools, *, timestamp: str = "", kinds: Mapping[str, str] | None = None
    ) -> CleanTable:
        """The table without rejected rows and `duplicates` `[N]`, and its report."""
        kept = self.validator.kept & ~duplicates
        report = TableReport(
            name=self.table,
            source=self.source.name,
            rows_read=self.source.rows,
            rows_kept=int(kept.sum()),
            duplicates_dropped=int(duplicates.sum()),
            quarantined=self.validator.counts(self.source.broken),
            columns=self.recognised.names,
            aliases=self.recognised.renamed,
            kinds=dict(kinds or {}),
            timestamp=timestamp,
            notes=self.notes,
        )
        rejected = join_rejected(self.validator.rejected(), self.source.broken)
        return CleanTable(frame if kept.all() else frame.filter(pl.Series(kept)), report, rejected)
