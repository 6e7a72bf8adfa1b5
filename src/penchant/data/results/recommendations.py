"""What a recommender gives back: interest series, ranked lists and their reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema


@dataclass(frozen=True)
class InterestSeries:
    """`f(H_u) = I_u`: the interest vector after every event.

    `times_s` `[T]` UTC seconds, `vectors` `[T, D]` (`[T, K, D]` where each of K interests is asked for) float32,
    `event_ids` `[T]` of the events after which each stands.
    """

    user_id: str
    times_s: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    event_ids: list[str]

    def __len__(self) -> int:
        return len(self.times_s)

    def at(self, time_s: int) -> npt.NDArray[np.float32]:
        """The vector in force at a time: the one after the last event not later than it; zeros before the first."""
        row = int(np.searchsorted(self.times_s, time_s, side="right")) - 1
        return self.vectors[row] if row >= 0 else np.zeros(self.vectors.shape[1:], dtype=np.float32)


@dataclass(frozen=True)
class EventReason:
    """One past event and how much of the lead of the item goes when it is removed (standard deviations)."""

    event_id: str
    item_id: str | None
    title: str
    time_s: int
    contribution: float


@dataclass(frozen=True)
class Reason:
    """Why an item was recommended: per event (by removal) and per modality (additive where the model is).

    Two units that do not mix: `score` and `modalities` are in those of the model; `lead` (how far the item is
    above the mean of all items for this user) and the contributions of `events` to it are in standard deviations over
    the items.
    """

    item_id: str
    score: float
    events: list[EventReason]
    modalities: Mapping[str, float]
    sentence: str = ""
    lead: float = float("nan")


@dataclass(frozen=True)
class Recommendations:
    """Ranked lists of B requests: `items` `[B, k]` codes (-1: nothing left), `scores` `[B, k]`.

    `sources[b]` is the source of the answer to request b (`model`, `content`, `popularity`); `notes` say what was left
    out of an ad-hoc history.
    """

    user_ids: list[str]
    item_ids: list[list[str]]
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    sources: list[str]
    reasons: list[list[Reason]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

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
