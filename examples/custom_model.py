"""A custom model, checked against the contract and compared with built-in ones: `python examples/custom_model.py`."""

from __future__ import annotations

import numpy as np

import penchant
from penchant.arrays import Float32s
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.evaluation.background import measure_background
from penchant.evaluation.backtest import evaluate_ranking
from penchant.models.base import ModelState
from penchant.simulator import SimulatorOptions, simulate
from penchant.testing.models import check_model


class LastSeenWith:
    """score(j) = number of users with both j and the last item of the history."""

    name = "last_seen_with"

    def __init__(self) -> None:
        self.pair_counts: np.ndarray | None = None

    def fit(self, data: TrainingData) -> None:
        """Count pairs of items with events of the same user."""
        seen = np.zeros((len(data.sequences), data.n_items), dtype=np.float32)
        known = data.sequences.items >= 0
        seen[data.sequences.rows[known], data.sequences.items[known]] = 1.0
        self.pair_counts = seen.T @ seen

    def score(self, histories: SequenceBatch) -> Float32s:
        """One row of counts per history; zeros for an empty one."""
        pair_counts = self.fitted()
        out = np.zeros((len(histories), len(pair_counts)), dtype=np.float32)
        last = histories.padded_items(1)[:, 0]
        out[last >= 0] = pair_counts[last[last >= 0]]
        return out

    def state(self) -> ModelState:
        """The counts as tensors."""
        return ModelState({"pair_counts": self.fitted()})

    def load_state(self, state: ModelState) -> None:
        """Restore the result of `state`."""
        self.pair_counts = np.asarray(state.tensors["pair_counts"])

    def fitted(self) -> np.ndarray:
        """The counts. Raises `ModelError` before `fit`."""
        if self.pair_counts is None:
            raise ModelError("There are no counts yet.", remedy="Call fit first.")
        return self.pair_counts


check_model(LastSeenWith)
print("the model meets the contract")

shop = simulate(SimulatorOptions(users=300, items=120, events=6_000))
data = penchant.Dataset.from_tables(shop.events, shop.items)
parts = penchant.split(data, "time")
for name in ("popularity", "cooccurrence", "custom"):
    rec = penchant.Recommender.fit(parts.train, penchant.Config(model="popularity" if name == "custom" else name))
    if name == "custom":
        model = LastSeenWith()
        model.fit(TrainingData(parts.train.sequences(), data.n_items, data.kinds.ids.to_list(), 0))
        rec = rec.with_model(model)
    result = evaluate_ranking(rec, parts.test, ks=(10,), background=measure_background(parts.train, rec.modalities))
    print(f"{name:12} NDCG@10 {result.mean('ndcg@10'):.4f} over {len(parts.test)} users")
