"""Scores of items without events, foretold from the scores of items that look like them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.linalg

from penchant.arrays import Bools, Float32s, evenly_spaced

Seen = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]
"""Vectors `[N, D]` and present `[N]` of one modality."""

SHARPNESS = 1.0
"""γ of the kernel: how fast likeness ends as the angle between two items' vectors grows."""
NOISE = 0.3
"""λ: what is said of an item with many events is trusted so far; of one with few events, less."""
DOUBT = 0.5
"""An item with the median number of events has so much more noise than one with countless events."""
ROUNDING = 1e-5
"""What is left of a vector, as a share of it, that is no more than the error of the mean taken from it."""
LANDMARKS = 4000
"""Known items that new ones are compared with, those with the most events: an L³ / 3 factor (2 CPU seconds)."""
NUMBERS = 50_000_000
"""Numbers of the mapping at most (200 MB): with very many new items they are compared with fewer known ones."""
REHEARSED = 1024
"""Known items that are foretold as if they were new, evenly over their codes: what counts is learned on them."""
COMPARED = 128
"""As many of them are foretold for each list, and kept."""


@dataclass(frozen=True)
class ContentMapping:
    """Kernel ridge regression from what items look like to what is said of them; see `fit_mapping`.

    `known` `[L]` and `new` `[n]` are item codes, `parts` `[V, n, L]` the share of each of the `modalities` in the
    mapping. A new item is a row, so that items of one content have one sum to the last bit, however many histories are
    asked for. `rehearsed` `[R]` are codes of known items, `rehearsal` `[V, R, L]` what would map to them if they were
    new.
    """

    known: npt.NDArray[np.int32]
    new: npt.NDArray[np.int32]
    modalities: tuple[str, ...]
    parts: npt.NDArray[np.float32]
    rehearsed: npt.NDArray[np.int32]
    rehearsal: npt.NDArray[np.float32]

    def foretell(self, scores: Float32s) -> Float32s:
        """What `scores` `[B, N]` would be for the new items, `[B, n]`, less the row's mean over known ones."""
        return np.asarray(self._centred(scores) @ self._whole.T, dtype=np.float32)

    def rehearse(self, scores: Float32s) -> Float32s:
        """`foretell` for the `rehearsed` known items, `[B, R]`, from all others: their own scores have no say."""
        return np.asarray(self._centred(scores) @ self._as_new.T, dtype=np.float32)

    def peers(self, scores: Float32s) -> Float32s:
        """`rehearse` for the `compared` items alone, `[B, at most COMPARED]`."""
        return np.asarray(
            self._centred(scores) @ self._as_new[evenly_spaced(len(self.rehearsed), COMPARED)].T, dtype=np.float32
        )

    @property
    def compared(self) -> npt.NDArray[np.int32]:
        """Some of the rehearsed items, evenly."""
        return self.rehearsed[evenly_spaced(len(self.rehearsed), COMPARED)]

    def thinned(self) -> ContentMapping:
        """The mapping without what was rehearsed of other items than the compared ones."""
        some = evenly_spaced(len(self.rehearsed), COMPARED)
        return replace(self, rehearsed=self.rehearsed[some], rehearsal=np.ascontiguousarray(self.rehearsal[:, some]))

    def by_modality(self, scores: Float32s) -> Mapping[str, Float32s]:
        """What each modality gives to `foretell`, `[B, n]` by name: they sum to it."""
        centred = self._centred(scores)
        return {name: centred @ part.T for name, part in zip(self.modalities, self.parts, strict=True)}

    def told_by(self) -> Mapping[str, Bools]:
        """Which new items `[n]` each modality says something of, by name: not of those that lack it."""
        return dict(zip(self.modalities, self._told, strict=True))

    def without(self, modalities: AbstractSet[str]) -> ContentMapping | None:
        """The mapping blind to some modalities; None where no other is left."""
        kept = [place for place, name in enumerate(self.modalities) if name not in modalities]
        if not kept:
            return None
        left = tuple(self.modalities[place] for place in kept)
        return replace(self, modalities=left, parts=self.parts[kept], rehearsal=self.rehearsal[kept])

    @cached_property
    def _whole(self) -> Float32s:
        return self.parts[0] if len(self.parts) == 1 else np.asarray(self.parts.sum(axis=0))

    @cached_property
    def _as_new(self) -> Float32s:
        return self.rehearsal[0] if len(self.rehearsal) == 1 else np.asarray(self.rehearsal.sum(axis=0))

    @cached_property
    def _told(self) -> Bools:
        return np.asarray(self.parts.any(axis=2))

    def _centred(self, scores: Float32s) -> Float32s:
        own = scores[:, self.known]
        return np.asarray(own - own.mean(axis=1, keepdims=True), dtype=np.float32)


