"""Examples for linear probes: an interest vector with an item, and an interest vector with the class of an item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.arrays import Bools, Float32s, Int64s, evenly_spaced
from penchant.data.kinds import mask_wanted_kinds, normalise_kind
from penchant.data.ragged import gather_positions
from penchant.data.schema import PASSIVE_KINDS
from penchant.data.sequences import SequenceBatch
from penchant.errors import DataError
from penchant.models.base import DenseModel
from penchant.models.probes.options import ProbeOptions


@dataclass(frozen=True)
class TargetEvents:
    """Histories of some users and which of their events `[E]` are `targets`; every target has an event before it.

    Events `[E]` that are `taken` are of a kind that is neither negative feedback nor an exposure; `passive` ones are
    exposures. `rows` `[B]` are the users' rows in the source batch.
    """

    sequences: SequenceBatch
    targets: Bools
    taken: Bools
    passive: Bools
    rows: Int64s

    @classmethod
    def select(
        cls, sequences: SequenceBatch, kinds: list[str], targets: Bools | None = None, users: int | None = None
    ) -> TargetEvents:
        """The histories with a target (any event where `targets` is None), of evenly spread `users` at most."""
        following = np.ones(sequences.n_events, dtype=np.bool_) if targets is None else targets.copy()
        following[sequences.offsets[:-1][sequences.lengths > 0]] = False
        rows = np.flatnonzero(np.bincount(sequences.rows[following], minlength=len(sequences)))
        if users is not None and len(rows):
            rows = rows[evenly_spaced(len(rows), users)]
        events, _ = gather_positions(sequences.offsets, rows)
        batch = sequences.take(rows)
        passive = _of_kinds(batch, [normalise_kind(kind) in PASSIVE_KINDS for kind in kinds])
        return cls(batch, following[events], mask_taken_events(batch, kinds), passive, rows)

    def known(self, n_items: int) -> Bools:
        """Events `[E]` of one of the items."""
        return np.asarray((self.sequences.items >= 0) & (self.sequences.items < n_items))

    def user_items(self, n_items: int, *, taken: bool = False) -> Int64s:
        """One number for the user and the item of every event `[E]`; with `taken` the distinct ones of taken events."""
        numbers = np.asarray(self.sequences.rows * n_items + self.sequences.items)
        return np.unique(numbers[self.known(n_items) & self.taken]) if taken else numbers

    def interests_before(self, model: DenseModel, events: Int64s) -> Float32s:
        """The interest vectors `[n, D]` before some events, the time of a request hidden."""
        return model.interests(self.sequences.at(None))[events - 1]

    def users_of(self, events: Int64s) -> Int64s:
        """The rows, in the batch that the histories come from, of some events `[n]`."""
        return self.rows[self.sequences.rows[events]]


@dataclass(frozen=True)
class Pairs:
    """Interest vectors before an event `[n, D]`, item codes, labels (1: interested) and rows of users `[n]`.

    `real` says whether the negatives are real.
    """

    interests: Float32s
    items: Int64s
    labels: Int64s
    users: Int64s
    real: bool


@dataclass(frozen=True)
class ClassPairs:
    """Interest vectors before an event `[n, D]`, the class of its item, that of the previous item (-1: none), users."""

    interests: Float32s
    classes: Int64s
    previous: Int64s
    users: Int64s


def split_targets(events: TargetEvents, n_items: int, options: ProbeOptions) -> tuple[Int64s, Int64s | None]:
    """Positive and negative targets; None stands for negatives that are to be sampled.

    An exposure counts as a negative unless the user took the item at any time. Raises `DataError` if no target is
    positive, and if real negatives are configured and there are none.
    """
    candidates = events.targets & events.known(n_items)
    later_taken = events.passive & np.isin(events.user_items(n_items), events.user_items(n_items, taken=True))
    positive = np.flatnonzero(candidates & events.taken)
    negative = np.flatnonzero(candidates & ~events.taken & ~later_taken)
    if not len(positive):
        raise DataError("No event of interest follows another.", remedy="Provide histories of two events or more.")
    if options.negatives == "sampled" or (options.negatives == "auto" and len(negative) < options.fewest):
        return positive, None
    if not len(negative):
        raise DataError(
            "There are no real negatives (dislike, hide, shown and not taken).", remedy="Take negatives='sampled'."
        )
    return positive, negative


def build_interest_pairs(model: DenseModel, events: TargetEvents, options: ProbeOptions, seed: int = 0) -> Pairs:
    """Every target's item with the interest before it, and negatives; raises as `split_targets`."""
    positive, negative = split_targets(events, len(model.item_vectors), options)
    if negative is None:
        sampled, sources = _sample_negatives(events, positive, len(model.item_vectors), options.ratio, seed)
    else:
        sampled, sources = events.sequences.items[negative].astype(np.int64), negative
    chosen = np.concatenate([positive, sources])
    items = np.concatenate([events.sequences.items[positive].astype(np.int64), sampled])
    labels = (np.arange(len(chosen)) < len(positive)).astype(np.int64)
    return Pairs(events.interests_before(model, chosen), items, labels, events.users_of(chosen), negative is not None)


