"""k-core filtering: keep events whose user and item both have a minimum number of events."""

from __future__ import annotations

import numpy as np

from penchant.cleaning.finding import Finding, decode_events
from penchant.data import schema
from penchant.data.dataset import Dataset


def find_outside_core(dataset: Dataset, *, users: int = 5, items: int = 5) -> Finding:
    """Flag the events outside the core in which every user has `users` and every item has `items` events or more.

    Events without an item count for their user and leave with the user only. The core is unique (Seidman 1983,
    "Network structure and minimum degree"). Users and items stay in their tables.
    """
    user = dataset.events[schema.USER].to_numpy()
    item = dataset.events[schema.ITEM].fill_null(-1).to_numpy()
    keep = np.ones(len(user), dtype=bool)
    while True:  # each pass drops the events that the pass before left below a minimum
        few_users = np.bincount(user[keep], minlength=dataset.n_users) < users
        of_item = keep & (item >= 0)
        few_items = np.append(np.bincount(item[of_item], minlength=dataset.n_items) < items, False)
        drop = keep & (few_users[user] | few_items[item])
        if not drop.any():
            break
        keep &= ~drop
    rows = np.flatnonzero(~keep)
    reason = f"outside the core of {users} events per user and {items} per item"
    return Finding("k_core", schema.EVENTS, reason, rows, decode_events(dataset, rows))
