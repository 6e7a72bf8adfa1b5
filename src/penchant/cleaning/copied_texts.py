"""Spam in events: (nearly) the same text, posted many times."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.cleaning.finding import Finding, decode_events
from penchant.cleaning.similar_texts import SimilarityOptions, find_similar_texts, group_pairs
from penchant.data import schema
from penchant.data.dataset import Dataset

NEARLY_EQUAL = SimilarityOptions(threshold=0.9)


def find_copied_texts(
    dataset: Dataset, *, copies: int = 5, shortest: int = 20, options: SimilarityOptions = NEARLY_EQUAL
) -> Finding:
    """Flag events whose text of `shortest` characters or more is posted at least `copies` times, nearly the same.

    `details` has the number of copies. Short texts ("great!") are left alone: many users write them.
    """
    if schema.TEXT not in dataset.events.columns:
        none = np.empty(0, dtype=np.int64)
        return Finding("copied_texts", schema.EVENTS, "text posted many times", none, decode_events(dataset, none))
    text = dataset.events[schema.TEXT]
    long = text.set((text.str.len_chars() < shortest).fill_null(False), None)
    group = group_pairs(find_similar_texts(long, options), len(text))
    size = np.bincount(group, minlength=1)[group] if len(group) else np.empty(0, dtype=np.int64)
    rows = np.flatnonzero((size >= copies) & long.is_not_null().to_numpy())
    details = decode_events(dataset, rows).with_columns(pl.Series("copies", size[rows]))
    return Finding("copied_texts", schema.EVENTS, "text posted many times", rows, details)
