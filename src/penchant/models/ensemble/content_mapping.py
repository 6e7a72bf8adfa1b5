"""Scores of cold items, predicted from the scores of warm items of similar content."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.linalg

from penchant.arrays import Bools, Float32s, Int32s, Int64s, Ints, evenly_spaced

Contents = tuple[Float32s, Bools]
"""Vectors `[N, D]` and present `[N]` of one modality."""

GAMMA = 1.0
"""γ of the kernel: how fast similarity falls as the angle between two items' vectors grows."""
RIDGE = 0.3
"""λ: noise variance of the scores of an item with many events."""
SPARSE_RIDGE = 0.5
"""Share of `RIDGE` by which an item with the median number of events has more noise; it falls as 1 / events."""
ROUNDING_ERROR = 1e-5
"""A centred vector shorter than this share of the vector before is the rounding error of the mean."""
LANDMARKS = 4000
"""Maximum number of warm items that cold ones are compared with (those with the most events): factorisation costs L³ /
3 (2 CPU seconds)."""
MAX_NUMBERS = 50_000_000
"""Maximum number of values in the mapping (200 MB): with very many cold items, fewer warm ones are landmarks."""
CALIBRATION_ITEMS = 1024
"""Maximum number of warm items with a leave-one-out prediction, evenly spaced over their codes."""
MAX_PEERS = 128
"""Maximum number of calibration items that are predicted for every list and kept in the bundle."""


@dataclass(frozen=True)
class ContentMapping:
    """Kernel ridge regression from the contents of items to their scores; see `fit_mapping`.

    `warm` `[L]` and `cold` `[n]` are item codes, `parts` `[V, n, L]` the share of each of the `modalities` in the
    mapping. A cold item is a row, so that items of equal content have the same sum to the last bit in a batch of any
    size. `calibration_items` `[R]` are codes of warm items, `calibration_parts` `[V, R, L]` the leave-one-out mapping
    to them.
    """

    warm: Int32s
    cold: Int32s
    modalities: tuple[str, ...]
    parts: Float32s
    calibration_items: Int32s
    calibration_parts: Float32s

    def predict(self, scores: Float32s) -> Float32s:
        """`scores` `[B, N]` carried over to the cold items, `[B, n]`, less the row's mean over the warm ones."""
        return np.asarray(self._centre(scores) @ self._mapping.T, dtype=np.float32)

    def predict_left_out(self, scores: Float32s) -> Float32s:
        """Leave-one-out predictions of the `calibration_items`, `[B, R]`: none depends on the score of its item."""
        return np.asarray(self._centre(scores) @ self._calibration_mapping.T, dtype=np.float32)

    def predict_peers(self, scores: Float32s) -> Float32s:
        """Leave-one-out predictions of the `peers` alone, `[B, at most MAX_PEERS]`."""
        return np.asarray(self._centre(scores) @ self._calibration_mapping[self._peer_rows].T, dtype=np.float32)

    @property
    def peers(self) -> Int32s:
        """Evenly spaced calibration items, at most `MAX_PEERS`."""
        return self.calibration_items[self._peer_rows]

    @property
    def _peer_rows(self) -> Int64s:
        return evenly_spaced(len(self.calibration_items), MAX_PEERS)

    def keep_peers(self) -> ContentMapping:
        """The mapping with no other calibration items than the peers."""
        parts = np.ascontiguousarray(self.calibration_parts[:, self._peer_rows])
        return replace(self, calibration_items=self.peers, calibration_parts=parts)

    def predict_by_modality(self, scores: Float32s) -> Mapping[str, Float32s]:
        """The parts of `predict`, `[B, n]` by modality: they sum to it."""
        centred = self._centre(scores)
        return {name: centred @ part.T for name, part in zip(self.modalities, self.parts, strict=True)}

    @cached_property
    def has_modality(self) -> Mapping[str, Bools]:
        """By modality, which cold items `[n]` have it, so that it predicts something of them."""
        return dict(zip(self.modalities, np.asarray(self.parts.any(axis=2)), strict=True))

    def without(self, modalities: AbstractSet[str]) -> ContentMapping | None:
        """The mapping without some modalities; None if no other is left."""
        rows = [row for row, name in enumerate(self.modalities) if name not in modalities]
        if not rows:
            return None
        return replace(
            self,
            modalities=tuple(self.modalities[row] for row in rows),
            parts=self.parts[rows],
            calibration_parts=self.calibration_parts[rows],
        )

    @cached_property
    def _mapping(self) -> Float32s:
        return self.parts[0] if len(self.parts) == 1 else np.asarray(self.parts.sum(axis=0))

    @cached_property
    def _calibration_mapping(self) -> Float32s:
        parts = self.calibration_parts
        return parts[0] if len(parts) == 1 else np.asarray(parts.sum(axis=0))

    def _centre(self, scores: Float32s) -> Float32s:
        warm = scores[:, self.warm]
        return np.asarray(warm - warm.mean(axis=1, keepdims=True), dtype=np.float32)