def fit_mapping(modalities: Mapping[str, Seen], events: npt.NDArray[np.integer]) -> ContentMapping | None:
    """The mapping of items with events to those without, from their contents; None where no known item has any.

    ŝ(u, new) = Σ_known s(u, known) · [(K + Λ)⁻¹ k_new](known),  K = mean over modalities of exp(γ (cos − 1)),
    Λ = λ (1 + ½ median / events) on the diagonal.

    Scores are linear in the mapping, so whatever experts give to a known item passes on to the new ones that look like
    it, split by expert and by modality. Choose it over scoring new items by their likeness to the history: on a tenth
    of MovieLens-1M's films it ranks new ones among each other more than three times as well, since the scores of known
    items hold order, people and popularity (`benchmarks/cold_items.py`). Mapping attributes to what a model learned of
    items: Gantner et al., ICDM 2010; kernel ridge regression: Saunders et al., ICML 1998. `events` `[N]` counts each
    item's events. A modality that no known item has is left out, and where there are new items one that none of them
    has. Known items as if they were new come from the same factor (leave-one-out in closed form): see `_left_out`.
    Costs L² (D + L / 3 + V · (n + R)) once, B · L · (n + R) a call.
    """
    known_ones = events > 0
    shared = {name: modality for name, modality in modalities.items() if modality[1][known_ones].any()}
    if not known_ones.all():
        told = {name: modality for name, modality in shared.items() if modality[1][~known_ones].any()}
        shared = told or shared
    if not shared:
        return None
    names = tuple(shared)
    described = np.any([present for _, present in shared.values()], axis=0)
    known, new = np.flatnonzero(known_ones & described), np.flatnonzero(~known_ones & described)
    most = max(1, min(LANDMARKS, NUMBERS // (len(names) * (len(new) + REHEARSED))))
    known = np.sort(known[np.argsort(-events[known], kind="stable")[:most]])
    chosen = evenly_spaced(len(known), REHEARSED)
    among = np.zeros((len(known), len(known)), dtype=np.float64)
    parts = np.empty((len(names), len(new), len(known)), dtype=np.float32)
    rehearsal = np.empty((len(names), len(chosen), len(known)), dtype=np.float32)
    for place, name in enumerate(names):
        near, far = _centred(*shared[name], known, new)
        kernel = _kernel(near, near) / np.float32(len(names))
        among += kernel
        rehearsal[place] = kernel[chosen]
        parts[place] = _kernel(far, near) / np.float32(len(names))
    counts = events[known].astype(np.float64)
    among[np.diag_indices(len(known))] += NOISE * (1.0 + DOUBT * np.median(counts) / counts)
    factor, lower = scipy.linalg.cho_factor(among, overwrite_a=True, check_finite=False)
    factor = factor.astype(np.float32)
    for part in parts if len(new) else ():
        part.T[:] = scipy.linalg.cho_solve((factor, lower), part.T, overwrite_b=True, check_finite=False)
    _left_out(rehearsal, chosen, factor, lower)
    codes = known.astype(np.int32)
    return ContentMapping(codes, new.astype(np.int32), names, parts, codes[chosen], rehearsal)


def _left_out(kernels: Float32s, chosen: npt.NDArray[np.int64], factor: Float32s, lower: bool) -> None:
    """Kernels `[V, R, L]` of some known items made the mapping to each from the others, in place.

    With B = (K + Λ)⁻¹ and x = B k, item j itself left out of k: x − B_j x_j / B_jj, which is what a fit without j gives
    (Rasmussen & Williams, 2006, 5.4.2).
    """
    rows = np.arange(len(chosen))
    inverse = np.zeros(kernels.shape[1:], dtype=np.float32)
    inverse[rows, chosen] = 1.0
    inverse = scipy.linalg.cho_solve((factor, lower), inverse.T, overwrite_b=True, check_finite=False).T
    for kernel in kernels:
        kernel[rows, chosen] = 0.0
        solved = scipy.linalg.cho_solve((factor, lower), kernel.T, overwrite_b=False, check_finite=False).T
        kernel[:] = solved - inverse * (solved[rows, chosen] / inverse[rows, chosen])[:, None]
        kernel[rows, chosen] = 0.0


def _centred(
    vectors: npt.NDArray[np.float32],
    present: npt.NDArray[np.bool_],
    known: npt.NDArray[np.integer],
    new: npt.NDArray[np.integer],
) -> tuple[Float32s, Float32s]:
    """Unit vectors of both groups, less the mean of the known ones first; zeros where the modality is not there, and
    where nothing but rounding is left."""
    there = known[present[known]]
    middle = vectors[there].mean(axis=0) if len(there) else np.zeros(vectors.shape[1], dtype=np.float32)

    def unit(codes: npt.NDArray[np.integer]) -> Float32s:
        own = np.asarray(vectors[codes], dtype=np.float32)
        moved = own - np.asarray(middle, dtype=np.float32)
        length = np.linalg.norm(moved, axis=1)
        told = present[codes] & (length > ROUNDING * np.linalg.norm(own, axis=1))
        return np.asarray(moved * (told / np.where(told, length, 1.0))[:, None], dtype=np.float32)

    return unit(known), unit(new)


def _kernel(one: Float32s, other: Float32s) -> Float32s:
    """exp(γ (cos − 1)), and 0 where one of the two has nothing to compare: positive definite either way."""
    out = one @ other.T
    out -= 1.0
    out *= np.float32(SHARPNESS)
    np.exp(out, out=out)
    out[~one.any(axis=1)] = 0.0
    out[:, ~other.any(axis=1)] = 0.0
    return out
