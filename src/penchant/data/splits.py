"""Splits that hold events out for a test; no training part contains an event of the test.

Four splits: `time` (one cut for all users, the default), `leave-one-out` (to compare with papers), `users` (k-fold by
user) and `cold-items`. Shared rules:

- A target is an event with an item whose kind is neither negative nor passive (`schema.NEGATIVE_KINDS`,
  `schema.PASSIVE_KINDS`). Where `repeats` is off, it is also the user's first event on that item, because the
  ranking leaves out items that the user has seen.
- A history is all events of the user before the (first) target, in the order of time, `seq` and file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int64s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.kinds import mask_wanted_kinds
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.errors import DataError, OptionError, UsageError
from penchant.messages import Note

How = Literal["time", "leave-one-out", "users", "cold-items"]
Target = Literal["first", "last", "all"]
Ties = Literal["stable", "random"]

COLD_SHARE = 0.1
"""Share of the items with events that `cold-items` holds out for the test, and again for the validation."""


@dataclass(frozen=True)
class Holdout:
    """Prediction tasks: `targets` `[B]` after `histories` `[B]`; the ranking leaves out `seen` `[B]`.

    `histories.users` are user codes, `histories.query_times_s` the time of the (first) target, `event_rows` rows of
    `Split.dataset.events`. `candidates` `[N]` says which items may be ranked (None: all).
    """

    histories: SequenceBatch
    targets: Ragged
    seen: Ragged
    candidates: Bools | None = None

    def __len__(self) -> int:
        return len(self.histories)


@dataclass(frozen=True)
class Split:
    """A training part, the same with the validation events, and the two holdouts.

    `dataset` has all events in the order of the split (random ties reorder them); `train` and
    `train_and_validation` share its codes. `notes` describe the split.
    """

    train: Dataset
    train_and_validation: Dataset
    validation: Holdout
    test: Holdout
    name: str
    dataset: Dataset
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Log:
    """The events as flat arrays `[E]`, sorted by user and time; `target` says which may be targets."""

    dataset: Dataset
    batch: SequenceBatch
    users: Int64s
    target: Bools
    repeats: bool

    @property
    def position(self) -> Int64s:
        return np.arange(len(self.users), dtype=np.int64)

    def first(self, mask: Bools) -> Int64s:
        """Position of each user's first event in `mask` `[U]`; E without one."""
        out = np.full(len(self.batch), len(self.users), dtype=np.int64)
        chosen = np.flatnonzero(mask)[::-1]
        out[self.users[chosen]] = chosen
        return out

    def last(self, mask: Bools) -> Int64s:
        """Position of each user's last event in `mask` `[U]`; -1 without one."""
        out = np.full(len(self.batch), -1, dtype=np.int64)
        chosen = np.flatnonzero(mask)
        out[self.users[chosen]] = chosen
        return out


def split(
    dataset: Dataset,
    how: How = "time",
    *,
    target: Target = "first",
    quantile: float = 0.9,
    ties: Ties = "stable",
    repeats: bool = False,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
) -> Split:
    """Cut a dataset into training, validation and test.

    `how`:
      `time`: cut at the `quantile` of event times. Users with history before the cut are tested on their `first`
        event after it, their `last` (with all earlier events as history) or `all`. The validation is cut the same
        way inside the training part.
      `leave-one-out`: test on the last event of each user, validate on the second last; users with three or more.
      `users`: training leaves out the users of fold `fold` of `folds`, who are tested on their last event, and those
        of the next fold, who are the validation.
      `cold-items`: training leaves out a tenth of the items. Users are tested on their first event on one of them,
        ranked among all items. One half of the users validates another tenth in the same way, the other half is
        validated on the last event on a known item.
    `ties`: `stable` keeps the order of `seq` or file among events of one user at one time, `random` shuffles them.
    `repeats`: items of the history may be ranked and be targets (`seen` is empty).

    Raises `OptionError` for an unknown name, `UsageError` for a number out of range, `DataError` if no user is
    left to test. Same `seed`, same split.

    >>> import penchant.data.dataset as d, polars as pl
    >>> log = pl.DataFrame({"user_id": ["a"] * 4, "item_id": list("wxyz"), "timestamp": [1, 2, 3, 4]})
    >>> cut = split(d.Dataset.from_tables(log), "leave-one-out")
    >>> cut.train.n_events, cut.validation.targets.values.tolist(), cut.test.targets.values.tolist()
    (2, [2], [3])
    """
    _check("split", how, How)
    _check("target", target, Target)
    _check("ties", ties, Ties)
    if not 0 < quantile < 1:
        raise UsageError(f"quantile={quantile} is out of range.", remedy="Give a share between 0 and 1, such as 0.9.")
    if folds < 3 or not 0 <= fold < folds:
        raise UsageError(
            f"folds={folds}, fold={fold} is out of range.", remedy="folds must be 3 or more, and fold less than folds."
        )
    notes: list[str] = []
    if ties == "random":
        dataset = shuffle_ties(dataset, seed)
        notes.append(Note("notes.split.shuffled", seed=seed))
    log = _build_log(dataset, repeats)
    if how == "time":
        return _split_by_time(log, target, quantile, notes)
    if how == "leave-one-out":
        return _split_leave_one_out(log, notes)
    if how == "users":
        return _split_by_users(log, folds, fold, seed, notes)
    return _split_cold_items(log, seed, notes)