def fit_mapping(modalities: Mapping[str, Contents], events: Ints) -> ContentMapping | None:
    """The mapping of items with events to those without, from their contents; None if no warm item has any.

    ŝ(u, cold) = Σ_warm s(u, warm) · [(K + Λ)⁻¹ k_cold](warm),  K = mean over modalities of exp(γ (cos − 1)),
    Λ = λ (1 + ½ median / events) on the diagonal.

    The prediction is linear in the scores, so it splits exactly by expert and by modality. Choose it over scoring cold
    items by their similarity to the history: on a tenth of MovieLens-1M's films it ranks cold items among each other
    more than three times as well, since the scores of warm items carry order, users and popularity
    (`benchmarks/cold_items.py`). Mapping attributes to what a model learned of items: Gantner et al., ICDM 2010; kernel
    ridge regression: Saunders et al., ICML 1998. `events` `[N]` counts each item's events. A modality that no warm
    item has is left out, and if there are cold items, so is one that none of them has. The leave-one-out predictions
    come from the same factor in closed form. Costs L² (D + L / 3 + V · (n + R)) once, B · L · (n + R) a call.
    """
    is_warm = events > 0
    contents = {name: modality for name, modality in modalities.items() if modality[1][is_warm].any()}
    if not is_warm.all():
        shared = {name: modality for name, modality in contents.items() if modality[1][~is_warm].any()}
        contents = shared or contents
    if not contents:
        return None
    names = tuple(contents)
    has_content = np.any([present for _, present in contents.values()], axis=0)
    warm, cold = np.flatnonzero(is_warm & has_content), np.flatnonzero(~is_warm & has_content)
    count = max(1, min(LANDMARKS, MAX_NUMBERS // (len(names) * (len(cold) + CALIBRATION_ITEMS))))
    warm = np.sort(warm[np.argsort(-events[warm], kind="stable")[:count]])
    calibration = evenly_spaced(len(warm), CALIBRATION_ITEMS)
    # K is summed and factored in float64; the solves of many right-hand sides run in float32
    gram = np.zeros((len(warm), len(warm)), dtype=np.float64)
    parts = np.empty((len(names), len(cold), len(warm)), dtype=np.float32)
    calibration_parts = np.empty((len(names), len(calibration), len(warm)), dtype=np.float32)
    for row, name in enumerate(names):
        warm_units, cold_units = _centre_vectors(*contents[name], warm, cold)
        kernel = _compute_kernel(warm_units, warm_units) / np.float32(len(names))
        gram += kernel
        calibration_parts[row] = kernel[calibration]
        parts[row] = _compute_kernel(cold_units, warm_units) / np.float32(len(names))
    counts = events[warm].astype(np.float64)
    gram[np.diag_indices(len(warm))] += RIDGE * (1.0 + SPARSE_RIDGE * np.median(counts) / counts)
    factor, lower = scipy.linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
    factor = factor.astype(np.float32)
    for part in parts if len(cold) else ():
        part.T[:] = scipy.linalg.cho_solve((factor, lower), part.T, overwrite_b=True, check_finite=False)
    _solve_left_out(calibration_parts, calibration, factor, lower)
    codes = warm.astype(np.int32)
    return ContentMapping(codes, cold.astype(np.int32), names, parts, codes[calibration], calibration_parts)


def _solve_left_out(kernels: Float32s, rows_left_out: Int64s, factor: Float32s, lower: bool) -> None:
    """Turn kernels `[V, R, L]` of some warm items into the mapping to each from the others, in place.

    With B = (K + Λ)⁻¹ and x = B k, where k lacks item j itself, the fit without j gives x − B_j x_j / B_jj (Rasmussen
    & Williams, 2006, 5.4.2).
    """
    rows = np.arange(len(rows_left_out))
    inverse = np.zeros(kernels.shape[1:], dtype=np.float32)
    inverse[rows, rows_left_out] = 1.0
    inverse = scipy.linalg.cho_solve((factor, lower), inverse.T, overwrite_b=True, check_finite=False).T
    for kernel in kernels:
        kernel[rows, rows_left_out] = 0.0
        solved = scipy.linalg.cho_solve((factor, lower), kernel.T, overwrite_b=False, check_finite=False).T
        kernel[:] = solved - inverse * (solved[rows, rows_left_out] / inverse[rows, rows_left_out])[:, None]
        kernel[rows, rows_left_out] = 0.0  # rounding leaves a trace of the item itself


def _centre_vectors(vectors: Float32s, present: Bools, warm: Ints, cold: Ints) -> tuple[Float32s, Float32s]:
    """Unit vectors of both groups after the mean of the warm ones is subtracted.

    Zeros where the modality is absent, and where nothing but rounding error is left.
    """
    present_warm = warm[present[warm]]
    mean = vectors[present_warm].mean(axis=0) if len(present_warm) else np.zeros(vectors.shape[1], dtype=np.float32)

    def normalise(codes: Ints) -> Float32s:
        raw = np.asarray(vectors[codes], dtype=np.float32)
        centred = raw - np.asarray(mean, dtype=np.float32)
        length = np.linalg.norm(centred, axis=1)
        is_valid = present[codes] & (length > ROUNDING_ERROR * np.linalg.norm(raw, axis=1))
        return np.asarray(centred * (is_valid / np.where(is_valid, length, 1.0))[:, None], dtype=np.float32)

    return normalise(warm), normalise(cold)


def _compute_kernel(left: Float32s, right: Float32s) -> Float32s:
    """exp(γ (cos − 1)), and 0 where one of the two vectors is zero: positive definite either way."""
    kernel = left @ right.T
    kernel -= 1.0
    kernel *= np.float32(GAMMA)
    np.exp(kernel, out=kernel)
    kernel[~left.any(axis=1)] = 0.0
    kernel[:, ~right.any(axis=1)] = 0.0
    return kernel
