"""Slices of a test: cold users, cold items, head and tail, short and long histories.

A slice has the targets that belong to it, one row per tested user. A user without such a target has an empty row and
does not count. The metrics of a slice measure the same ranked lists against these targets alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from penchant.arrays import Bools
from penchant.data.ragged import Ragged
from penchant.data.splits import Holdout
from penchant.evaluation.background import Background

HISTORY_LENGTHS = (1, 5, 20, 50, 200)
"""The shortest history of each history-length bucket."""


def slice_targets(holdout: Holdout, background: Background) -> dict[str, Ragged]:
    """Targets of each slice that is not empty.

    `users: warm` / `cold`: with / without an event in the training part. `items: warm` / `cold`: the same for the
    target. `items: head` / `tail`: warm targets among the items that hold 80 % of the training events, or not.
    `history: 5-19` and so on: the number of events at the time of the request.
    """
    kept = {name: _select(holdout.targets, mask) for name, mask in _iterate_masks(holdout, background)}
    return {name: targets for name, targets in kept.items() if len(targets.values)}


def _iterate_masks(holdout: Holdout, background: Background) -> Iterator[tuple[str, Bools]]:
    """Yield the name of each slice and a mask of the targets that belong to it."""
    rows, items = holdout.targets.rows, holdout.targets.values
    users = holdout.histories.users
    known = (users >= 0) & (users < len(background.user_events))
    warm_user = (
        known & (background.user_events[np.where(known, users, 0)] > 0) if len(background.user_events) else known
    )
    yield "users: warm", warm_user[rows]
    yield "users: cold", ~warm_user[rows]
    listed = (items >= 0) & (items < background.n_items)
    codes = np.where(listed, items, 0)
    warm_item = listed & (background.item_events[codes] > 0)
    head = warm_item & background.head[codes]
    yield "items: warm", warm_item
    yield "items: cold", ~warm_item
    yield "items: head", head
    yield "items: tail", warm_item & ~head
    lengths = holdout.histories.lengths[rows]
    for start, stop in zip(HISTORY_LENGTHS, (*HISTORY_LENGTHS[1:], None), strict=True):
        name = f"history: {start}-{stop - 1}" if stop else f"history: {start}+"
        yield name, (lengths >= start) & (lengths < stop if stop else True)


def _select(targets: Ragged, mask: Bools) -> Ragged:
    """The targets under `mask`; every row stays, even if it is empty."""
    return Ragged.group(targets.rows[mask], targets.values[mask], len(targets))
