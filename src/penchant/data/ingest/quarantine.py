"""The validator that every row passes: it is kept, dropped as an exact duplicate, or rejected with a reason."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int64s

REASON = "reason"
ROW = "row"
LINE = "line"
"""Column of the quarantine for lines of a file that could not be split into columns."""


class RowValidator:
    """Collects, for the rows of one table, why each is rejected; the first reason of a row counts.

    >>> validator = RowValidator(pl.DataFrame({"user_id": ["a", None, "b"]}))
    >>> validator.reject(pl.Series([False, True, False]), "no user_id")
    >>> validator.kept.tolist(), validator.rejected()["row"].to_list(), validator.counts()
    ([True, False, True], [1], {'no user_id': 1})
    """

    def __init__(self, raw: pl.DataFrame, numbers: Int64s | None = None) -> None:
        self.raw = raw
        self.numbers = np.arange(raw.height, dtype=np.int64) if numbers is None else numbers
        self.kept: Bools = np.ones(raw.height, dtype=bool)
        self._reason = pl.repeat(None, raw.height, dtype=pl.String, eager=True).alias(REASON)

    def reject(self, rows: pl.Series | Bools, reason: str) -> None:
        """Reject the rows where `rows` `[N]` is true, unless they are rejected already."""
        mask = rows.fill_null(False).to_numpy() if isinstance(rows, pl.Series) else rows
        fresh = mask & self.kept
        if fresh.any():
            self._reason = self._reason.set(pl.Series(fresh), reason)
            self.kept &= ~mask

    def reject_for(self, reasons: pl.Series) -> None:
        """Reject every row that has a reason in `reasons` `[N]` (String, null: none)."""
        for reason in sorted(reasons.drop_nulls().unique().to_list()):
            self.reject(reasons == reason, reason)

    def rejected(self) -> pl.DataFrame:
        """The rejected rows as they were read, with their number and reason."""
        rows = np.flatnonzero(~self.kept)
        head = pl.DataFrame({ROW: self.numbers[rows], REASON: self._reason.gather(rows)})
        body = self.raw[rows]
        clash = {name: f"{name}_in_file" for name in body.columns if name in (ROW, REASON, LINE)}
        return pl.concat([head, body.rename(clash)], how="horizontal")

    def counts(self, broken: pl.DataFrame | None = None) -> dict[str, int]:
        """Rejected rows (and broken lines) by reason, most frequent first."""
        reasons = self._reason.drop_nulls()
        if broken is not None:
            reasons = pl.concat([reasons, broken[REASON]])
        if not len(reasons):
            return {}
        table = reasons.value_counts().sort(["count", REASON], descending=[True, False])
        return dict(zip(table[REASON].to_list(), table["count"].to_list(), strict=True))


def join_rejected(rejected: pl.DataFrame, broken: pl.DataFrame | None) -> pl.DataFrame:
    """Rejected rows and unreadable lines (`row`, `reason`, `line`) as one table."""
    if broken is None or not broken.height:
        return rejected
    return pl.concat([rejected, broken], how="diagonal")
