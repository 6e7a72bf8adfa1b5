"""Weights of the events of a history: by kind, and with decay by rank and by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.kinds import mask_wanted_kinds, match_kind_weights
from penchant.data.sequences import SequenceBatch
from penchant.errors import UsageError
from penchant.options import require_range

DAY_S: Final = 86_400

Sparse = Any
"""A scipy CSR matrix (scipy carries no types)."""


@dataclass(frozen=True)
class DecayOptions:
    """Decay of past events: options of every model that weights a history."""

    model: ClassVar[str]
    """Name of the model, for messages."""
    decay: float = 0.8
    """Weight of an event relative to the event after it in the history. Above 0, at most 1; 1 disables decay by
    rank."""
    half_life_days: float | None = None
    """Days after which the weight of an event halves. Above 0; none disables decay by time."""
    kind_weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each kind of event, as `purchase:2,view:0.5`. 0 or more; kinds not named weigh 1, negative and
    passive kinds 0."""

    def __post_init__(self) -> None:
        require_range(self, "decay", above=0, most=1, part=f"{self.model}.")
        require_range(self, "half_life_days", above=0, part=f"{self.model}.")


@dataclass(frozen=True)
class HistoryOptions(DecayOptions):
    """Options of decay, and of the number of events read per history."""

    max_length: int = 200
    """Number of latest events of a history that are read at inference. 1 or more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "max_length", least=1, part=f"{self.model}.")


def weigh_kinds(kinds: Sequence[str], chosen: Mapping[str, float] | None = None) -> Float32s:
    """Weight `[K]` of every event kind: 0 for negative and passive kinds, 1 for the rest, or what `chosen` says.

    Names of kinds match as they do in files (`data.kinds.match_kind_weights`). Raises `UsageError` for a weight out of
    range, and for a kind that is neither in the data nor a standard kind; a standard kind that the data lack has no
    effect.

    >>> weigh_kinds(["view", "hide", "purchase"], {"purchase": 3}).tolist()
    [1.0, 0.0, 3.0]
    """
    given = match_kind_weights("kind_weights", chosen or {}, kinds)
    for kind, weight in given.items():
        if not 0 <= weight < float("inf"):
            raise UsageError(
                f"kind_weights[{kind!r}]={weight!r} is out of range.", remedy="Give a finite weight of 0 or more."
            )
    default = mask_wanted_kinds(kinds).tolist()
    return np.asarray([given.get(kind, usual) for kind, usual in zip(kinds, default, strict=True)], dtype=np.float32)


def weigh_events(histories: SequenceBatch, weights: Float32s) -> Float32s:
    """Weight `[E]` of every event by its kind; a kind that training did not have weighs 1."""
    if not len(weights):
        return np.ones(histories.n_events, dtype=np.float32)
    codes = histories.kinds
    is_known = (codes >= 0) & (codes < len(weights))
    by_code = weights[np.clip(codes, 0, len(weights) - 1)]
    return np.asarray(np.where(is_known, by_code, 1.0), dtype=np.float32)


def select_positive(histories: SequenceBatch, weights: Float32s, n_items: int) -> tuple[SequenceBatch, Float32s]:
    """Only the events with a known item and a weight above 0, and these weights `[E]`."""
    by_kind = weigh_events(histories, weights)
    mask = (histories.items >= 0) & (histories.items < n_items) & (by_kind > 0)
    if mask.all():
        return histories, by_kind
    return histories.keep(mask), by_kind[mask]


def compute_decay(histories: SequenceBatch, *, decay: float = 1.0, half_life_days: float | None = None) -> Float32s:
    """Weight `[E]` of every event by its age: `decay^rank` (rank 0: the latest) · 2^(−days / `half_life_days`).

    The second factor applies only where the time of the request is given (`query_times_s`).
    """
    ranks = np.repeat(histories.offsets[1:], histories.lengths) - 1 - np.arange(histories.n_events)
    weight = np.power(np.float64(decay), ranks)
    if half_life_days is not None and histories.query_times_s is not None:
        elapsed_s = np.maximum(histories.query_times_s[histories.rows] - histories.times_s, 0)
        weight = weight * np.exp2(-elapsed_s / (half_life_days * DAY_S))
    return np.asarray(weight, dtype=np.float32)


def build_history_matrix(
    histories: SequenceBatch,
    n_items: int,
    weights: Float32s,
    *,
    decay: float = 1.0,
    half_life_days: float | None = None,
    max_length: int | None = None,
    binary: bool = False,
) -> Sparse:
    """Histories as a CSR matrix `[B, N]` float32: the present weight of each item.

    An item with several events has the sum of their weights, or the largest with `binary`.
    """
    kept, by_kind = select_positive(histories, weights, n_items)
    if max_length is not None and len(kept) and int(kept.lengths.max(initial=0)) > max_length:
        latest = replace(kept, values=by_kind).last(max_length)  # the values carry the weights through the cut
        kept, by_kind = latest, latest.values
    data = by_kind * compute_decay(kept, decay=decay, half_life_days=half_life_days)
    if binary:
        return _keep_largest(kept, data, n_items)
    matrix = sp.csr_matrix((data, kept.items.copy(), kept.offsets), shape=(len(kept), n_items), dtype=np.float32)
    matrix.sum_duplicates()
    return matrix


def weigh_histories(histories: SequenceBatch, n_items: int, kinds: Sequence[str], options: HistoryOptions) -> Sparse:
    """`build_history_matrix` with kind weights, decay and length of the `options`."""
    return build_history_matrix(
        histories,
        n_items,
        weigh_kinds(kinds, options.kind_weights),
        decay=options.decay,
        half_life_days=options.half_life_days,
        max_length=options.max_length,
    )


def _keep_largest(kept: SequenceBatch, data: Float32s, n_items: int) -> Sparse:
    """One entry for each (row, item), the largest weight."""
    keys = kept.rows * n_items + kept.items
    order = np.lexsort((-data, keys))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = keys[order][1:] != keys[order][:-1]
    chosen = order[is_first]
    return sp.csr_matrix(
        (data[chosen], (kept.rows[chosen], kept.items[chosen])), shape=(len(kept), n_items), dtype=np.float32
    )
