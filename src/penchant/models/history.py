"""What a history counts for: which events are positive, and how their weight fades by rank and by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from penchant.data.kinds import mask_wanted_kinds, match_kind_weights
from penchant.data.sequences import SequenceBatch
from penchant.errors import UsageError

DAY_S: Final = 86_400

Sparse = Any
"""A scipy CSR matrix (scipy carries no types)."""


def require(holds: bool, option: str, value: object, allowed: str) -> None:
    """Refuse an option's value that is out of range, naming what is allowed.

    >>> require(False, "cooccurrence.decay", 2, "a number above 0 and at most 1")
    Traceback (most recent call last):
    penchant.errors.UsageError: cooccurrence.decay=2 is out of range. Give a number above 0 and at most 1.
    """
    if not holds:
        raise UsageError(f"{option}={value!r} is out of range.", remedy=f"Give {allowed}.")


@dataclass(frozen=True)
class DecayOptions:
    """How the weight of past events fades: options of every model that weights a history."""

    model: ClassVar[str]
    """Name of the model, for messages."""
    decay: float = 0.8
    """Weight of an event relative to the event after it in the history. Above 0, at most 1; 1 disables decay by
    rank."""
    half_life_days: float | None = None
    """Days after which the weight of an event halves. Above 0; none disables decay by time."""
    kind_weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each kind of event, as `purchase:2,modality:0.5`. 0 or more; kinds not named weigh 1, negative and
    passive kinds 0."""

    def __post_init__(self) -> None:
        require(
            0 < self.decay <= 1,
            f"{self.model}.decay",
            self.decay,
            "a number above 0 and at most 1 (1: no decay by rank)",
        )
        require(
            self.half_life_days is None or self.half_life_days > 0,
            f"{self.model}.half_life_days",
            self.half_life_days,
            "a number of days above 0, or leave it out for no decay by time",
        )


@dataclass(frozen=True)
class HistoryOptions(DecayOptions):
    """Decay, and how much of a history is read."""

    max_length: int = 200
    """Number of latest events of a history that are read at inference. 1 or more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.max_length >= 1, f"{self.model}.max_length", self.max_length, "a whole number of 1 or more")


def kind_weights(kinds: Sequence[str], chosen: Mapping[str, float] | None = None) -> npt.NDArray[np.float32]:
    """Weight `[K]` of every event kind: 0 for negative and passive kinds, 1 for the rest, or what `chosen` says.

    Words match as in `data.kinds.match_kind_weights`. Raises `UsageError` for a weight out of range, or a kind
    that neither the data nor we know; one of ours that the data lack changes nothing.

    >>> kind_weights(["view", "hide", "purchase"], {"purchase": 3}).tolist()
    [1.0, 0.0, 3.0]
    """
    given = match_kind_weights("kind_weights", chosen or {}, kinds)
    for kind, weight in given.items():
        require(0 <= weight < float("inf"), f"kind_weights[{kind!r}]", weight, "a finite weight of 0 or more")
    default = mask_wanted_kinds(kinds).tolist()
    return np.asarray([given.get(kind, usual) for kind, usual in zip(kinds, default, strict=True)], dtype=np.float32)


def event_weights(histories: SequenceBatch, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Weight `[E]` of every event by its kind; a kind never seen in training counts 1."""
    if not len(weights):
        return np.ones(histories.n_events, dtype=np.float32)
    codes = histories.kinds
    known = (codes >= 0) & (codes < len(weights))
    by_code = weights[np.clip(codes, 0, len(weights) - 1)]
    return np.asarray(np.where(known, by_code, 1.0), dtype=np.float32)


def positive(
    histories: SequenceBatch, weights: npt.NDArray[np.float32], n_items: int
) -> tuple[SequenceBatch, npt.NDArray[np.float32]]:
    """Only the events with a known item and a weight above 0, and these weights `[E]`."""
    by_kind = event_weights(histories, weights)
    mask = (histories.items >= 0) & (histories.items < n_items) & (by_kind > 0)
    if mask.all():
        return histories, by_kind
    return histories.keep(mask), by_kind[mask]


def faded(
    histories: SequenceBatch,
    *,
    decay: float = 1.0,
    half_life_days: float | None = None,
) -> npt.NDArray[np.float32]:
    """Weight `[E]` of every event by its age: `decay^rank` (rank 0 = the most recent), halved every `half_life_days`.

    The second factor holds only where the time of the request is given (`query_times_s`).
    """
    ranks = np.repeat(histories.offsets[1:], histories.lengths) - 1 - np.arange(histories.n_events)
    weight = np.power(np.float64(decay), ranks)
    if half_life_days is not None and histories.query_times_s is not None:
        elapsed = np.maximum(histories.query_times_s[histories.rows] - histories.times_s, 0)
        weight = weight * np.exp2(-elapsed / (half_life_days * DAY_S))
    return np.asarray(weight, dtype=np.float32)


def history_matrix(
    histories: SequenceBatch,
    n_items: int,
    weights: npt.NDArray[np.float32],
    *,
    decay: float = 1.0,
    half_life_days: float | None = None,
    max_length: int | None = None,
    binary: bool = False,
) -> Sparse:
    """Histories as a CSR matrix `[B, N]` float32: what each item in a history weighs now.

    An item met more than once has the sum of its weights, or the largest with `binary`.
    """
    kept, by_kind = positive(histories, weights, n_items)
    if max_length is not None and len(kept) and int(kept.lengths.max(initial=0)) > max_length:
        marked = replace(kept, values=by_kind).last(max_length)
        kept, by_kind = marked, marked.values
    data = by_kind * faded(kept, decay=decay, half_life_days=half_life_days)
    if binary:
        return _largest(kept, data, n_items)
    matrix = sp.csr_matrix((data, kept.items.copy(), kept.offsets), shape=(len(kept), n_items), dtype=np.float32)
    matrix.sum_duplicates()
    return matrix


def _largest(kept: SequenceBatch, data: npt.NDArray[np.float32], n_items: int) -> Sparse:
    """One entry for each (row, item), the largest weight."""
    keys = kept.rows * n_items + kept.items
    order = np.lexsort((-data, keys))
    first = np.ones(len(order), dtype=bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    chosen = order[first]
    return sp.csr_matrix(
        (data[chosen], (kept.rows[chosen], kept.items[chosen])), shape=(len(kept), n_items), dtype=np.float32
    )
