"""The output of a converter: Parquet in parts, with every rejected line kept and counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.data.ingest.quarantine import LINE, REASON, ROW
from penchant.errors import DataError
from penchant.options import Json
from penchant.sources.digests import digest_of
from penchant.sources.lines import reject
from penchant.sources.public_set import PublicSet

QUARANTINE = "quarantine.parquet"
SOURCE = "source.json"
_FILE = "file"
Columns = dict[str, pl.Expr | str]
"""Columns of a table by name: an expression, or the name of a column that is there."""


@dataclass
class FileCount:
    """Lines of one file, with `read == used + rejected`; `reasons` counts the rejected ones."""

    read: int = 0
    used: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


class Writer:
    """Writes a data set into `root`, block after block, and counts the fate of every line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, FileCount] = {}
        self.rows: dict[str, int] = {}
        self.notes: list[str] = []
        self._pending: dict[str, pl.DataFrame] = {}
        self._parts: dict[str, int] = {}
        self._rejected: list[pl.DataFrame] = []

    def take(self, file: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Count the lines of a block, move those with a reason to quarantine and return the others."""
        bad = frame.filter(pl.col(REASON).is_not_null())
        good = frame.filter(pl.col(REASON).is_null()) if bad.height else frame
        count = self.files.setdefault(file, FileCount())
        count.read, count.used = count.read + frame.height, count.used + good.height
        count.rejected += bad.height
        if bad.height:
            for reason, times in bad[REASON].value_counts().sort("count", REASON, descending=[True, False]).rows():
                count.reasons[reason] = count.reasons.get(reason, 0) + times
            self._rejected.append(bad.select(pl.lit(file).alias(_FILE), ROW, REASON, LINE))
        return good.drop(ROW, REASON, LINE)

    def put(self, table: str, frame: pl.DataFrame) -> None:
        """Add rows to a table."""
        if not frame.height:
            return
        self.rows[table] = self.rows.get(table, 0) + frame.height
        if table in self._pending:
            self._part(table, self._pending.pop(table))
        if table in self._parts:
            self._part(table, frame)
        else:
            self._pending[table] = frame

    def convert(
        self, table: str, file: str, blocks: Iterable[pl.DataFrame], rules: Mapping[str, pl.Expr], columns: Columns
    ) -> None:
        """Add the rows of every block of a file to a table; `rules` reject, `columns` are those of the table."""
        for block in blocks:
            self.put(table, self.take(file, reject(block, rules)).select(**columns))

    def finish(self, source: PublicSet, used: Sequence[Path], part: str = "") -> Conversion:
        """Write the pending tables, the quarantine, README.md and source.json.

        Raises `DataError` if no event was written.
        """
        for table, frame in self._pending.items():
            frame.write_parquet(self.root / f"{table}.parquet", compression="zstd")
        if not self.rows.get(schema.EVENTS):
            why = "; ".join(f"{name}: {n:,} × {r}" for name, c in self.files.items() for r, n in c.reasons.items())
            raise DataError(
                f"No event could be read for {source.name}. {why}".rstrip() + ".",
                remedy="Check that the files are the published ones of this data set.",
            )
        if self._rejected:
            pl.concat(self._rejected).write_parquet(self.root / QUARANTINE, compression="zstd")
        conversion = Conversion(source.name, part, dict(self.rows), dict(self.files), list(self.notes))
        record = {
            **{key: getattr(source, key) for key in ("name", "title", "home", "licence", "citation")},
            "part": part,
            "files": [{"name": p.name, "bytes": p.stat().st_size, "digest": digest_of(p)} for p in used],
            **{key: value for key, value in conversion.to_dict().items() if key not in ("name", "part")},
        }
        text = json.dumps(record, ensure_ascii=False, indent=2)
        (self.root / SOURCE).write_text(text + "\n", encoding="utf-8")
        (self.root / "README.md").write_text(_readme(source, conversion), encoding="utf-8")
        return conversion

    def _part(self, table: str, frame: pl.DataFrame) -> None:
        number = self._parts.get(table, 0)
        (self.root / table).mkdir(exist_ok=True)
        frame.write_parquet(self.root / table / f"part-{number:05d}.parquet", compression="zstd")
        self._parts[table] = number + 1


@dataclass(frozen=True)
class Conversion:
    """Result of a conversion: rows by table, lines by file, and notes on missing files."""

    name: str
    part: str
    rows: dict[str, int]
    files: dict[str, FileCount]
    notes: list[str]

    @property
    def rejected(self) -> int:
        """Lines in quarantine, all files."""
        return sum(count.rejected for count in self.files.values())

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "part": self.part,
            "rows": self.rows,
            "lines": {name: asdict(count) for name, count in self.files.items()},
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """The result as text, one fact per line."""
        out = [f"{table}: {rows:,} rows" for table, rows in self.rows.items()]
        for name, count in self.files.items():
            out.append(f"{name}: {count.read:,} lines read, {count.used:,} used")
            out += [f"  {times:,} in quarantine: {reason}" for reason, times in count.reasons.items()]
        return out + self.notes


def _readme(source: PublicSet, conversion: Conversion) -> str:
    listed = "\n".join(f"- {line.strip()}" for line in conversion.lines())
    return (
        f"# {source.title}\n\nFrom {source.home}\n\n## Licence and use\n\n{source.licence}\n\n"
        f"## Cite\n\n{source.citation}\n\n## What was read and written\n\n{listed}\n"
    )
