"""Modalities: the vectors of items, events or users from one encoder, with a presence mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from penchant.arrays import Bools, Float32s, Ints
from penchant.errors import DataError

_BLOCK = 256


@dataclass(frozen=True)
class Modality:
    """Vectors of one modality: `vectors` `[N, D]` float32, `present` `[N]` bool (absent rows are zero).

    `encoder` identifies their encoder (name, revision, options), for the bundle and the cache.
    """

    vectors: Float32s
    present: Bools
    encoder: str = ""

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.present.shape != self.vectors.shape[:1]:
            raise DataError(
                f"A modality needs vectors [N, D] and present [N], got {self.vectors.shape}, {self.present.shape}."
            )
        finite = _mask_finite(self.vectors)
        if not finite.all():
            row = int(np.flatnonzero(~finite)[0])
            raise DataError(
                f"Vectors of {self.encoder or 'a modality'} are not finite in {int((~finite).sum())} rows "
                f"(first: row {row}).",
                remedy="Correct or leave out these rows (present = False) before they enter a model.",
            )

    def __len__(self) -> int:
        return len(self.present)

    @property
    def dim(self) -> int:
        """Length D of one vector."""
        return int(self.vectors.shape[1])

    @property
    def coverage(self) -> float:
        """Share of rows that have this modality, 0 to 1."""
        return float(self.present.mean()) if len(self) else 0.0

    def take(self, rows: Ints) -> Modality:
        """Some rows, in the given order."""
        return Modality(self.vectors[rows], self.present[rows], self.encoder)

    def unit(self) -> Modality:
        """The same with rows of Euclidean length 1 (absent rows stay zero)."""
        norms = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return Modality((self.vectors / np.maximum(norms, 1e-12)).astype(np.float32), self.present, self.encoder)


@dataclass(frozen=True)
class Modalities(Mapping[str, Modality]):
    """The modalities of N rows by modality (`text`, `image`, `audio`, `behaviour`, `attributes`)."""

    by_modality: Mapping[str, Modality] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes = {name: len(modality) for name, modality in self.by_modality.items()}
        if len(set(sizes.values())) > 1:
            raise DataError(f"Modalities of different lengths cannot be combined: {sizes}.")

    def __getitem__(self, modality: str) -> Modality:
        return self.by_modality[modality]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_modality)

    def __len__(self) -> int:
        return len(self.by_modality)

    def take(self, rows: Ints) -> Modalities:
        """Some rows of every modality."""
        return Modalities({name: modality.take(rows) for name, modality in self.by_modality.items()})

    def with_modality(self, name: str, modality: Modality) -> Modalities:
        """These modalities with one added or replaced."""
        return Modalities({**self.by_modality, name: modality})


def _mask_finite(vectors: Float32s) -> Bools:
    """Which rows are finite, `[N]`. In blocks: a mask of all numbers would take a quarter of their memory."""
    out = np.empty(len(vectors), dtype=bool)
    for start in range(0, len(vectors), _BLOCK):
        out[start : start + _BLOCK] = np.isfinite(vectors[start : start + _BLOCK]).all(axis=1)
    return out
