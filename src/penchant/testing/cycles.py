"""Data with a known next event, for tests of sequence models."""

from __future__ import annotations

import numpy as np

from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData, Validation


def build_cycles(users: int = 60, length: int = 12, items: int = 10, seed: int = 0) -> TrainingData:
    """Every user walks through the catalogue in a circle, from a random start; the last step is the validation
    target."""
    starts = np.random.default_rng(seed).integers(0, items, users)
    walks = [[(s + n) % items for n in range(length)] for s in starts]
    known = SequenceBatch.of_items([walk[:-1] for walk in walks])
    validation = Validation(known, Ragged.of([walk[-1:] for walk in walks]), Ragged.empty(users))
    return TrainingData(known, items, ["view"], 100, validation=validation, seed=3)
