"""Properties of ranked lists other than accuracy: coverage, novelty, diversity, concentration, popularity, calibration.

`ranked` is int32 `[B, K]` (item codes, -1: nothing); places that are -1 or beyond the catalogue do not count.
"""

from __future__ import annotations

import numpy as np

from penchant.arrays import Bools, Float64s, Floats, Int32s, Int64s, Ints
from penchant.data.modalities import Modality
from penchant.data.ragged import Ragged
from penchant.errors import DataError
from penchant.metrics.quotient import quotient

_BLOCK_ELEMENTS = 1 << 24


def exposure(ranked: Int32s, n_items: int) -> Int64s:
    """Number of lists that show each item `[N]`.

    >>> exposure(np.array([[0, 2], [0, -1]], dtype=np.int32), 3).tolist()
    [2, 0, 1]
    """
    shown = ranked[(ranked >= 0) & (ranked < n_items)]
    return np.bincount(shown, minlength=n_items).astype(np.int64)


def catalogue_coverage(ranked: Int32s, n_items: int, allowed: Bools | None = None) -> float:
    """Share of the items (of those `allowed`) that at least one list shows.

    >>> catalogue_coverage(np.array([[0, 2], [0, -1]], dtype=np.int32), 4)
    0.5
    """
    shown = exposure(ranked, n_items) > 0
    among = np.ones(n_items, dtype=np.bool_) if allowed is None else allowed
    return float((shown & among).sum() / among.sum()) if among.any() else float("nan")


def gini(ranked: Int32s, n_items: int) -> float:
    """Gini coefficient of exposure: 0 where all items are shown equally often, towards 1 where one takes all.

    Σ_i (2 i - N - 1) · e_i / (N · Σ e), with exposures e sorted upwards, i = 1 … N.

    >>> gini(np.array([[0], [1]], dtype=np.int32), 2), gini(np.array([[0], [0]], dtype=np.int32), 2)
    (0.0, 0.5)
    """
    shown = np.sort(exposure(ranked, n_items)).astype(np.float64)
    if not shown.sum():
        return float("nan")
    places = 2.0 * np.arange(1, n_items + 1) - n_items - 1
    return float(places @ shown / (n_items * shown.sum()))


def novelty(ranked: Int32s, item_users: Ints, n_users: int) -> Float64s:
    """Mean self-information of a list in bits, `[B]` (Zhou et al., 2010, PNAS 107(10)).

    -log2 p(i), with p(i) = (users of the item + 1) / (all users + 1): the one added keeps unseen items finite.

    >>> novelty(np.array([[0, 1]], dtype=np.int32), np.array([7, 0]), n_users=7).tolist()
    [1.5]
    """
    bits = -np.log2((item_users + 1.0) / (n_users + 1.0))
    return _average_list(ranked, bits)


