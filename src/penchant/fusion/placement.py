"""Items that experts have never met: their sum of scores is foretold from what is known of them, their content."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

TOP = 10
"""Length of the lists in which new items get their places."""


@dataclass(frozen=True)
class Placement:
    """The score of an item without events: `slope` · content + `offset`, both in units of the summed scores."""

    slope: float
    offset: float


def place(scores: Scores, content: Scores, new: Bools, placement: Placement) -> Scores:
    """The summed scores `[B, N]` with those of the `new` items `[N]` foretold from their content score `[B, N]`.

    >>> s, c = np.zeros((1, 2), np.float32), np.array([[9.0, 2.0]], np.float32)
    >>> place(s, c, np.array([False, True]), Placement(0.5, 1.0)).tolist()
    [[0.0, 2.0]]
    """
    out = scores.copy()
    out[:, new] = placement.slope * content[:, new] + placement.offset
    return out


def fit_placement(scores: Scores, content: Scores, allowed: Bools, new: Bools, *, share: float = 1.0) -> Placement:
    """Slope and offset with which new items get the places in lists that their number warrants.

    slope = cov(s, c) / var(c) over known items: the best linear guess of a sum from content.
    offset: the mean number of new items in lists of ten = `share` · 10 · (new items / items), no more and no less.

    A new item's sum cannot be learned from clicks that it never had; parity of exposure is the rule instead (Singh &
    Joachims, KDD 2018), and content decides in whose list the places are. `scores` and `content` `[B, N]`; `allowed`
    `[B, N]` items that may be ranked; `new` `[N]`: those without events, or known ones that play their part.

    The j-th new item of a row enters its list at the offset k_{11−j} − n_j (k: known sums in order, n: foretold ones):
    the offset is a quantile of these. Costs two partial sorts of B · N.
    """
    known = ~new
    part, own = content[:, known], scores[:, known]
    part, own = part - part.mean(axis=1, keepdims=True), own - own.mean(axis=1, keepdims=True)
    spread = float(np.square(part, dtype=np.float64).sum())
    slope = max(float((part * own).sum(dtype=np.float64)) / spread, 0.0) if spread > 0 else 0.0
    size = min(TOP, int(known.sum()), int(new.sum()))
    if not size:
        return Placement(slope, 0.0)
    best_known = _best(np.where(allowed[:, known], scores[:, known], -np.inf), size)
    best_new = _best(np.where(allowed[:, new], slope * content[:, new], -np.inf), size)
    with np.errstate(invalid="ignore"):
        enters = best_known[:, ::-1] - best_new
    enters = np.sort(enters[np.isfinite(enters)])
    warranted = share * size * float((allowed & new).sum()) / max(float(allowed.sum()), 1.0) * len(scores)
    if not len(enters):
        return Placement(slope, 0.0)
    at = min(round(warranted), len(enters) - 1)
    return Placement(slope, float(enters[at]))


def _best(scores: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.float64]:
    """The `size` largest scores of every row, descending."""
    best = np.partition(scores, scores.shape[1] - size, axis=1)[:, -size:]
    return np.asarray(-np.sort(-best, axis=1), dtype=np.float64)