def shuffle_ties(dataset: Dataset, seed: int) -> Dataset:
    """A copy in which events of one user at one time are in random order (`seq` is rewritten to match)."""
    batch = dataset.sequences()
    noise = np.random.default_rng(seed).random(batch.n_events)
    order = np.lexsort((noise, batch.times_s, batch.rows))
    place = np.arange(batch.n_events) - np.repeat(batch.offsets[:-1], batch.lengths)
    return dataset.with_events(dataset.events[order].with_columns(pl.Series(schema.SEQ, place, dtype=pl.Int64)))


def _check(name: str, value: str, allowed: object) -> None:
    choices = get_args(allowed)
    if value not in choices:
        raise OptionError(name, value, allowed=choices)


def _build_log(dataset: Dataset, repeats: bool) -> _Log:
    batch = dataset.sequences()
    allowed = mask_wanted_kinds(dataset.kinds.ids.to_list())
    target = batch.items >= 0
    if not repeats:
        keys = batch.rows * (dataset.n_items + 1) + batch.items
        first = np.zeros(batch.n_events, dtype=bool)
        first[np.unique(keys, return_index=True)[1]] = True
        target &= first
    if batch.n_events:
        target &= allowed[batch.kinds]
    return _Log(dataset, batch, batch.rows, target, repeats)


def _build_holdout(log: _Log, targets: Bools, known: Bools, what: str) -> Holdout:
    """The holdout with the events in `targets`; the history is the events in `known` before the first target."""
    start = log.first(targets)
    history = known & (log.position < start[log.users])
    counts = np.bincount(log.users[history], minlength=len(log.batch))
    users = np.flatnonzero((start < len(log.users)) & (counts > 0))
    if not len(users):
        raise DataError(
            f"No user is left for the {what}.",
            remedy="A tested user needs an event to predict and one before it: give more data or choose another split.",
        )
    row = np.full(len(log.batch), -1, dtype=np.int64)
    row[users] = np.arange(len(users))
    chosen = np.flatnonzero(targets & (row[log.users] >= 0))
    histories = log.batch.keep(history).take(users).at(log.batch.times_s[start[users]])
    seen = Ragged.empty(len(users)) if log.repeats else histories.history_items.unique()
    wanted = Ragged.group(row[log.users[chosen]], log.batch.items[chosen], len(users))
    return Holdout(histories, wanted.unique() if log.repeats else wanted, seen)


def _build_split(
    log: _Log, train: Bools, both: Bools, validation: Holdout, test: Holdout, name: str, notes: list[str]
) -> Split:
    summary: list[str] = [Note("notes.split.tested", tested=len(test), validated=len(validation))]
    return Split(
        log.dataset.where(train), log.dataset.where(both), validation, test, name, log.dataset, notes + summary
    )


