"""Accounts for every row that was read: kept, dropped as a duplicate, or in quarantine with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import polars as pl

from penchant.messages import text
from penchant.options import Json

NO_TIMES: Final = "all missing"
NO_FILE: Final = "no file"
"""The format of a time column without a time."""


@dataclass(frozen=True)
class TableReport:
    """One table: `rows_read == rows_kept + duplicates_dropped + rows_quarantined`, always.

    `columns`: name in the file → name in the dataset; `aliases`: those of them that were renamed.
    `kinds`: words that were mapped to standard kinds of events.
    `quarantined`: rows by reason. `added`: rows that the events brought (items and users without a row in their table).
    `timestamp`: the format that was detected. `notes`: other remarks.
    """

    name: str
    source: str
    rows_read: int
    rows_kept: int
    duplicates_dropped: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    timestamp: str = ""
    added: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def rows_quarantined(self) -> int:
        """Rows in quarantine, all reasons."""
        return sum(self.quarantined.values())

    def with_added(self, added: int) -> TableReport:
        """A copy with the number of rows that the events brought."""
        return replace(self, added=added)

    def lines(self) -> list[str]:
        """The report as text, one fact per line."""
        rows = f"{self.rows_read:,} rows read from {self.source}, {self.rows_kept:,} kept"
        first = f"{self.name}: {NO_FILE if self.source == NO_FILE else rows}"
        return [first, *(f"  {line}" for line in self.remarks())]

    def remarks(self, language: str = "en") -> list[str]:
        """What was noticed on reading, one fact each; reasons, formats and other remarks are in English."""

        def list_pairs(names: dict[str, str]) -> str:
            return ", ".join(f"{a} = {b}" for a, b in names.items())

        out = []
        if self.aliases:
            out.append(text("doctor.read.columns_as", language, pairs=list_pairs(self.aliases)))
        if self.kinds:
            out.append(text("doctor.read.kinds_as", language, pairs=list_pairs(self.kinds)))
        if self.timestamp:
            out.append(text("doctor.read.times", language, format=self.timestamp))
        if self.duplicates_dropped:
            out.append(text("doctor.read.dropped", language, rows=self.duplicates_dropped))
        for reason, count in self.quarantined.items():
            out.append(text("doctor.read.quarantined", language, rows=count, reason=reason))
        if self.added:
            out.append(text("doctor.read.added", language, rows=self.added))
        return out + self.notes


def merge_reports(reports: Sequence[TableReport]) -> TableReport:
    """The report of a table from those of its pieces: counts are summed, also those at the start of a note."""
    if len(reports) == 1:
        return reports[0]
    rejected: Counter[str] = Counter()
    notes: dict[str, int] = {}
    for report in reports:
        rejected.update(report.quarantined)
        for note in report.notes:
            count, _, words = note.partition(" ")
            number = count.replace(",", "")
            key = words if number.isdecimal() else note
            notes[key] = notes.get(key, 0) + (int(number) if number.isdecimal() else 0)
    return replace(
        reports[0],
        kinds=dict(sorted({word: kind for report in reports for word, kind in report.kinds.items()}.items())),
        rows_read=sum(report.rows_read for report in reports),
        rows_kept=sum(report.rows_kept for report in reports),
        duplicates_dropped=sum(report.duplicates_dropped for report in reports),
        quarantined=dict(sorted(rejected.items(), key=lambda pair: (-pair[1], pair[0]))),
        timestamp=next((report.timestamp for report in reports if report.timestamp != NO_TIMES), NO_TIMES),
        notes=[f"{count:,} {words}" if count else words for words, count in notes.items()],
    )


@dataclass(frozen=True)
class IngestReport:
    """What was read, recognised, dropped and rejected, by table.

    `quarantine[table]` holds the rejected rows as they were read, with `row` (from 0, in file order) and `reason`;
    the column `line` holds a line that could not be split into columns.
    """

    tables: dict[str, TableReport]
    quarantine: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def rows_quarantined(self) -> int:
        """Rows in quarantine, all tables."""
        return sum(table.rows_quarantined for table in self.tables.values())

    def with_rejected(self, table: str, rows: pl.DataFrame) -> IngestReport:
        """A copy in which a later rule rejects further rows: `rows` with a column `reason`."""
        if not rows.height:
            return self
        counts = rows["reason"].value_counts().sort("count", "reason", descending=[True, False])
        before = self.tables[table]
        quarantined = dict(before.quarantined)
        for reason, count in counts.rows():
            quarantined[reason] = quarantined.get(reason, 0) + count
        after = replace(before, rows_kept=before.rows_kept - rows.height, quarantined=quarantined)
        old = self.quarantine.get(table)
        combined = rows if old is None else pl.concat([old, rows], how="diagonal_relaxed")
        return IngestReport(self.tables | {table: after}, self.quarantine | {table: combined})

    def with_note(self, table: str, note: str) -> IngestReport:
        """A copy with another note on a table."""
        before = self.tables[table]
        return IngestReport(self.tables | {table: replace(before, notes=[*before.notes, note])}, self.quarantine)

    def to_dict(self) -> Json:
        """The counts as plain values for JSON (without the rejected rows)."""
        return {
            name: asdict(table) | {"rows_quarantined": table.rows_quarantined} for name, table in self.tables.items()
        }

    def __str__(self) -> str:
        return "\n".join(line for table in self.tables.values() for line in table.lines())
