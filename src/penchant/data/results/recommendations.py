"""Ranked lists for requests, with the source of each answer and the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from penchant.arrays import Float32s, Int32s
from penchant.data import schema
from penchant.data.results.reasons import Reason


@dataclass(frozen=True, repr=False)
class Recommendations:
    """Ranked lists of B requests: `items` `[B, k]` codes (-1: nothing left), `scores` `[B, k]`.

    `sources[b]` is the source of the answer to request b (`model`, `content`, `popularity`); `notes` say what was left
    out of an ad-hoc history.
    """

    user_ids: list[str]
    item_ids: list[list[str]]
    items: Int32s
    scores: Float32s
    sources: list[str]
    reasons: list[list[Reason]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Recommendations(users={len(self)}, k={self.items.shape[1]})"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        return iter(zip(self.user_ids, self.item_ids, strict=True))

    def __len__(self) -> int:
        return len(self.user_ids)

    def table(self) -> pl.DataFrame:
        """Columns `user_id`, `rank` (from 1), `item_id`, `score`; one row a recommended item."""
        rows, columns = np.nonzero(self.items >= 0)
        flat = [item for row in self.item_ids for item in row]
        return pl.DataFrame(
            {
                schema.USER_ID: pl.Series(self.user_ids, dtype=pl.String).gather(rows),
                schema.RANK: (columns + 1).astype(np.int32),
                schema.ITEM_ID: pl.Series(flat, dtype=pl.String),
                schema.SCORE: self.scores[rows, columns].astype(np.float32),
            }
        )
