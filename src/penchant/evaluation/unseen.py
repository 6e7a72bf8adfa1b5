"""Which events of some data a bundle has not seen, and a hold-out made of them: it never tests what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.arrays import Bools
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import match_kinds
from penchant.data.kinds import mask_wanted_kinds, match_kind_codes
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout, Target

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender

_NEW, _WANTED, _ORIGIN, _READ = "__new", "__wanted", "__origin", "__read"
_AS_ANOTHER, _NOT_READ = 1, 2


@dataclass(frozen=True)
class Unseen:
    """`holdout` asks for new events only. `dataset` joins what the bundle knows and the data, items by the bundle's
    codes (an unknown item has a code beyond them); `learned` is its part without new events and unknown items."""

    holdout: Holdout
    dataset: Dataset
    learned: Dataset
    notes: Sequence[str]

    @property
    def new(self) -> Bools:
        """Which events `[E]` of `dataset` the bundle has not seen."""
        return np.asarray(self.dataset.events[_NEW].to_numpy(), dtype=np.bool_)

    @property
    def read(self) -> Bools:
        """Which events `[E]` of `dataset` are of a kind that the bundle understands."""
        return np.asarray(self.dataset.events[_READ].to_numpy() != _NOT_READ, dtype=np.bool_)


def unseen(
    recommender: Recommender, data: Dataset, *, target: Target = "first", repeats: bool = False
) -> Unseen | None:
    """The hold-out of events that a recommender has not seen; None where there is nobody to test.

    An event is seen if it is among the histories kept with the recommender (same user, item and time). Where those
    are not complete (a bundle written without them), every event up to `record.trained_until_s` counts as seen.
    A target that the recommender does not know is a miss, and the notes say how many there are. Kinds that it has not
    learned are read as in an ad-hoc history (`penchant.data.ingest.ad_hoc_history.understood_kinds`), and counted too.
    """
    joined = _joined(recommender, data)
    new = joined.events[_NEW].to_numpy()
    n_items = recommender.dataset.n_items
    whole = joined.sequences()
    read = joined.events[_READ].to_numpy()
    users, known = whole.rows, (whole.items < n_items) & (read != _NOT_READ)
    targets = new & _possible(joined, whole, repeats) & _has_history(whole, known)
    if target == "first":
        targets &= np.arange(len(users)) == _first(targets, users, len(whole))[users]
    elif target == "last":
        targets &= np.arange(len(users)) == _last(targets, users, len(whole))[users]
    start = _first(targets, users, len(whole))
    earlier = np.arange(len(users)) < start[users]
    history = earlier & known
    asked = np.flatnonzero(start < len(users))
    if not len(asked):
        return None
    row = np.full(len(whole), -1, dtype=np.int64)
    row[asked] = np.arange(len(asked))
    chosen = np.flatnonzero(targets & (row[users] >= 0))
    histories = whole.keep(history).take(asked).at(whole.times_s[start[asked]])
    wanted = Ragged.group(row[users[chosen]], whole.items[chosen], len(asked)).unique()
    seen = Ragged.empty(len(asked)) if repeats else histories.history_items.unique()
    learned = joined.where(~new & known)
    of_asked = earlier & (row[users] >= 0)
    left_out = int((of_asked & (whole.items >= n_items)).sum())
    notes = _notes(int(new.sum()), len(asked), wanted, n_items, left_out)
    notes += _notes_of_kinds(read[of_asked & (whole.items < n_items)])
    return Unseen(Holdout(histories, wanted, seen), joined, learned, notes)


def _joined(recommender: Recommender, data: Dataset) -> Dataset:
    """What the recommender knows and what the data add, in one log; `__new` marks events it has not seen, `__read`
    says how kinds that it has not learned are read (`_AS_ANOTHER`, `_NOT_READ`)."""
    known = recommender.dataset
    users = data.user_vocabulary.extend(known.user_vocabulary.ids)
    items = known.item_vocabulary.encode(data.item_vocabulary.ids).astype(np.int64)
    items = np.where(items >= 0, items, known.n_items + np.arange(len(items)))
    kinds, understood = match_kinds(known.kinds, data.kinds)
    found = match_kind_codes(known.kinds.ids.to_list(), data.kinds.ids.to_list())
    how = np.where(~understood, _NOT_READ, np.where(found < 0, _AS_ANOTHER, 0))
    ours = data.events.with_columns(
        _wanted(data), _recoded(data.events, schema.KIND, how, pl.Int8).alias(_READ)
    ).with_columns(
        _recoded(data.events, schema.ITEM, items, pl.Int32), _recoded(data.events, schema.KIND, kinds, pl.Int16)
    )
    codes = users.encode(known.user_vocabulary.ids)
    theirs = known.events.with_columns(_wanted(known), _recoded(known.events, schema.USER, codes, pl.Int32))
    keys = [schema.USER, schema.ITEM, schema.TIME_S]
    added = ours.join(theirs.select(keys).unique(), on=keys, how="anti", nulls_equal=True, maintain_order="left")
    complete = known.n_events > 0 and known.n_events >= recommender.record.events
    after = (pl.col(schema.TIME_S) > recommender.record.trained_until_s).fill_null(False)
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


def _recoded(frame: pl.DataFrame, column: str, codes: npt.NDArray[np.integer], dtype: type[pl.DataType]) -> pl.Series:
    """A column of codes through a table of new codes; null stays null."""
    if not len(codes):
        return frame[column].cast(dtype)
    old = frame[column]
    new = pl.Series(column, codes[old.fill_null(0).to_numpy()], dtype=dtype)
    return new.set(old.is_null(), None) if old.null_count() else new


def _wanted(data: Dataset) -> pl.Series:
    """Which events are of a kind that the user wanted (by the names in their own data)."""
    names = mask_wanted_kinds(data.kinds.ids.to_list())
    kinds = data.events[schema.KIND].to_numpy()
    return pl.Series(_WANTED, names[kinds] if len(kinds) else np.empty(0, dtype=np.bool_), dtype=pl.Boolean)


def _has_history(whole: SequenceBatch, known: Bools) -> Bools:
    """Events with something earlier of the same user that the recommender can read."""
    before: npt.NDArray[np.int64] = np.cumsum(known) - known
    return np.asarray(before > np.repeat(before[np.minimum(whole.offsets[:-1], len(before) - 1)], whole.lengths))


def _possible(data: Dataset, whole: SequenceBatch, repeats: bool) -> Bools:
    """Events that may be targets: with an item, of a kind that the user wanted, and new to the user unless repeats."""
    possible = (whole.items >= 0) & data.events[_WANTED].to_numpy()
    if not repeats:
        keys = whole.rows * (int(whole.items.max(initial=0)) + 2) + whole.items
        first = np.zeros(whole.n_events, dtype=np.bool_)
        first[np.unique(keys, return_index=True)[1]] = True
        possible &= first
    return np.asarray(possible, dtype=np.bool_)


def _first(mask: Bools, users: npt.NDArray[np.int64], n_users: int) -> npt.NDArray[np.int64]:
    out = np.full(n_users, len(users), dtype=np.int64)
    chosen = np.flatnonzero(mask)[::-1]
    out[users[chosen]] = chosen
    return out


def _last(mask: Bools, users: npt.NDArray[np.int64], n_users: int) -> npt.NDArray[np.int64]:
    out = np.full(n_users, -1, dtype=np.int64)
    chosen = np.flatnonzero(mask)
    out[users[chosen]] = chosen
    return out


def _notes(n_new: int, n_users: int, targets: Ragged, n_items: int, left_out: int) -> list[str]:
    unknown = int((targets.values >= n_items).sum())
    notes = [
        f"The data hold {n_new:,} events that the bundle has not seen;"
        f" {n_users:,} users were tested on {len(targets.values):,} of them."
    ]
    if unknown:
        share = unknown / len(targets.values)
        notes.append(
            f"{unknown:,} of {len(targets.values):,} targets ({share:.1%}) are items unknown to the bundle: misses."
        )
    if left_out:
        notes.append(f"{left_out:,} events of histories on items unknown to the bundle were left out.")
    return notes


def _notes_of_kinds(read: npt.NDArray[np.int8]) -> list[str]:
    """What became of the events of histories whose kind the bundle has not learned."""
    other, none = int((read == _AS_ANOTHER).sum()), int((read == _NOT_READ).sum())
    notes = []
    if other:
        notes.append(
            f"{other:,} events of histories are of kinds that the bundle has not learned: read as modalities (or as its"
            " first kind)."
        )
    if none:
        notes.append(
            f"{none:,} events of histories were left out: their kind says 'not this' (or 'was shown') in a word that"
            " the bundle has not learned."
        )
    return notes