def build_category_pairs(model: DenseModel, events: TargetEvents, item_classes: Int64s) -> ClassPairs:
    """Every taken target with the interest before it and its class; targets of items without a class are left out.

    `item_classes` `[N]` holds the class of every item, -1 for none.
    """
    classes = find_event_classes(events.sequences, item_classes, events.taken)
    chosen = np.flatnonzero(events.targets & (classes >= 0))
    previous = find_latest_classes(events.sequences, classes)[chosen - 1]
    return ClassPairs(events.interests_before(model, chosen), classes[chosen], previous, events.users_of(chosen))


def mask_taken_events(sequences: SequenceBatch, kinds: list[str]) -> Bools:
    """Events `[E]` of a kind that is neither negative feedback nor an exposure; an unknown kind is neither."""
    return ~_of_kinds(sequences, ~mask_wanted_kinds(kinds))


def find_event_classes(sequences: SequenceBatch, item_classes: Int64s, taken: Bools) -> Int64s:
    """The class of every event's item `[E]`; -1 where it has none or is not `taken` `[E]`."""
    has_class = (sequences.items >= 0) & (sequences.items < len(item_classes)) & taken
    return np.where(has_class, item_classes[np.where(has_class, sequences.items, 0)], -1).astype(np.int64)


def find_latest_classes(sequences: SequenceBatch, classes: Int64s) -> Int64s:
    """After every event `[E]` the class of the user's latest event that has a class, -1 for none."""
    latest = np.maximum.accumulate(np.where(classes >= 0, np.arange(len(classes)), -1))
    in_row = latest >= np.repeat(sequences.offsets[:-1], sequences.lengths)
    return np.where(in_row, classes[np.maximum(latest, 0)], -1)


def _sample_negatives(
    events: TargetEvents, positive: Int64s, n_items: int, ratio: int, seed: int
) -> tuple[Int64s, Int64s]:
    """Sampled items `[m]` that the user did not take, half by popularity, and the positive event of each."""
    batch = events.sequences
    counts = np.bincount(batch.items[batch.items >= 0], minlength=n_items).astype(np.float64)
    share = 0.5 * counts / counts.sum() + 0.5 / n_items
    sources = np.repeat(positive, ratio)
    items = np.random.default_rng(seed).choice(n_items, size=len(sources), p=share / share.sum())
    is_free = ~np.isin(batch.rows[sources] * n_items + items, events.user_items(n_items, taken=True))
    return items[is_free], sources[is_free]


def _of_kinds(sequences: SequenceBatch, chosen: Sequence[bool] | Bools) -> Bools:
    """Events `[E]` of the kinds that are chosen `[K]`; an unknown code is not."""
    is_known = (sequences.kinds >= 0) & (sequences.kinds < len(chosen))
    table = np.append(np.asarray(chosen, dtype=np.bool_), False)
    return np.asarray(table[np.where(is_known, sequences.kinds, len(chosen))], dtype=np.bool_)