def intra_list_diversity(ranked: Int32s, modality: Modality) -> Float64s:
    """1 - mean cosine over all pairs of a list, `[B]` (Ziegler et al., 2005, with cosine as the similarity).

    Items without this modality are left out; NaN where fewer than two remain. Over n unit vectors the sum of all pairs
    is (‖Σ v‖² - n) / 2, so no pair is formed.
    """
    unit = modality.unit()
    out = np.full(len(ranked), np.nan)
    rows = max(1, _BLOCK_ELEMENTS // max(1, ranked.shape[1] * modality.dim))
    for start in range(0, len(ranked), rows):
        items = ranked[start : start + rows]
        here = (items >= 0) & (items < len(unit))
        codes = np.where(here, items, 0)
        here &= unit.present[codes]
        total = np.einsum("bkd,bk->bd", unit.vectors[codes], here.astype(np.float32))
        n = here.sum(axis=1).astype(np.float64)
        pairs = (np.square(total.astype(np.float64)).sum(axis=1) - n) / np.maximum(n * (n - 1), 1)
        out[start : start + rows] = np.where(n > 1, 1.0 - pairs, np.nan)
    return out


def popularity_lift(ranked: Int32s, histories: Ragged, popularity: Ints) -> Float64s:
    """Mean popularity of a list / mean popularity of the user's history, `[B]`; above 1: pushed to the popular.

    The quotient of the group average popularities of Abdollahpouri et al. (2019), user by user; NaN where the history
    is empty or all its items have popularity 0.

    >>> popularity_lift(np.array([[0, 1]], dtype=np.int32), Ragged.of([[1]]), np.array([30, 10])).tolist()
    [2.0]
    """
    counts = popularity.astype(np.float64)
    known = (histories.values >= 0) & (histories.values < len(counts))
    rows, past = histories.rows[known], counts[histories.values[known]]
    sums = np.bincount(rows, weights=past, minlength=len(histories))
    sizes = np.bincount(rows, minlength=len(histories))
    before = quotient(sums, sizes, empty=0.0)
    shown = _average_list(ranked, counts)
    return quotient(shown, before)


def miscalibration(
    ranked: Int32s, histories: Ragged, categories: Ragged, n_categories: int, *, smoothing: float = 0.01
) -> Float64s:
    """KL(p ‖ q̃) in nats between the categories of a user's history and of the list, `[B]`; 0 is calibrated.

    Steck (2018), "Calibrated recommendations": p from the history, q from the list, each item giving equal shares to
    its categories, q̃ = (1 - α) q + α p with α = `smoothing`. `categories` has one row per item. NaN where the history
    or the list has no category.
    """
    lists = Ragged.group(np.repeat(np.arange(len(ranked)), ranked.shape[1]), ranked.ravel(), len(ranked))
    out = np.full(len(ranked), np.nan)
    rows = max(1, _BLOCK_ELEMENTS // max(1, n_categories))
    for start in range(0, len(ranked), rows):
        block = np.arange(start, min(start + rows, len(ranked)))
        wanted = _count_categories(histories.take(block), categories, n_categories)
        given = _count_categories(lists.take(block), categories, n_categories)
        mixed = (1.0 - smoothing) * given + smoothing * wanted
        terms = np.zeros_like(wanted)
        np.log(quotient(wanted, mixed), out=terms, where=wanted > 0)
        there = (wanted.sum(axis=1) > 0) & (given.sum(axis=1) > 0)
        out[block] = np.where(there, np.maximum((wanted * terms).sum(axis=1), 0.0), np.nan)
    return out


def expected_calibration_error(probabilities: Floats, outcomes: Ints, bins: int = 10) -> float:
    """Σ_b n_b / n · |mean outcome - mean probability| over equal bins of [0, 1] (Naeini et al., 2015).

    >>> expected_calibration_error(np.array([0.25, 0.75]), np.array([0, 1]), bins=2)
    0.25
    """
    if probabilities.shape != outcomes.shape or ((probabilities < 0) | (probabilities > 1)).any():
        raise DataError("Calibration needs probabilities between 0 and 1 and as many outcomes.")
    if not len(probabilities):
        return float("nan")
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=outcomes - probabilities.astype(np.float64), minlength=bins)
    return float(np.abs(gaps).sum() / len(probabilities))


def _average_list(ranked: Int32s, values: Float64s) -> Float64s:
    """Mean of an item's value over each list; NaN for an empty list."""
    here = (ranked >= 0) & (ranked < len(values))
    sums = (values[np.where(here, ranked, 0)] * here).sum(axis=1)
    return quotient(sums, here.sum(axis=1))


def _count_categories(items: Ragged, categories: Ragged, n_categories: int) -> Float64s:
    """Distribution over categories `[B, G]` of rows of items; zeros where there is none."""
    known = (items.values >= 0) & (items.values < len(categories))
    rows, codes = items.rows[known], items.values[known]
    flat = categories.take(codes)
    share = np.repeat(1.0 / np.maximum(flat.lengths, 1), flat.lengths)
    cells = np.repeat(rows, flat.lengths) * n_categories + flat.values
    shares = np.bincount(cells, weights=share, minlength=len(items) * n_categories).reshape(len(items), n_categories)
    totals = shares.sum(axis=1, keepdims=True)
    return quotient(shares, totals, empty=0.0)
