"""Parts of a test that a mean hides: new users, cold items, head and tail, short and long histories.

A slice is the targets that belong to it, one row a tested user: a user without any has an empty row, and counts
nowhere. Metrics of a slice are those of the same ranked lists against these targets alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from penchant.data.ragged import Ragged
from penchant.data.splits import Holdout
from penchant.evaluation.background import Background

HISTORY_LENGTHS = (1, 5, 20, 50, 200)
"""Where a bucket of history lengths begins."""


def slices(holdout: Holdout, facts: Background) -> dict[str, Ragged]:
    """Targets of each slice that is not empty.

    `users: warm` / `cold`: with / without an event in the training part. `items: warm` / `cold`: the same for the
    target. `items: head` / `tail`: warm targets among the items that hold 80 % of the training events, or not.
    `history: 5-19` and so on: events known when the recommendation is asked for.
    """
    kept = {name: _keep(holdout.targets, mask) for name, mask in _masks(holdout, facts)}
    return {name: targets for name, targets in kept.items() if len(targets.values)}


def _masks(holdout: Holdout, facts: Background) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Name of each slice and which target values belong to it."""
    rows, items = holdout.targets.rows, holdout.targets.values
    users = holdout.histories.users
    known = (users >= 0) & (users < len(facts.user_events))
    warm_user = known & (facts.user_events[np.where(known, users, 0)] > 0) if len(facts.user_events) else known
    yield "users: warm", warm_user[rows]
    yield "users: cold", ~warm_user[rows]
    listed = (items >= 0) & (items < facts.n_items)
    codes = np.where(listed, items, 0)
    warm_item = listed & (facts.item_events[codes] > 0)
    head = warm_item & facts.head[codes]
    yield "items: warm", warm_item
    yield "items: cold", ~warm_item
    yield "items: head", head
    yield "items: tail", warm_item & ~head
    lengths = holdout.histories.lengths[rows]
    for start, stop in zip(HISTORY_LENGTHS, (*HISTORY_LENGTHS[1:], None), strict=True):
        name = f"history: {start}-{stop - 1}" if stop else f"history: {start}+"
        yield name, (lengths >= start) & (lengths < stop if stop else True)


def _keep(targets: Ragged, mask: npt.NDArray[np.bool_]) -> Ragged:
    """The targets where `mask` holds; every row stays, maybe empty."""
    return Ragged.group(targets.rows[mask], targets.values[mask], len(targets))