def _split_by_time(log: _Log, target: Target, quantile: float, notes: list[str]) -> Split:
    times = log.batch.times_s
    dated = log.dataset.events[schema.TIME_S].is_not_null().to_numpy()
    placed = np.isin(
        log.users, np.unique(log.users[dated])
    )  # users without any time have no place before or after a cut
    if not placed.any():
        raise DataError("A split by time needs times, and no event has one.", remedy="Use leave-one-out or users.")
    if not placed.all():
        notes.append(Note("notes.split.timeless", events=int((~placed).sum())))

    def at(cut: int, known: Bools, what: str) -> Holdout:
        before = known & (times < cut)
        warm = np.bincount(log.users[before], minlength=len(log.batch)) > 0
        after = known & (times >= cut) & log.target & warm[log.users]
        if target == "first":
            after &= log.position == log.first(after)[log.users]
        elif target == "last":
            after &= log.position == log.last(after)[log.users]
        return _build_holdout(log, after, known, what)

    outer = int(np.quantile(times[placed], quantile, method="lower"))
    both = placed & (times < outer)
    if not both.any():
        raise DataError("A split by time needs events at different times.", remedy="Use leave-one-out or users.")
    inner = int(np.quantile(times[both], quantile, method="lower"))
    train = both & (times < inner)
    notes.append(Note("notes.split.cut", outer=_format_time(outer), quantile=quantile, inner=_format_time(inner)))
    return _build_split(log, train, both, at(inner, both, "validation"), at(outer, placed, "test"), "time", notes)


def _format_time(time_s: int) -> str:
    """A time as text: `2026-05-24 08:28:29 UTC`."""
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _split_leave_one_out(log: _Log, notes: list[str]) -> Split:
    counts = np.bincount(log.users[log.target], minlength=len(log.batch))
    enough = (counts >= 3)[log.users]
    test_at = log.last(log.target & enough)
    test = log.position == test_at[log.users]
    earlier = ~enough | (log.position < test_at[log.users])
    validation_at = log.last(log.target & enough & earlier)
    validation = log.position == validation_at[log.users]
    train = ~enough | (log.position < validation_at[log.users])
    short = int(((counts < 3) & (log.batch.lengths > 0)).sum())
    if short:
        notes.append(Note("notes.split.short", users=short))
    validated_events = _build_holdout(log, validation, earlier, "validation")
    everything = np.ones(len(log.users), dtype=bool)
    return _build_split(
        log, train, earlier, validated_events, _build_holdout(log, test, everything, "test"), "leave-one-out", notes
    )


def _split_by_users(log: _Log, folds: int, fold: int, seed: int, notes: list[str]) -> Split:
    order = np.random.default_rng(seed).permutation(len(log.batch))
    group = np.empty(len(log.batch), dtype=np.int64)
    group[order] = np.arange(len(log.batch)) % folds
    mine = group[log.users]
    everything = np.ones(len(log.users), dtype=bool)

    def ask(number: int, what: str) -> Holdout:
        of_fold = log.target & (mine == number)
        return _build_holdout(log, of_fold & (log.position == log.last(of_fold)[log.users]), everything, what)

    inner = (fold + 1) % folds
    notes.append(Note("notes.split.fold", fold=fold, folds=folds, seed=seed))
    train = (mine != fold) & (mine != inner)
    return _build_split(log, train, mine != fold, ask(inner, "validation"), ask(fold, "test"), "users", notes)


def _split_cold_items(log: _Log, seed: int, notes: list[str]) -> Split:
    active = np.unique(log.batch.items[log.batch.items >= 0])
    size = max(1, round(COLD_SHARE * len(active)))
    if len(active) < 3:
        raise DataError(f"Cold items need three or more items with events, here {len(active)}.")
    chosen = np.random.default_rng(seed).permutation(active)
    tested, validated = np.isin(log.batch.items, chosen[:size]), np.isin(log.batch.items, chosen[size : 2 * size])
    notes += [Note("notes.split.cold", size=size, items=len(active), seed=seed), Note("notes.split.halves")]

    def first_of(cold: Bools) -> Bools:
        targets = log.target & cold
        return np.asarray(targets & (log.position == log.first(targets)[log.users]), dtype=np.bool_)

    everything, half = np.ones(len(log.users), dtype=bool), log.users % 2 == 1
    known = ~tested & ~validated
    last_known = log.last(log.target & known & half)[log.users]
    validated_events = (first_of(validated) & ~half) | (half & (log.position == last_known))
    validation = _build_holdout(log, validated_events, ~tested, "validation")
    test = _build_holdout(log, first_of(tested), everything, "test")
    train = known & ~(half & (last_known >= 0) & (log.position >= last_known))
    return _build_split(log, train, ~tested, validation, test, "cold-items", notes)
