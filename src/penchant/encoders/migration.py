"""Migration from one encoder to another: the share of nearest neighbours that stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.data.modalities import Modality
from penchant.encoders.similarity import find_nearest_rows
from penchant.errors import DataError, UsageError


@dataclass(frozen=True)
class Migration:
    """A comparison of two modalities of the same N rows.

    `overlap` is the mean share of the `k` nearest neighbours by the old vectors that are also nearest neighbours by the
    new ones, 0 to 1, over `sampled` of the `rows` with both vectors; `chance` is that share for random vectors. Only
    the new modality has `gained` rows, only the old one `lost` rows. `moved` are the rows with the least overlap, worst
    first.
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
        """The comparison as a sentence, for the report."""
        return (
            f"{self.overlap:.0%} of the {self.k} nearest neighbours by the old vectors ({self.old_encoder}) stay with "
            f"the new (chance: {self.chance:.1%}), over {self.sampled:,} of {self.rows:,} items with both vectors; "
            f"{self.gained:,} items gained a vector, {self.lost:,} lost it."
        )


def compare_neighbours(old: Modality, new: Modality, *, k: int = 10, sample: int = 2_000, seed: int = 0) -> Migration:
    """Compare two modalities of the same rows; neighbours are searched among the rows with both vectors.

    Raises `DataError` if fewer than two rows have both vectors, `UsageError` for k below 1.
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
    n_neighbours = min(k, len(both) - 1)
    sampled = np.arange(len(both))
    if len(sampled) > sample:
        sampled = np.sort(np.random.default_rng(seed).choice(len(both), sample, replace=False))
    before, after = (find_nearest_rows(modality.take(both), n_neighbours, of=sampled) for modality in (old, new))
    # row numbers are shifted by row · N, so that one `isin` compares every row with itself alone
    offset = np.arange(len(sampled))[:, None] * len(both)
    same = np.isin(before + offset, after + offset).mean(axis=1)
    worst = sampled[np.argsort(same, kind="stable")[:10]]
    return Migration(
        old_encoder=old.encoder.split(" ", 1)[0],
        new_encoder=new.encoder.split(" ", 1)[0],
        k=n_neighbours,
        rows=len(both),
        sampled=len(sampled),
        overlap=float(same.mean()),
        chance=n_neighbours / (len(both) - 1),
        gained=int((new.present & ~old.present).sum()),
        lost=int((old.present & ~new.present).sum()),
        moved=tuple(int(row) for row in both[worst]),
    )
