"""Events of some data that a bundle has not seen, as a holdout: no test contains what the bundle learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int8s, Int64s, Ints
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import match_kinds
from penchant.data.kinds import mask_wanted_kinds, match_kind_codes
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout, Target
from penchant.messages import Note

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender

_NEW, _WANTED, _ORIGIN, _READ = "__new", "__wanted", "__origin", "__read"
_AS_ANOTHER, _NOT_READ = 1, 2


@dataclass(frozen=True)
class Unseen:
    """A holdout whose targets are new events only.

    `dataset` joins the data of the bundle and the new data, with the bundle's item codes (unknown items have codes
    beyond them). `learned` is `dataset` without new events and unknown items.
    """

    holdout: Holdout
    dataset: Dataset
    learned: Dataset
    notes: Sequence[str]

    @property
    def new(self) -> Bools:
        """Events `[E]` of `dataset` that the bundle has not seen."""
        return np.asarray(self.dataset.events[_NEW].to_numpy(), dtype=np.bool_)

    @property
    def read(self) -> Bools:
        """Events `[E]` of `dataset` of a kind that the bundle understands."""
        return np.asarray(self.dataset.events[_READ].to_numpy() != _NOT_READ, dtype=np.bool_)


def hold_out_unseen(
    recommender: Recommender, data: Dataset, *, target: Target = "first", repeats: bool = False
) -> Unseen | None:
    """The holdout of events that a recommender has not seen; None if no user can be tested.

    An event is seen if the histories of the recommender have it (same user, item and time). Where these are incomplete
    (a bundle without histories), every event up to `record.trained_until_s` counts as seen. A target that the
    recommender does not know is a miss. Kinds that it has not learned are read as in an ad-hoc history
    (`penchant.data.ingest.ad_hoc_history.match_kinds`). The notes count both.
    """
    joined = _join_logs(recommender, data)
    new, read = joined.events[_NEW].to_numpy(), joined.events[_READ].to_numpy()
    n_items = recommender.dataset.n_items
    sequences = joined.sequences()
    users, known = sequences.rows, (sequences.items < n_items) & (read != _NOT_READ)
    targets = new & _mark_possible(joined, sequences, repeats) & _has_history(sequences, known)
    if target == "first":
        targets &= np.arange(len(users)) == _find_first(targets, users, len(sequences))[users]
    elif target == "last":
        targets &= np.arange(len(users)) == _find_last(targets, users, len(sequences))[users]
    start = _find_first(targets, users, len(sequences))
    earlier = np.arange(len(users)) < start[users]
    history = earlier & known
    tested = np.flatnonzero(start < len(users))
    if not len(tested):
        return None
    row = np.full(len(sequences), -1, dtype=np.int64)
    row[tested] = np.arange(len(tested))
    chosen = np.flatnonzero(targets & (row[users] >= 0))
    histories = sequences.keep(history).take(tested).at(sequences.times_s[start[tested]])
    wanted = Ragged.group(row[users[chosen]], sequences.items[chosen], len(tested)).unique()
    seen = Ragged.empty(len(tested)) if repeats else histories.history_items.unique()
    learned = joined.where(~new & known)
    of_tested = earlier & (row[users] >= 0)
    left_out = int((of_tested & (sequences.items >= n_items)).sum())
    notes = _write_notes(int(new.sum()), len(tested), wanted, n_items, left_out)
    notes += _write_notes_of_kinds(read[of_tested & (sequences.items < n_items)])
    return Unseen(Holdout(histories, wanted, seen), joined, learned, notes)


def _join_logs(recommender: Recommender, data: Dataset) -> Dataset:
    """The data of the recommender and the events that the new data add, in one log.

    `__new` marks events that it has not seen. `__read` says how a kind that it has not learned is read (`_AS_ANOTHER`,
    `_NOT_READ`).
    """
    known = recommender.dataset
    users = data.user_vocabulary.extend(known.user_vocabulary.ids)
    items = known.item_vocabulary.encode(data.item_vocabulary.ids).astype(np.int64)
    items = np.where(items >= 0, items, known.n_items + np.arange(len(items)))
    kinds, understood = match_kinds(known.kinds, data.kinds)
    codes = match_kind_codes(known.kinds.ids.to_list(), data.kinds.ids.to_list())
    reading = np.where(~understood, _NOT_READ, np.where(codes < 0, _AS_ANOTHER, 0))
    ours = data.events.with_columns(
        _mark_wanted(data), _recode(data.events, schema.KIND, reading, pl.Int8).alias(_READ)
    ).with_columns(
        _recode(data.events, schema.ITEM, items, pl.Int32), _recode(data.events, schema.KIND, kinds, pl.Int16)
    )
    user_codes = users.encode(known.user_vocabulary.ids)
    theirs = known.events.with_columns(_mark_wanted(known), _recode(known.events, schema.USER, user_codes, pl.Int32))
    keys = [schema.USER, schema.ITEM, schema.TIME_S]
    added = ours.join(theirs.select(keys).unique(), on=keys, how="anti", nulls_equal=True, maintain_order="left")
    complete = known.n_events > 0 and known.n_events >= recommender.record.events
    until_s = recommender.record.trained_until_s  # 0: not recorded, so no event is known to be new
    after = (pl.col(schema.TIME_S) > until_s).fill_null(False) if until_s else pl.lit(False)
    is_new = pl.lit(True) if complete else after
    events = pl.concat(
        [
            theirs.with_columns(
                pl.lit(False).alias(_NEW),
                pl.lit(0, dtype=pl.Int8).alias(_ORIGIN),
                pl.lit(0, dtype=pl.Int8).alias(_READ),
            ),
            added.with_columns(is_new.alias(_NEW), pl.lit(1, dtype=pl.Int8).alias(_ORIGIN)),
        ],
        how="diagonal_relaxed",
    ).sort([schema.USER, schema.TIME_S, _ORIGIN, schema.SEQ], nulls_last=True, maintain_order=True)
    frame = pl.DataFrame({schema.USER_ID: users.ids}).join(
        data.users.with_columns(pl.col(schema.USER_ID).cast(pl.String)),
        on=schema.USER_ID,
        how="left",
        maintain_order="left",
    )
    return Dataset(
        items=known.items,
        events=events,
        users=frame,
        item_vocabulary=known.item_vocabulary,
        user_vocabulary=users,
        kinds=known.kinds,
        root=data.root,
        vectors=data.vectors,
    )


def _recode(frame: pl.DataFrame, column: str, codes: Ints, dtype: type[pl.DataType]) -> pl.Series:
    """A column of codes, translated by a table of codes; null stays null."""
    if not len(codes):
        return frame[column].cast(dtype)
    old = frame[column]
    new = pl.Series(column, codes[old.fill_null(0).to_numpy()], dtype=dtype)
    return new.set(old.is_null(), None) if old.null_count() else new


def _mark_wanted(data: Dataset) -> pl.Series:
    """Events of a kind that shows interest, by the names of the kinds in the data."""
    names = mask_wanted_kinds(data.kinds.ids.to_list())
    kinds = data.events[schema.KIND].to_numpy()
    return pl.Series(_WANTED, names[kinds] if len(kinds) else np.empty(0, dtype=np.bool_), dtype=pl.Boolean)


def _has_history(sequences: SequenceBatch, known: Bools) -> Bools:
    """Events with an earlier event of the same user that the recommender can read."""
    before: Int64s = np.cumsum(known) - known
    return np.asarray(
        before > np.repeat(before[np.minimum(sequences.offsets[:-1], len(before) - 1)], sequences.lengths)
    )


def _mark_possible(data: Dataset, sequences: SequenceBatch, repeats: bool) -> Bools:
    """Events with an item, of a kind that shows interest and, unless `repeats`, new to the user: possible targets."""
    possible = (sequences.items >= 0) & data.events[_WANTED].to_numpy()
    if not repeats:
        keys = sequences.rows * (int(sequences.items.max(initial=0)) + 2) + sequences.items
        first = np.zeros(sequences.n_events, dtype=np.bool_)
        first[np.unique(keys, return_index=True)[1]] = True
        possible &= first
    return np.asarray(possible, dtype=np.bool_)


def _find_first(mask: Bools, users: Int64s, n_users: int) -> Int64s:
    out = np.full(n_users, len(users), dtype=np.int64)
    chosen = np.flatnonzero(mask)[::-1]
    out[users[chosen]] = chosen
    return out


def _find_last(mask: Bools, users: Int64s, n_users: int) -> Int64s:
    out = np.full(n_users, -1, dtype=np.int64)
    chosen = np.flatnonzero(mask)
    out[users[chosen]] = chosen
    return out


def _write_notes(n_new: int, n_users: int, targets: Ragged, n_items: int, left_out: int) -> list[str]:
    unknown = int((targets.values >= n_items).sum())
    n_targets = len(targets.values)
    notes: list[str] = [Note("notes.unseen.new", events=n_new, users=n_users, targets=n_targets)]
    if unknown:
        share = unknown / n_targets
        notes.append(Note("notes.unseen.misses", unknown=unknown, targets=n_targets, share=share))
    if left_out:
        notes.append(Note("notes.unseen.left_out", events=left_out))
    return notes


def _write_notes_of_kinds(read: Int8s) -> list[str]:
    """Notes on events of histories whose kind the bundle has not learned."""
    other, none = int((read == _AS_ANOTHER).sum()), int((read == _NOT_READ).sum())
    notes: list[str] = []
    if other:
        notes.append(Note("notes.unseen.other_kinds", events=other))
    if none:
        notes.append(Note("notes.unseen.negative_kinds", events=none))
    return notes
