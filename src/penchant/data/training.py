"""The training data of a model: packed histories, modalities, and held-out targets for selection."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from penchant.arrays import Progress
from penchant.data.modalities import Modalities
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch


@dataclass(frozen=True)
class Validation:
    """Held-out targets that choose epochs and weights; never the test.

    `histories` `[B]` are the events known at the request, `targets` `[B]` the items to find, `seen` `[B]` the items
    left out of the ranking.
    """

    histories: SequenceBatch
    targets: Ragged
    seen: Ragged


@dataclass(frozen=True)
class TrainingData:
    """The training data of a model.

    `sequences`: the training history of every user (row = user code). `modalities`: item modalities, rows = item codes.
    `now_s`: the end of the training period, UTC seconds.
    `kinds`: names of event kinds, by code. `items`: the catalogue's table (row = item code), for models that read it.
    """

    sequences: SequenceBatch
    n_items: int
    kinds: list[str]
    now_s: int
    modalities: Modalities = field(default_factory=Modalities)
    validation: Validation | None = None
    seed: int = 0
    progress: Progress | None = None
    """Called with a message and the share done, 0 to 1."""
    items: pl.DataFrame | None = None
