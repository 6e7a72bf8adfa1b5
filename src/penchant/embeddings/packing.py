"""Histories with all inputs of models: events, their content, and the modalities of users."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from penchant.arrays import Bools
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import ANONYMOUS, build_single_event, code_history
from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.modalities import embed_event_contents, embed_users
from penchant.encoders.cache import EncoderCache, find_cache_folder
from penchant.errors import EncoderError, MediaError, UsageError

_NEEDED: Final = {
    schema.TEXT: ("A sentence", "a title or description"),
    schema.IMAGE: ("A picture", "an image, and name an encoder: --set modalities.image.encoder=NAME"),
    schema.AUDIO: ("A sound", "an audio file, and name an encoder: --set modalities.audio.encoder=NAME"),
}
"""The name of each kind of query in messages, and what items need for it."""


def default_cache() -> EncoderCache | None:
    """The user's cache of vectors, so that no text is encoded twice; None if nothing can be written there."""
    folder = find_cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return EncoderCache(folder) if os.access(folder, os.W_OK) else None


def pack_histories(data: Dataset, encoders: FittedEncoders) -> SequenceBatch:
    """All histories of a dataset (row = user code) with the content of their events and the modalities of users."""
    batch = embed_events(data.sequences(), data, encoders)
    users = embed_users(data, encoders, default_cache())
    return replace(batch, user_modalities=users) if users else batch


def embed_events(batch: SequenceBatch, data: Dataset, encoders: FittedEncoders) -> SequenceBatch:
    """Histories with the content of `data`'s events, whose rows they have."""
    rows, contents = embed_event_contents(data, encoders, default_cache())
    return replace(batch, content_rows=rows, content=contents) if contents else batch


def pack_ad_hoc_history(
    history: Any, dataset: Dataset, encoders: FittedEncoders, histories: SequenceBatch
) -> tuple[list[str], SequenceBatch, Dataset]:
    """An ad-hoc history as `code_history` gives it, with the content of its events and the modalities of its users.

    A user id of the dataset gets the modalities of that user in `histories`, all packed histories of the dataset; an
    anonymous user has none.
    """
    names, batch, source = code_history(dataset, history)
    batch = embed_events(batch, source, encoders)
    codes = dataset.user_vocabulary.encode([name if name != ANONYMOUS else "" for name in names])
    known = codes >= 0
    if not histories.user_modalities or not known.any():
        return names, batch, source
    modalities = histories.user_modalities.take(np.maximum(codes, 0))
    kept = {
        name: Modality(
            np.where(known[:, None], modality.vectors, np.float32(0)), modality.present & known, modality.encoder
        )
        for name, modality in modalities.items()
    }
    return names, replace(batch, user_modalities=Modalities(kept)), source


def embed_cold_query(
    encoders: FittedEncoders,
    item_modalities: Collection[str],
    *,
    text: str | None = None,
    image: str | Path | None = None,
    audio: str | Path | None = None,
) -> SequenceBatch:
    """A cold query by a sentence, an image or a sound: one event without an item, with the query as its content.

    Raises `EncoderError` if items have no such modality to compare with or the text has no known word,
    `MediaError` if the file cannot be used, `UsageError` for an empty text.
    """
    spoken = audio is not None and encoders.speech is not None and schema.TEXT in item_modalities
    for kind, given in ((schema.TEXT, text), (schema.IMAGE, image), (schema.AUDIO, audio)):
        if given is not None and kind not in item_modalities and not (kind == schema.AUDIO and spoken):
            what, how = _NEEDED[kind]
            raise EncoderError(
                f"{what} cannot be understood: this bundle was trained without a modality of {kind}.",
                remedy=f"Train on items with {how}, or ask with --history or --user.",
            )
    modalities: dict[str, Modality] = {}
    if text is not None:
        if not text.strip():
            raise UsageError(f"The text {text!r} contains no words.", remedy="Write a sentence about the interests.")
        modalities[schema.TEXT] = encoders.encode_text([text])
        if not modalities[schema.TEXT].present[0]:
            raise EncoderError(
                f"The text {text!r} has no word that the text modality knows.",
                remedy="Use words of the items' titles, or train with an encoder that knows more of them.",
            )
    if spoken and audio is not None:
        modalities |= _transcribe(encoders, Path(audio))
    for kind, file in ((schema.IMAGE, image), (schema.AUDIO, audio)):
        if file is not None and (kind in encoders.media or not spoken):
            path = Path(file)
            modalities[kind], report = encoders.encode_media(kind, [path.name], root=path.parent)
            if report.problems:
                raise MediaError(f"{path}: {report.problems[0].reason}", remedy=f"Give another {kind} file.")
    if not any(modality.present.any() for modality in modalities.values()):
        raise MediaError(f"{audio}: it contains no intelligible speech.", remedy="Give another audio file.")
    return replace(build_single_event(), content=Modalities(modalities))


def _transcribe(encoders: FittedEncoders, path: Path) -> Modalities:
    """The text modality of the speech in a file, if there is any."""
    alone = replace(encoders, media={}, attributes={}, reports={})
    modalities = alone.encode_table(schema.EVENTS, pl.DataFrame({schema.AUDIO: [path.name]}), root=path.parent)
    for report in alone.reports.values():
        if report.problems:
            raise MediaError(f"{path}: {report.problems[0].reason}", remedy="Give another audio file.")
    return modalities


def mask_rows_with_content(histories: SequenceBatch, modalities: Collection[str], *, of_users: bool = True) -> Bools:
    """Which histories `[B]` have content in one of these modalities: of an event or, with `of_users`, of the user."""
    names = [name for name in modalities if name not in (schema.ATTRIBUTES, schema.BEHAVIOUR)]
    out = np.zeros(len(histories), dtype=np.bool_)
    content, rows = histories.content, histories.content_rows
    if content is not None and rows is not None:
        present = [content[name].present for name in names if name in content]
        if present:
            has_content = (rows >= 0) & np.any(present, axis=0)[rows]
            out |= np.bincount(histories.rows[has_content], minlength=len(histories)) > 0
    if of_users and histories.user_modalities is not None:
        for name in names:
            if name in histories.user_modalities:
                out |= histories.user_modalities[name].present
    return out


def attach_content(histories: SequenceBatch, source: SequenceBatch) -> SequenceBatch:
    """Histories with the content of events and the user modalities of the `source` that they were cut from.

    `source` has one row per user and all events of the dataset (`pack_histories`); `histories` knows its `users` and
    `event_rows`.
    """
    if histories.event_rows is None:
        return histories
    rows = None if source.content_rows is None else source.content_rows[histories.event_rows]
    users = None if source.user_modalities is None else source.user_modalities.take(histories.users)
    return replace(histories, content_rows=rows, content=source.content, user_modalities=users)
