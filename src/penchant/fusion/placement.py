"""Items that experts have never met: their sum of scores is foretold from what is known of them, their content."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

OFFSETS = np.linspace(-6.0, 6.0, 97)
"""Where the new items are tried, in standard deviations of the summed scores."""
TOP = 10


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


def fit_placement(
    scores: Scores,
    content: Scores,
    targets: npt.NDArray[np.int32],
    allowed: Bools,
    pretended: Bools,
    *,
    loss: float = 0.005,
) -> Placement:
    """Slope and offset with which new items stand as high as the known ones can bear.

    slope = cov(s, c) / var(c) over known items: the best linear guess of a sum from content.
    offset = the largest with NDCG@10 of the held-out choices ≥ (1 − `loss`) · NDCG@10 without the `pretended` items.

    `scores` and `content` `[B, N]`; `targets` `[B]`, items to find, none of them `pretended`; `allowed` `[B, N]` items
    that may be ranked; `pretended` `[N]`: known items that play the part of new ones (or are new). A list has ten
    places, so each that goes to a new item is taken from a known one: `loss` is the price that may be paid for
    showing what nobody has touched yet. Costs one sort of B · pretended.
    """
    known = ~pretended
    centred = content - content[:, known].mean(axis=1, keepdims=True)
    part, own = centred[:, known], scores[:, known]
    own = own - own.mean(axis=1, keepdims=True)
    spread = float(np.square(part, dtype=np.float64).sum())
    slope = max(float((part * own).sum(dtype=np.float64)) / spread, 0.0) if spread > 0 else 0.0
    scale = float(np.sqrt(np.square(own, dtype=np.float64).mean())) or 1.0
    mine = np.take_along_axis(scores, targets[:, None].astype(np.int64), axis=1)
    above = ((scores > mine) & allowed & known).sum(axis=1)
    foretold = np.where(allowed[:, pretended], slope * content[:, pretended], -np.inf)
    need = np.sort(mine - foretold, axis=1)
    bar = (1 - loss) * _quality(above)
    best = float(OFFSETS[0])
    for offset in OFFSETS:
        passed = (need < offset * scale).sum(axis=1)
        if _quality(above + passed) < bar:
            break
        best = float(offset)
    return Placement(slope, best * scale)


def _quality(ranks: npt.NDArray[np.integer]) -> float:
    """Mean NDCG@10 of one target a row at these ranks (from 0)."""
    return float(np.where(ranks < TOP, 1.0 / np.log2(2.0 + ranks), 0.0).mean())
