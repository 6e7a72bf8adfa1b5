"""Spam in events: the same words (nearly) posted again and again."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.cleaning.finding import Finding, readable
from penchant.cleaning.similar_texts import SimilarityOptions, groups, similar_texts
from penchant.data import schema
from penchant.data.dataset import Dataset

NEARLY_EQUAL = SimilarityOptions(threshold=0.9)


def copied_texts(
    dataset: Dataset,
    *,
    copies: int = 5,
    shortest: int = 20,
    options: SimilarityOptions = NEARLY_EQUAL,
) -> Finding:
    """Find events whose own text of `shortest` characters or more is posted `copies` times or more, nearly the same.

    `details` has the number of copies; short texts ("great!") are written by many and left alone.
    """
    if schema.TEXT not in dataset.events.columns:
        none = np.empty(0, dtype=np.int64)
        return Finding("copied_texts", schema.EVENTS, "text posted many times", none, readable(dataset, none))
    text = dataset.events[schema.TEXT]
    long = text.set((text.str.len_chars() < shortest).fill_null(False), None)
    group = groups(similar_texts(long, options), len(text))
    size = np.bincount(group, minlength=1)[group] if len(group) else np.empty(0, dtype=np.int64)
    rows = np.flatnonzero((size >= copies) & long.is_not_null().to_numpy())
    details = readable(dataset, rows).with_columns(pl.Series("copies", size[rows]))
    return Finding("copied_texts", schema.EVENTS, "text posted many times", rows, details)
