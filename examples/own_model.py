"""A model of your own, held to the contract and compared with ours: `python examples/own_model.py`."""

from __future__ import annotations

import numpy as np

import penchant
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.evaluation.background import measure_background
from penchant.evaluation.backtest import evaluate_ranking
from penchant.models.base import ModelState, Scores
from penchant.simulator import SimulatorOptions, simulate
from penchant.testing.models import check_model


class LastSeenWith:
    """score(j) = how many people have j beside the last item of the history."""

    name = "last_seen_with"

    def __init__(self) -> None:
        self.together: np.ndarray | None = None

    def fit(self, data: TrainingData) -> None:
        """Count pairs of items that one person touched."""
        touched = np.zeros((len(data.sequences), data.n_items), dtype=np.float32)
        known = data.sequences.items >= 0
        touched[data.sequences.rows[known], data.sequences.items[known]] = 1.0
        self.together = touched.T @ touched

    def score(self, histories: SequenceBatch) -> Scores:
        """A row of counts for each history; zeros for an empty one."""
        together = self.fitted()
        out = np.zeros((len(histories), len(together)), dtype=np.float32)
        last = histories.padded_items(1)[:, 0]
        out[last >= 0] = together[last[last >= 0]]
        return out

    def state(self) -> ModelState:
        """What was learned."""
        return ModelState({"together": self.fitted()})

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self.together = np.asarray(state.tensors["together"])

    def fitted(self) -> np.ndarray:
        """The counts; raises where there are none yet."""
        if self.together is None:
            raise ModelError("There are no counts yet.", remedy="Call fit first.")
        return self.together


check_model(LastSeenWith)
print("the contract holds")

shop = simulate(SimulatorOptions(users=300, items=120, events=6_000))
data = penchant.Dataset.from_tables(shop.events, shop.items)
parts = penchant.split(data, "time")
for name in ("popularity", "cooccurrence", "own"):
    rec = penchant.Recommender.fit(parts.train, penchant.Config(model="popularity" if name == "own" else name))
    if name == "own":
        mine = LastSeenWith()
        mine.fit(TrainingData(parts.train.sequences(), data.n_items, data.kinds.ids.to_list(), 0))
        rec = rec.with_model(mine)
    found = evaluate_ranking(rec, parts.test, ks=(10,), background=measure_background(parts.train, rec.modalities))
    print(f"{name:12} NDCG@10 {found.mean('ndcg@10'):.4f} over {len(parts.test)} people")
