"""Popularity: one list for all users, from events of all time, of the last days, or with decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from penchant.arrays import Float32s, Float64s, Floats, Ints
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import OptionError
from penchant.models.closed_form import ClosedFormModel
from penchant.models.history import DAY_S, select_positive, weigh_kinds
from penchant.options import require_range

WINDOWS = ("all", "recent", "decayed")


@dataclass(frozen=True)
class PopularityOptions:
    """Options of popularity."""

    window: str = "all"
    """Events that count: all, recent (the last `days`) or decayed (the weight of an event halves every `days`)."""
    days: float = 30.0
    """Length of the window, or half-life, days. Above 0."""
    kind_weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each kind of event, as `purchase:2,view:0.5`. 0 or more; kinds not named weigh 1, negative and
    passive kinds 0."""

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise OptionError("popularity.window", self.window, allowed=WINDOWS)
        require_range(self, "days", above=0, part="popularity.")


@dataclass(frozen=True)
class PopularityRecord:
    """The share of the events of each item, `[N]`."""

    shares: Float32s


class Popularity(ClosedFormModel[PopularityRecord]):
    """Share of the positive events that each item has, counted from the end of the training period backwards.

    Items without an event in the window follow, by their share of all time; items without any event come last.
    """

    name = "popularity"
    record_type = PopularityRecord

    def __init__(self, options: PopularityOptions | None = None) -> None:
        super().__init__()
        self.options = options or PopularityOptions()

    def fit(self, data: TrainingData) -> None:
        """Count events. Needs no validation and no seed."""
        weights = weigh_kinds(data.kinds, self.options.kind_weights)
        events, by_kind = select_positive(data.sequences, weights, data.n_items)
        age_s = np.maximum(data.now_s - events.times_s, 0)
        span_s = self.options.days * DAY_S
        if self.options.window == "recent":
            in_window = by_kind * (age_s <= span_s)
        elif self.options.window == "decayed":
            in_window = by_kind * np.exp2(-age_s / span_s)
        else:
            in_window = by_kind
        # a millionth of the share of all time orders the items that the window leaves at 0
        shares = compute_shares(events.items, in_window, data.n_items)
        all_time = compute_shares(events.items, by_kind, data.n_items)
        self._record = PopularityRecord((shares + 1e-6 * all_time).astype(np.float32))

    def score(self, histories: SequenceBatch) -> Float32s:
        """The same row `[N]` for every history, as `[B, N]`."""
        return np.tile(self.record.shares, (len(histories), 1))


def compute_shares(items: Ints, weights: Floats, n_items: int) -> Float64s:
    """Each item's share `[N]` of the total weight; zeros where there is none.

    >>> compute_shares(np.array([0, 2, 2]), np.array([1.0, 1.0, 2.0]), 3).tolist()
    [0.25, 0.0, 0.75]
    """
    counts = np.bincount(items, weights=weights, minlength=n_items).astype(np.float64)
    total = counts.sum()
    return counts / total if total > 0 else counts
