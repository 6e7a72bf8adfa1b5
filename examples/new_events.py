"""Update a fitted recommender with new events, new users and cold items: `python examples/new_events.py`."""

from __future__ import annotations

import polars as pl

import penchant
from penchant.simulator import SimulatorOptions, simulate

shop = simulate(SimulatorOptions(users=120, items=120, events=2_000))
data = penchant.Dataset.from_tables(shop.events, shop.items, shop.users)
small = {"transformer.epochs": 1, "transformer.dim": 16, "transformer.layers": 1}
rec = penchant.Recommender.fit(data, penchant.Config(model="lite").with_settings(small))

user = data.user_vocabulary.decode([0])[0]
print("before:", next(iter(rec.recommend(users=user, k=3)))[1])

liked = rec.recommend(users=user, k=1).table()["item_id"][0]
now = rec.record.trained_until_s + 60
fresh = pl.DataFrame({"user_id": [user, "new user"], "item_id": [liked, liked], "timestamp": [now, now + 5]})
cold_item = pl.DataFrame({"item_id": ["cold item"], "title": ["An item without events"]})
updated = rec.update(penchant.Dataset.from_tables(fresh, cold_item))

print("new in the update:", updated.record.updates[-1].new)
print("after: ", next(iter(updated.recommend(users=user, k=3)))[1])
assert "cold item" in updated.recommend(users="new user", k=updated.dataset.n_items).table()["item_id"].to_list()
