"""From one encoder to another: how far the neighbours of items moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.data.modalities import Modality
from penchant.encoders.similarity import find_nearest_rows
from penchant.errors import DataError, UsageError


@dataclass(frozen=True)
class Migration:
    """Two modalities of the same N rows compared.

    `overlap`: the mean share of the `k` nearest neighbours by the old vectors that are so by the new ones as well, 0 to
    1, over `sampled` of the `rows` that have both; `chance`: what vectors drawn at random would share. `gained` and
    `lost`: rows that only the new or only the old modality has. `moved`: the rows that kept fewest, worst first.
    """

    old_encoder: str
    new_encoder: str
    k: int
    rows: int
    sampled: int
    overlap: float
    chance: float
    gained: int
    lost: int
    moved: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """In plain words, for the report."""
        told = (
            f"Of the {self.k} nearest neighbours by the old vectors ({self.old_encoder}), {self.overlap:.0%} are so by "
            f"the new ones (chance: {self.chance:.1%}), over {self.sampled:,} of {self.rows:,} items that have both"
        )
        return f"{told}; {self.gained:,} items gained a vector, {self.lost:,} lost theirs."


def compare_neighbours(old: Modality, new: Modality, *, k: int = 10, sample: int = 2_000, seed: int = 0) -> Migration:
    """Compare two modalities of the same rows; neighbours are looked for among the rows that both have.

    Raises `DataError` where fewer than two rows have both, `UsageError` where k is not a number of neighbours.
    """
    if k < 1:
        raise UsageError(f"k={k} is not a number of neighbours.", remedy="Give k of 1 or more.")
    if len(old) != len(new):
        raise DataError(f"Two modalities of {len(old):,} and {len(new):,} rows cannot be compared.")
    both = np.flatnonzero(old.present & new.present)
    if len(both) < 2:
        raise DataError(
            f"Only {len(both)} items have an old and a new vector: there are no neighbours to compare.",
            remedy="Give a file that was encoded from these items.",
        )
    kept = min(k, len(both) - 1)
    asked = np.arange(len(both))
    if len(asked) > sample:
        asked = np.sort(np.random.default_rng(seed).choice(len(both), sample, replace=False))
    before, after = (find_nearest_rows(modality.take(both), kept, of=asked) for modality in (old, new))
    place = np.arange(len(asked))[:, None] * len(both)
    same = np.isin(before + place, after + place).mean(axis=1)
    worst = asked[np.argsort(same, kind="stable")[:10]]
    return Migration(
        old_encoder=old.encoder.split(" ", 1)[0],
        new_encoder=new.encoder.split(" ", 1)[0],
        k=kept,
        rows=len(both),
        sampled=len(asked),
        overlap=float(same.mean()),
        chance=kept / (len(both) - 1),
        gained=int((new.present & ~old.present).sum()),
        lost=int((old.present & ~new.present).sum()),
        moved=tuple(int(row) for row in both[worst]),
    )
