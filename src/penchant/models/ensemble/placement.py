"""Where items without events stand: above the known ones that are less likely, as far as those may lose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penchant.arrays import Bools, Float32s, Floats

TOP = 10
"""Ranks that count as what known items get: NDCG of the first ten."""
PEERS = 32
"""New items are compared with each other and with so many known ones, foretold as if they were new too."""
FURTHEST = 60.0
"""The price is sought between e^−60 and e^60: beyond every item and before every item."""


def log_known(scores: Float32s, inverse_temperature: float, closed: Bools) -> Floats:
    """log p(known | the next choice is a known item), `[B, N]`: softmax of `inverse_temperature` · `scores`, without
    what is `closed`."""
    scaled = np.where(closed, np.float32(-np.inf), scores * np.float32(inverse_temperature))
    return scaled - _log_sum(scaled)


def log_new(foretold: Float32s, owned: Bools, rehearsed: Float32s, owned_rehearsed: Bools) -> Floats:
    """log p(new | the next choice is a new item), `[B, n]`.

    `foretold` `[B, n]` are logits of the new items, `rehearsed` `[B, R]` those of known items foretold as if they were
    new, which stand in for `PEERS` more: a new item that is the only one is not certain to be chosen. `owned`: those of
    the history, which nobody chooses again.
    """
    peers = np.where(owned_rehearsed, -np.inf, rehearsed.astype(np.float64)) + np.log(PEERS / rehearsed.shape[1])
    others = np.where(owned, -np.inf, foretold.astype(np.float64))
    return foretold - _log_sum(np.hstack([others, peers]))


def fair_price(new: Floats, known: Floats, cost: float) -> float:
    """The highest θ at which known items are expected to lose at most the share `cost` of their NDCG@10.

    Where a new item stands above each known one with p(known) < e^θ p(new), no other rule that costs as much finds more
    new ones, if the two likelihoods are right (Neyman & Pearson, 1933). What a list loses follows from them, without
    any target: Σ_k p(known at k) (1 / log2(1 + k) − 1 / log2(1 + k + new ones above)). `new` `[B, n]` and `known`
    `[B, N]` as `log_new` and `log_known` give them, −inf where nobody chooses. Costs one partial sort of B · N.
    """
    best, first = _highest(new, TOP).astype(np.float64), _highest(known, TOP).astype(np.float64)
    likely = np.exp(first)
    attention = 1.0 / np.log2(2.0 + np.arange(2 * TOP))
    attention[TOP:] = 0.0
    whole = float((likely * attention[: first.shape[1]]).sum())

    def lost(price: float) -> float:
        above = (best[:, None, :] + price > first[:, :, None]).sum(axis=2)
        left = (likely * attention[np.arange(first.shape[1]) + above]).sum()
        return 1.0 - float(left) / whole if whole > 0 else 0.0

    low, high = -FURTHEST, FURTHEST
    if cost <= 0 or not best.size:
        return low
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if lost(middle) <= cost else (low, middle)
    return low


def place(
    scores: Float32s,
    likelihood: Floats,
    new: npt.NDArray[np.integer],
    closed: Bools,
    inverse_temperature: float,
    prices: Floats,
) -> Float32s:
    """`scores` `[B, N]` with those of the `new` items `[n]` where the `prices` `[B]` put them among the known ones.

    s(new) = (θ + log p(new) + log Σ_open e^(τ s)) / τ, so that s(new) > s(known) where e^θ p(new) > p(known). Every
    list is decided on its own; one where nothing new is likely gets none. `likelihood` `[B, n]` as from `log_new`; τ is
    the `inverse_temperature`, open what is not `closed` `[B, N]`.
    """
    out = scores.copy()
    if len(new):
        level = _log_sum(np.where(closed, np.float32(-np.inf), scores * np.float32(inverse_temperature)))
        out[:, new] = (prices[:, None] + likelihood + level) / inverse_temperature
    return out


def _log_sum(logs: Floats) -> Floats:
    """log Σ exp of each row, `[B, 1]`; 0 where all are −inf."""
    highest = logs.max(axis=1, keepdims=True, initial=-np.inf)
    nothing = ~np.isfinite(highest)
    highest = np.where(nothing, 0.0, highest)
    return np.asarray(highest + np.log(np.where(nothing, 1.0, np.exp(logs - highest).sum(axis=1, keepdims=True))))


def _highest(logs: Floats, count: int) -> Floats:
    """The highest `count` of each row, falling."""
    count = min(count, logs.shape[1])
    part = logs if count == logs.shape[1] else -np.partition(-logs, count - 1, axis=1)[:, :count]
    return np.asarray(-np.sort(-part, axis=1))
