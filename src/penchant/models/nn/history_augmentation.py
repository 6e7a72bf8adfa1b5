"""Augmented histories that show the same interests: cropped, masked, reordered.

Xie et al. 2022, "Contrastive learning for sequential recommendation" (CL4SRec).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from penchant.arrays import Bools, Int64s
from penchant.data.sequences import SequenceBatch
from penchant.options import require_range

MASKED: Final = -1
"""The item code of an event that is masked: it stays as an event without an item."""


@dataclass(frozen=True)
class HistoryAugmentation:
    """`crop`: share of a history that is kept (1: all); `mask`: share of events whose item is hidden; `reorder`: share
    of a history whose events change order."""

    crop: float = 0.8
    mask: float = 0.2
    reorder: float = 0.2

    def __post_init__(self) -> None:
        require_range(self, "mask", "reorder", least=0, most=1)
        require_range(self, "crop", above=0, most=1)


def augment_histories(
    histories: SequenceBatch, options: HistoryAugmentation, rng: np.random.Generator
) -> SequenceBatch:
    """One of the three changes to each history, drawn uniformly (a change without effect is drawn too)."""
    kinds = rng.integers(0, 3, len(histories))
    out = crop_histories(histories, rng, share=options.crop, rows=kinds == 0)
    out = mask_events(out, rng, share=options.mask, rows=kinds == 1)
    return reorder_events(out, rng, share=options.reorder, rows=kinds == 2)


def crop_histories(
    histories: SequenceBatch, rng: np.random.Generator, *, share: float, rows: Bools | None = None
) -> SequenceBatch:
    """A stretch of each history (of those in `rows` `[B]`), `share` of its events and at least one."""
    start, width = _draw_stretch(histories, rng, share)
    if rows is not None:
        start, width = np.where(rows, start, 0), np.where(rows, width, histories.lengths)
    position = _number_events(histories)
    at = histories.rows
    return histories.keep((position >= start[at]) & (position < (start + width)[at]))


def mask_events(
    histories: SequenceBatch, rng: np.random.Generator, *, share: float, rows: Bools | None = None
) -> SequenceBatch:
    """A share of the events without their item (`MASKED`) and their content; time and kind stay."""
    hidden = rng.random(histories.n_events) < share
    if rows is not None:
        hidden &= rows[histories.rows]
    items = np.where(hidden, np.int32(MASKED), histories.items)
    rows_of_content = histories.content_rows
    if rows_of_content is not None:
        rows_of_content = np.where(hidden, np.int32(-1), rows_of_content)
    return replace(histories, items=items, content_rows=rows_of_content)


def reorder_events(
    histories: SequenceBatch, rng: np.random.Generator, *, share: float, rows: Bools | None = None
) -> SequenceBatch:
    """Events of a stretch of each history, `share` of it, in random order; the times keep their order."""
    start, width = _draw_stretch(histories, rng, share)
    position, at = _number_events(histories), histories.rows
    inside = (position >= start[at]) & (position < (start + width)[at])
    if rows is not None:
        inside &= rows[at]
    key = np.where(inside, start[at] + rng.random(histories.n_events) * width[at], position + 0.0)
    order = np.lexsort((key, at))
    content, events = histories.content_rows, histories.event_rows
    return replace(
        histories,
        items=histories.items[order],
        kinds=histories.kinds[order],
        values=histories.values[order],
        content_rows=None if content is None else content[order],
        event_rows=None if events is None else events[order],
    )


def _number_events(histories: SequenceBatch) -> Int64s:
    """The position of each event `[E]` in its history."""
    return np.arange(histories.n_events) - np.repeat(histories.offsets[:-1], histories.lengths)


def _draw_stretch(histories: SequenceBatch, rng: np.random.Generator, share: float) -> tuple[Int64s, Int64s]:
    """Start and number of events of a random stretch of each row `[B]`."""
    width = np.ceil(histories.lengths * share - 1e-9).astype(np.int64)
    return rng.integers(0, histories.lengths - width + 1), width
