"""From a table of events to lists, interests, reasons and a bundle: `python examples/first_steps.py`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import penchant
from penchant.simulator import SimulatorOptions, simulate

# A simulated platform. Real tables (pandas, polars, Arrow, or a folder) are loaded in the same way.
shop = simulate(SimulatorOptions(users=150, items=120, events=3_000))
data = penchant.Dataset.from_tables(shop.events, shop.items, shop.users)

# The default model, with a network that trains in a few seconds. Without settings: `Recommender.fit(data)`.
small = {"transformer.epochs": 2, "transformer.dim": 16, "transformer.layers": 1}
rec = penchant.Recommender.fit(data, penchant.Config().with_settings(small))

user = data.user_vocabulary.decode([0])[0]
listed = rec.recommend(users=user, k=3).table()
print(listed)

series = rec.interests(user)
print(f"{user}: {series.vectors.shape[0]} events, an interest vector of {series.vectors.shape[1]} numbers after each")

reason = rec.explain(user, listed["item_id"][0])
print("reason:", reason.sentence)
print("by modality:", {name: round(share, 3) for name, share in reason.modalities.items()})

title = data.items["title"][0]
print(f"results for the query “{title}”:", rec.recommend(text=title, k=3).table()["item_id"].to_list())

with TemporaryDirectory() as folder:
    rec.save(Path(folder) / "bundle")
    again = penchant.load(Path(folder) / "bundle")
    assert again.recommend(users=user, k=3).table().equals(listed)
