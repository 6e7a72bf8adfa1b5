"""Scores of items without events, foretold from the scores of items that look like them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.linalg

Scores = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Seen = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]
"""Vectors `[N, D]` and present `[N]` of one view."""

SHARPNESS = 3.0
"""γ of the kernel: how fast likeness ends as the angle between two items' vectors grows."""
NOISE = 1.0
"""λ: what is said of an item with many events is trusted so far; of one with few events, less."""
DOUBT = 0.5
"""An item with the median number of events has so much more noise than one with countless events."""
LANDMARKS = 4000
"""Known items that new ones are compared with, those with the most events: an n³ / 3 solve (2 CPU seconds)."""
NUMBERS = 50_000_000
"""Numbers of the mapping at most (200 MB): with very many new items they are compared with fewer known ones."""


@dataclass(frozen=True)
class ContentMapping:
    """Kernel ridge regression from what items look like to what is said of them; see `fit_mapping`.

    `known` `[L]` and `new` `[n]` are item codes, `parts` `[V, L, n]` the share of each of the `views` in the mapping.
    """

    known: npt.NDArray[np.int32]
    new: npt.NDArray[np.int32]
    views: tuple[str, ...]
    parts: npt.NDArray[np.float32]

    def foretell(self, scores: Scores) -> Scores:
        """What `scores` `[B, N]` would be for the new items, `[B, n]`, less the row's mean over known ones."""
        return np.asarray(self._centred(scores) @ self.parts.sum(axis=0), dtype=np.float32)

    def by_view(self, scores: Scores) -> Mapping[str, Scores]:
        """What each view gives to `foretell`, `[B, n]` by name: they sum to it."""
        centred = self._centred(scores)
        return {name: centred @ part for name, part in zip(self.views, self.parts, strict=True)}

    def without(self, views: AbstractSet[str]) -> ContentMapping | None:
        """The mapping blind to some views; None where no other is left."""
        kept = [place for place, name in enumerate(self.views) if name not in views]
        if not kept:
            return None
        return replace(self, views=tuple(self.views[place] for place in kept), parts=self.parts[kept])

    def _centred(self, scores: Scores) -> Scores:
        own = scores[:, self.known]
        return np.asarray(own - own.mean(axis=1, keepdims=True), dtype=np.float32)


def fit_mapping(views: Mapping[str, Seen], events: npt.NDArray[np.integer]) -> ContentMapping | None:
    """The mapping of items with events to those without, from their contents; None where either has none.

    ŝ(u, new) = Σ_known s(u, known) · [(K + Λ)⁻¹ k_new](known),  K = mean over views of exp(γ (cos − 1)),
    Λ = λ (1 + ½ median / events) on the diagonal.

    Scores are linear in the mapping, so whatever experts give to a known item passes on to the new ones that look like
    it, split by expert and by view. Choose it over scoring new items by their likeness to the history: on a tenth of
    MovieLens-1M's films it ranks new ones among each other more than three times as well, since the scores of known
    items hold order, people and popularity (`benchmarks/cold_items.py`). Mapping attributes to what a model learned of
    items: Gantner et al., ICDM 2010; kernel ridge regression: Saunders et al., ICML 1998. `events` `[N]` counts each
    item's events. Costs L² (D + L / 3) once, B · L · n a call.
    """
    names = tuple(views)
    described = np.zeros(len(events), dtype=np.bool_)
    for _, present in views.values():
        described |= present
    known, new = np.flatnonzero((events > 0) & described), np.flatnonzero((events == 0) & described)
    if not len(known) or not len(new):
        return None
    most = max(1, min(LANDMARKS, NUMBERS // (len(names) * len(new))))
    known = np.sort(known[np.argsort(-events[known], kind="stable")[:most]])
    among: Floats = np.zeros((len(known), len(known)))
    across: list[npt.NDArray[np.float32]] = []
    for name in names:
        near, far = _centred(*views[name], known, new)
        among += _kernel(near, near) / len(names)
        across.append((_kernel(near, far) / len(names)).astype(np.float32))
    counts = events[known].astype(np.float64)
    among[np.diag_indices(len(known))] += NOISE * (1.0 + DOUBT * np.median(counts) / counts)
    factor = scipy.linalg.cho_factor(among, overwrite_a=True, check_finite=False)
    parts = np.stack([scipy.linalg.cho_solve(factor, part, check_finite=False) for part in across]).astype(np.float32)
    return ContentMapping(known.astype(np.int32), new.astype(np.int32), names, parts)


def _centred(
    vectors: npt.NDArray[np.float32],
    present: npt.NDArray[np.bool_],
    known: npt.NDArray[np.integer],
    new: npt.NDArray[np.integer],
) -> tuple[Floats, Floats]:
    """Unit vectors of both groups, less the mean of the known ones first; zeros where the view is not there."""
    there = known[present[known]]
    middle = vectors[there].mean(axis=0) if len(there) else np.zeros(vectors.shape[1], dtype=np.float32)

    def unit(codes: npt.NDArray[np.integer]) -> Floats:
        moved = np.asarray(vectors[codes] - middle, dtype=np.float64)
        moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
        return np.asarray(moved * present[codes][:, None])

    return unit(known), unit(new)


def _kernel(one: Floats, other: Floats) -> Floats:
    """exp(γ (cos − 1)), and 0 where one of the two has nothing to compare: positive definite either way."""
    there = np.any(one != 0, axis=1)[:, None] & np.any(other != 0, axis=1)[None]
    return np.asarray(np.exp(SHARPNESS * (one @ other.T - 1.0)) * there)
