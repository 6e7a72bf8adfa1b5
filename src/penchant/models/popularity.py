"""Popularity: the same list for everybody, of all time, of the last days, or with older events fading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from penchant.arrays import Float32s
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError, OptionError
from penchant.models.base import ModelState
from penchant.models.history import DAY_S, kind_weights, positive, require

WINDOWS = ("all", "recent", "decayed")


@dataclass(frozen=True)
class PopularityOptions:
    """Options of popularity."""

    window: str = "all"
    """Which events count: all, recent (the last `days`) or decayed (the weight of an event halves every `days`)."""
    days: float = 30.0
    """Length of the window, or half-life, days. Above 0."""
    kind_weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each kind of event, as `purchase:2,modality:0.5`. 0 or more; kinds not named weigh 1, negative and
    passive kinds 0."""

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise OptionError("popularity.window", self.window, allowed=WINDOWS)
        require(self.days > 0, "popularity.days", self.days, "a number of days above 0")


class Popularity:
    """Share of the positive events that each item has, counted from the end of the training period backwards.

    Items without an event in the window follow, by their share of all time; items without any event come last.
    """

    name = "popularity"

    def __init__(self, options: PopularityOptions | None = None) -> None:
        self.options = options or PopularityOptions()
        self._shares: npt.NDArray[np.float32] | None = None

    def fit(self, data: TrainingData) -> None:
        """Count events. Needs no validation and no seed."""
        weights = kind_weights(data.kinds, self.options.kind_weights)
        events, by_kind = positive(data.sequences, weights, data.n_items)
        age_s = np.maximum(data.now_s - events.times_s, 0)
        span_s = self.options.days * DAY_S
        if self.options.window == "recent":
            in_window = by_kind * (age_s <= span_s)
        elif self.options.window == "decayed":
            in_window = by_kind * np.exp2(-age_s / span_s)
        else:
            in_window = by_kind
        shares = shares_of(events.items, in_window, data.n_items)
        self._shares = (shares + 1e-6 * shares_of(events.items, by_kind, data.n_items)).astype(np.float32)

    def score(self, histories: SequenceBatch) -> Float32s:
        """The same row `[N]` for every history, as `[B, N]`."""
        return np.tile(self._fitted(), (len(histories), 1))

    def state(self) -> ModelState:
        """The shares `[N]`."""
        return ModelState({"shares": self._fitted()})

    def load_state(self, state: ModelState) -> None:
        """Take back the shares."""
        self._shares = np.asarray(state.tensors["shares"], dtype=np.float32)

    def _fitted(self) -> npt.NDArray[np.float32]:
        if self._shares is None:
            raise not_fitted(self.name)
        return self._shares


def shares_of(
    items: npt.NDArray[np.integer], weights: npt.NDArray[np.floating], n_items: int
) -> npt.NDArray[np.float64]:
    """Each item's share `[N]` of the total weight; zeros where there is none.

    >>> shares_of(np.array([0, 2, 2]), np.array([1.0, 1.0, 2.0]), 3).tolist()
    [0.25, 0.0, 0.75]
    """
    counts = np.bincount(items, weights=weights, minlength=n_items).astype(np.float64)
    total = counts.sum()
    return counts / total if total > 0 else counts


def not_fitted(name: str) -> ModelError:
    """The error of every model that is asked before it has learned."""
    return ModelError(f"The model {name!r} is not fitted yet.", remedy="Call fit, or load a bundle.")
