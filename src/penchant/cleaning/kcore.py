"""k-core: only users and items with at least so many events each, until nothing more falls."""

from __future__ import annotations

import numpy as np

from penchant.cleaning.finding import Finding, readable
from penchant.data import schema
from penchant.data.dataset import Dataset


def outside_core(dataset: Dataset, *, users: int = 5, items: int = 5) -> Finding:
    """Find the events outside the core in which every user has `users` and every item has `items` events or more.

    Events without an item count for their user and fall with them only. The core is unique (Seidman 1983, "Network
    structure and minimum degree"). Users and items themselves stay in their tables.
    """
    user = dataset.events[schema.USER].to_numpy()
    item = dataset.events[schema.ITEM].fill_null(-1).to_numpy()
    keep = np.ones(len(user), dtype=bool)
    while True:
        few_users = np.bincount(user[keep], minlength=dataset.n_users) < users
        of_item = keep & (item >= 0)
        few_items = np.append(np.bincount(item[of_item], minlength=dataset.n_items) < items, False)
        fall = keep & (few_users[user] | few_items[item])
        if not fall.any():
            break
        keep &= ~fall
    rows = np.flatnonzero(~keep)
    reason = f"outside the core of {users} events a user and {items} an item"
    return Finding("outside_core", schema.EVENTS, reason, rows, readable(dataset, rows))
