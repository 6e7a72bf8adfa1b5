"""Write one split as tables for peers, and evaluate the lists that they return."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from penchant.data.dataset import Dataset
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Split, split
from penchant.metrics.ranking import ndcg


class LeaveOneOut:
    """Leave-one-out: each user's last event is the test, the one before it the validation. Ties are stable."""

    def __init__(self, data: Path) -> None:
        self.data = data

    @cached_property
    def cut(self) -> Split:
        return split(Dataset.load(self.data), "leave-one-out")

    def write(self, folder: Path) -> None:
        """Write the tables of `peers/_exchange.py`: codes of users and items, and positions in the history."""
        np.save(folder / "train.npy", _table(self.cut.train.sequences()))
        np.save(folder / "known.npy", _table(self.cut.test.histories))

    def judged(self, lists: Path) -> float:
        """NDCG@10 of a peer's lists. Stops if a user is missing or duplicated, or if a list holds a seen item."""
        holdout = self.cut.test
        row = np.full(self.cut.dataset.n_users, -1, dtype=np.int64)
        row[holdout.histories.users] = np.arange(len(holdout))
        users, ranks, items = np.load(lists).T
        rows, ranks = row[users], ranks - 1
        ranked = np.full((len(holdout), 10), -1, dtype=np.int32)
        ranked[rows, ranks] = items
        pairs = rows * self.cut.dataset.n_items
        seen = holdout.seen.rows * self.cut.dataset.n_items + holdout.seen.values
        if (rows < 0).any() or len(np.unique(rows)) != len(holdout) or len(np.unique(pairs + ranks)) != len(rows):
            raise SystemExit(f"{lists.name} does not hold one list for each of {len(holdout):,} users.")
        if np.isin(pairs + items, seen).any():
            raise SystemExit(f"{lists.name} recommends items that a user has seen.")
        return float(np.nanmean(ndcg(ranked, holdout.targets, 10)))


def _table(batch: SequenceBatch) -> npt.NDArray[np.int64]:
    place = np.arange(batch.n_events) - np.repeat(batch.offsets[:-1], batch.lengths)
    return np.stack([batch.users[batch.rows], batch.items, place], axis=1).astype(np.int64)


def work(lengths: npt.NDArray[np.int64], n_items: int, *, dim: int = 64, layers: int = 2, per_block: int = 26) -> float:
    """Floating-point operations (in 10^9) that an epoch needs on its real events, forward and backward.

    Forward pass, one input event: the matrix products of a block take `per_block` · dim². A gated block takes 26: 8 for
    query, key, value and gate, 2 for the output projection, 16 for a feed-forward layer of width 4 · dim. A block of
    SASRec and RecTools takes 12: 6, 2 and 4 for a feed-forward layer of width dim. Attention takes 4 · dim per attended
    event, the output layer 2 · items · dim. The backward pass takes twice as much.
    `lengths`: events of each window; the last one is a target only.
    """
    inputs = lengths.astype(np.float64) - 1
    looked_at = (inputs * (inputs + 1) / 2).sum()
    blocks = layers * (inputs.sum() * per_block * dim**2 + looked_at * 4 * dim)
    return float(3 * (blocks + inputs.sum() * 2 * n_items * dim) / 1e9)
