"""Histories with everything that models may read: events, what they carry themselves, and what is known of users."""

from __future__ import annotations

import os
from dataclasses import replace

from penchant.data.dataset import Dataset
from penchant.data.sequences import SequenceBatch
from penchant.encoders.cache import EncoderCache, default_cache_folder
from penchant.encoders.fitted import FittedEncoders
from penchant.encoders.views import event_content, user_views


def kept_vectors() -> EncoderCache | None:
    """The user's cache of vectors, so that no text is encoded twice; None where nothing can be written there."""
    folder = default_cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return EncoderCache(folder) if os.access(folder, os.W_OK) else None


def packed(data: Dataset, encoders: FittedEncoders) -> SequenceBatch:
    """All histories of a dataset (row = user code) with what events carry themselves and what is known of users."""
    batch = with_content(data.sequences(), data, encoders)
    users = user_views(data, encoders, kept_vectors())
    return replace(batch, user_views=users) if users else batch


def with_content(batch: SequenceBatch, data: Dataset, encoders: FittedEncoders) -> SequenceBatch:
    """The same histories with the contents of `data`'s events, whose rows they have."""
    rows, contents = event_content(data, encoders, kept_vectors())
    return replace(batch, content_rows=rows, content=contents) if contents else batch


def informed(histories: SequenceBatch, whole: SequenceBatch) -> SequenceBatch:
    """Some histories with the contents and user views of the whole they were cut from.

    `whole` has one row a user and all events of the dataset, as `packed` gives it; `histories` knows its `users` and
    `event_rows`.
    """
    if histories.event_rows is None:
        return histories
    own = None if whole.content_rows is None else whole.content_rows[histories.event_rows]
    users = None if whole.user_views is None else whole.user_views.take(histories.users)
    return replace(histories, content_rows=own, content=whole.content, user_views=users)
