"""What heads on interest vectors learn from: pairs of an interest and an item, and of an interest and a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.data.kinds import our_kind, wanted_kinds
from penchant.data.ragged import gather_positions
from penchant.data.schema import PASSIVE_KINDS
from penchant.data.sequences import SequenceBatch
from penchant.errors import DataError
from penchant.models.base import DenseModel
from penchant.models.head_options import ProbeOptions

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """What a person did with an item: interest vectors before it `[n, D]`, item codes and labels `[n]` (1: interested).

    `people` `[n]`: rows of the histories. `real`: whether the negatives are real ones.
    """

    interests: Floats
    items: Codes
    labels: Codes
    people: Codes
    real: bool


@dataclass(frozen=True)
class ClassPairs:
    """Interest vectors before an event `[n, D]`, the class of its item and that of the item taken before it (-1: none).

    `people` `[n]`: rows of the histories.
    """

    interests: Floats
    classes: Codes
    earlier: Codes
    people: Codes


def interest_pairs(
    model: DenseModel,
    sequences: SequenceBatch,
    kinds: list[str],
    options: ProbeOptions,
    seed: int = 0,
    *,
    asked: Bools | None = None,
) -> Pairs:
    """Pairs from histories: each event but a person's first, with the interest as it was before it.

    With `asked` `[E]` only those events are asked about; all of them tell the interest.
    An exposure counts as a negative unless the person took the item at any time. Raises `DataError` where no event
    follows another, and where real negatives are asked for and there are none.
    """
    batch, following, rows, _ = _following(sequences, asked, options.users)
    n_items = len(model.item_vectors)
    liked, refused, taken, real = _told(batch, following, kinds, n_items, options)
    before = model.interests(batch.at(None))
    if real:
        events, items = np.concatenate([liked, refused]), batch.items[np.concatenate([liked, refused])].astype(np.int64)
    else:
        drawn, events = _drawn(batch, liked, taken, n_items, options.ratio, np.random.default_rng(seed))
        items = np.concatenate([batch.items[liked].astype(np.int64), drawn])
    labels = (np.arange(len(events)) < len(liked)).astype(np.int64)
    return Pairs(before[events - 1], items, labels, rows[batch.rows[events]], real)


def taken_events(sequences: SequenceBatch, kinds: list[str]) -> Bools:
    """Events `[E]` of a kind that is neither a refusal nor an exposure; an unknown kind is neither."""
    return ~of_kinds(sequences, ~wanted_kinds(kinds))


def of_kinds(sequences: SequenceBatch, chosen: Sequence[bool] | Bools) -> Bools:
    """Events `[E]` of the kinds that are chosen `[K]`; a code outside of them is not."""
    inside = (sequences.kinds >= 0) & (sequences.kinds < len(chosen))
    table = np.append(np.asarray(chosen, dtype=np.bool_), False)
    return np.asarray(table[np.where(inside, sequences.kinds, len(chosen))], dtype=np.bool_)


def check_pairs(
    sequences: SequenceBatch, kinds: list[str], n_items: int, options: ProbeOptions, asked: Bools | None = None
) -> None:
    """Raises the `DataError` that `interest_pairs` would raise, before there is a model."""
    batch, following, _, _ = _following(sequences, asked, options.users)
    _told(batch, following, kinds, n_items, options)


def _told(
    batch: SequenceBatch, following: Bools, kinds: list[str], n_items: int, options: ProbeOptions
) -> tuple[Codes, Codes, Codes, bool]:
    """Events of interest, events against an item, what each person took (row · items + item), and whether the
    negatives are real. Raises `DataError`."""
    against = ~taken_events(batch, kinds)
    known = (batch.items >= 0) & (batch.items < n_items)
    keys = batch.rows * n_items + batch.items
    taken = np.unique(keys[known & ~against])
    passive = of_kinds(batch, [our_kind(kind) in PASSIVE_KINDS for kind in kinds])
    liked = np.flatnonzero(known & ~against & following)
    refused = np.flatnonzero(known & against & following & ~(passive & np.isin(keys, taken)))
    if not len(liked):
        raise DataError("No event of interest follows another.", remedy="Bring histories of two events or more.")
    real = options.negatives == "real" or (options.negatives == "auto" and len(refused) >= options.fewest)
    if real and not len(refused):
        raise DataError(
            "There are no real negatives (dislike, hide, shown and not taken).", remedy="Take negatives='sampled'."
        )
    return liked, refused, taken, real


def _following(
    sequences: SequenceBatch, asked: Bools | None, most: int | None = None
) -> tuple[SequenceBatch, Bools, Codes, Codes]:
    """Histories with an event that is asked about and follows another: they, those events `[E]`, and where both lay.

    With `most` so many people, evenly spread.
    """
    following = np.ones(sequences.n_events, dtype=np.bool_) if asked is None else asked.copy()
    following[sequences.offsets[:-1][sequences.lengths > 0]] = False
    rows = np.flatnonzero(np.bincount(sequences.rows[following], minlength=len(sequences)))
    if most is not None and len(rows):
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64))]
    places, _ = gather_positions(sequences.offsets, rows)
    return sequences.take(rows), following[places], rows, places


def _drawn(
    batch: SequenceBatch, liked: Codes, taken: Codes, n_items: int, ratio: int, rng: np.random.Generator
) -> tuple[Codes, Codes]:
    """Sampled negatives `[m]`, and the events of positives followed by those of negatives."""
    counts = np.bincount(batch.items[batch.items >= 0], minlength=n_items).astype(np.float64)
    share = 0.5 * counts / counts.sum() + 0.5 / n_items
    at = np.repeat(liked, ratio)
    drawn = rng.choice(n_items, size=len(at), p=share / share.sum())
    free = ~np.isin(batch.rows[at] * n_items + drawn, taken)
    return drawn[free].astype(np.int64), np.concatenate([liked, at[free]])


def category_pairs(
    model: DenseModel,
    sequences: SequenceBatch,
    classes: Codes,
    *,
    asked: Bools | None = None,
    taken: Bools | None = None,
    users: int | None = None,
) -> ClassPairs:
    """The interest before every event but a person's first, and the class of the event's item.

    `classes` `[N]` is the class of every item, -1 for none (such events are left out), as are events not in `taken`
    `[E]` (refusals, exposures); `asked` as in `interest_pairs`; `users` people at most are read.
    """
    batch, following, rows, places = _following(sequences, asked, users)
    of_event = classes_of_events(batch, classes, None if taken is None else taken[places])
    events = np.flatnonzero(following & (of_event >= 0))
    before = model.interests(batch.at(None))[events - 1]
    earlier = latest_classes(batch, of_event)[events - 1]
    return ClassPairs(before, of_event[events], earlier, rows[batch.rows[events]])


def classes_of_events(sequences: SequenceBatch, classes: Codes, taken: Bools | None = None) -> Codes:
    """The class of every event's item `[E]`; -1 where it has none or is not in `taken` `[E]`."""
    known = (sequences.items >= 0) & (sequences.items < len(classes))
    if taken is not None:
        known &= taken
    return np.where(known, classes[np.where(known, sequences.items, 0)], -1).astype(np.int64)


def latest_classes(sequences: SequenceBatch, of_event: Codes) -> Codes:
    """After every event `[E]` the class of the last one so far that has a class, -1 for none."""
    latest = np.maximum.accumulate(np.where(of_event >= 0, np.arange(len(of_event)), -1))
    own = latest >= np.repeat(sequences.offsets[:-1], sequences.lengths)
    return np.where(own, of_event[np.maximum(latest, 0)], -1)
