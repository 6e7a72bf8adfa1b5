"""Incremental update of modalities: new and changed rows are encoded, all others keep their vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from penchant.arrays import Int32s, Int64s, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import MergeResult
from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.embeddings.behaviour import embed_cooccurrence
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_event_contents
from penchant.embeddings.packing import default_cache
from penchant.errors import DataError


def update_item_modalities(
    modalities: Modalities,
    encoders: FittedEncoders,
    merged: MergeResult,
    new: Dataset,
    options: ModalityOptions,
    *,
    learned: SequenceBatch | None = None,
    progress: Progress | None = None,
) -> Modalities:
    """The item modalities of `merged` (row = item code): new and changed items are encoded, the others stay.

    `behaviour` is computed again from the events in `learned` (None: all). A modality that no encoder here computes
    (`graph`, precomputed embeddings) is absent for new items, unless the new data have vectors under its name. Raises
    `DataError` if these have another length.
    """
    n = merged.dataset.n_items
    rows = np.concatenate([merged.changed_items, np.arange(merged.n_old_items, n)])
    encoded = encoders.encode_table(
        schema.ITEMS, merged.dataset.items[rows], root=new.root, cache=default_cache(), progress=progress
    )
    updated = {name: _insert_rows(modality, n, rows, encoded.get(name)) for name, modality in modalities.items()}
    updated = _overlay_precomputed(updated, new, schema.ITEMS, merged.dataset.item_vocabulary)
    if schema.BEHAVIOUR in updated and options.behaviour.enabled:
        histories = merged.dataset.sequences() if learned is None else learned
        behaviour = embed_cooccurrence(histories, n, options.behaviour, seed=options.seed)
        # with few items, vectors are shorter than `dim`: models need the length that they were trained with
        if behaviour.present.any() and behaviour.dim == modalities[schema.BEHAVIOUR].dim:
            updated[schema.BEHAVIOUR] = behaviour
    return Modalities(updated)


def update_histories(
    packed: SequenceBatch, encoders: FittedEncoders, merged: MergeResult, new: Dataset, progress: Progress | None = None
) -> SequenceBatch:
    """All histories of `merged` with the content of events and the modalities of users; `packed` are the old ones.

    The content of old events comes from `packed`, so their images and sounds need not exist any more. Vectors of
    users in the new data replace those of the same name. Raises `DataError` if they have another length.
    """
    rows, fresh = embed_event_contents(new, encoders, default_cache(), progress)
    content, content_rows = _join_contents(packed, rows, fresh, merged)
    n = merged.dataset.n_users
    codes = np.concatenate([merged.changed_users, np.arange(merged.n_old_users, n)])
    encoded = encoders.encode_table(schema.USERS, merged.dataset.users[codes], root=new.root, cache=default_cache())
    users = {
        name: _insert_rows(modality, n, codes, encoded.get(name))
        for name, modality in (packed.user_modalities or Modalities()).items()
    }
    users = _overlay_precomputed(users, new, schema.USERS, merged.dataset.user_vocabulary)
    return replace(
        merged.dataset.sequences(),
        content=content,
        content_rows=content_rows,
        user_modalities=Modalities(users) if users else None,
    )


def _join_contents(
    packed: SequenceBatch, rows: Int32s, fresh: Modalities, merged: MergeResult
) -> tuple[Modalities | None, Int32s | None]:
    """Old contents followed by the new ones, and the row of each event of `merged` in them."""
    old = packed.content if packed.content is not None and packed.content_rows is not None else Modalities()
    if not old and not fresh:
        return None, None
    n_old, n_new = _count_rows(old.values()), _count_rows(fresh.values())
    names = dict.fromkeys([*old, *fresh])
    dims = {name: (old[name] if name in old else fresh[name]).dim for name in names}
    stacked = {}
    for name in names:
        parts = [
            _or_absent(modalities.get(name), size, dims[name]) for modalities, size in ((old, n_old), (fresh, n_new))
        ]
        encoder = (old[name] if name in old else fresh[name]).encoder
        stacked[name] = Modality(
            np.concatenate([part.vectors for part in parts]), np.concatenate([part.present for part in parts]), encoder
        )
    out = np.full(merged.dataset.n_events, -1, dtype=np.int32)
    known = merged.old_rows >= 0
    if packed.content_rows is not None:
        out[known] = packed.content_rows[merged.old_rows[known]]
    fresh_rows = rows[merged.new_rows[~known]]
    out[~known] = np.where(fresh_rows >= 0, fresh_rows + n_old, -1)
    return Modalities(stacked), out


def _insert_rows(modality: Modality, n: int, rows: Int64s, encoded: Modality | None) -> Modality:
    """A modality of n rows: the old ones first, then `encoded` at `rows`."""
    vectors, present = np.zeros((n, modality.dim), dtype=np.float32), np.zeros(n, dtype=np.bool_)
    vectors[: len(modality)], present[: len(modality)] = modality.vectors, modality.present
    if encoded is not None and encoded.dim == modality.dim:
        vectors[rows], present[rows] = encoded.vectors, encoded.present
    return Modality(vectors, present, modality.encoder)


def _overlay_precomputed(
    modalities: dict[str, Modality], new: Dataset, table: str, vocabulary: Vocabulary
) -> dict[str, Modality]:
    """The modalities of a table with the precomputed embeddings of the new data over those of the same name."""
    out = dict(modalities)
    for added in new.vectors:
        if added.table != table or added.name not in out:
            continue
        known = out[added.name]
        if added.modality.dim != known.dim:
            raise DataError(
                f"The new vectors of {added.name!r} have {added.modality.dim} numbers, those of the {table} "
                f"in the bundle have {known.dim}.",
                remedy="Give vectors of the same encoder, or leave them out.",
            )
        out[added.name] = _overlay(known, added.align(vocabulary))
    return out


def _overlay(modality: Modality, other: Modality) -> Modality:
    where = other.present
    return Modality(
        np.where(where[:, None], other.vectors, modality.vectors), modality.present | where, modality.encoder
    )


def _or_absent(modality: Modality | None, size: int, dim: int) -> Modality:
    if modality is not None and modality.dim == dim:
        return modality
    return Modality(np.zeros((size, dim), dtype=np.float32), np.zeros(size, dtype=np.bool_))


def _count_rows(modalities: Iterable[Modality]) -> int:
    return max((len(modality) for modality in modalities), default=0)
