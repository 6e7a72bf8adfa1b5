"""Reasons: the past events that contribute to the score of an item."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from penchant.arrays import Float32s
from penchant.data.sequences import SequenceBatch

MAX_EVENTS = 200


def compute_lead(scores: Float32s, item: int) -> Float32s:
    """The lead of an item over the mean in each row `[B]`: its score, standardised over the items.

    Scores of two histories have no common scale; their leads have.
    """
    spread = np.maximum(scores.std(axis=1), 1e-9)
    return np.asarray((scores[:, item] - scores.mean(axis=1)) / spread, dtype=np.float32)


def measure_event_contributions(
    score: Callable[[SequenceBatch], Float32s], history: SequenceBatch, item: int
) -> Float32s:
    """The contribution of each event of one history to the lead of an item over the mean, by removal.

    c_e = compute_lead(item | H) − compute_lead(item | H without e)

    `history` is a batch of one; returns `[E]` in its order, positive if the event raises the item's lead. Only the
    last 200 events are tried (older ones get 0). Removal holds for any model, and by construction an event with a
    positive contribution lowers the item when it is taken away (Štrumbelj & Kononenko 2014 call it prediction
    difference). Costs one scoring of E histories.
    """
    length = history.n_events
    tried = min(length, MAX_EVENTS)
    out = np.zeros(length, dtype=np.float32)
    if length == 0:
        return out
    copies = history.take(np.zeros(tried, dtype=np.int64))
    position = np.arange(copies.n_events) - copies.offsets[copies.rows]
    without = copies.keep(position != length - tried + copies.rows)
    full = compute_lead(score(history), item)[0]
    for rows, block in without.blocks(64):
        out[length - tried :][rows] = full - compute_lead(score(block), item)
    return out
