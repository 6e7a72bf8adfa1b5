"""Modalities of a dataset that has grown: only what is new is encoded, what is known keeps its vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from penchant.arrays import Int64s, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import MergeResult
from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.embeddings.behaviour import BehaviourOptions, embed_cooccurrence
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.modalities import embed_event_contents
from penchant.embeddings.packing import default_cache
from penchant.errors import DataError


def update_item_modalities(
    modalities: Modalities,
    encoders: FittedEncoders,
    merged: MergeResult,
    new: Dataset,
    behaviour: BehaviourOptions,
    *,
    learned: SequenceBatch | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Modalities:
    """The item modalities of `merged` (row = item code): new and changed items encoded, the others as they were.

    Modalities of behaviour are made again from the events that are `learned` (None: from all). A modality that was
    learned or brought elsewhere (`graph`, vectors of one's own) is absent for new items, unless the new data bring
    vectors under its name. Raises `DataError` where these are of another length.
    """
    n = merged.dataset.n_items
    rows = np.concatenate([merged.changed_items, np.arange(merged.n_old_items, n)])
    made = encoders.encode_table(
        schema.ITEMS, merged.dataset.items[rows], root=new.root, cache=default_cache(), progress=progress
    )
    grown = {name: _placed(modality, n, rows, made.get(name)) for name, modality in modalities.items()}
    grown = _with_brought(grown, new, schema.ITEMS, merged.dataset.item_vocabulary)
    if schema.BEHAVIOUR in grown and behaviour.enabled:
        whole = merged.dataset.sequences() if learned is None else learned
        found = embed_cooccurrence(whole, n, behaviour, seed=seed)
        if found.present.any() and found.dim == modalities[schema.BEHAVIOUR].dim:
            grown[schema.BEHAVIOUR] = found
    return Modalities(grown)


def update_histories(
    packed: SequenceBatch, encoders: FittedEncoders, merged: MergeResult, new: Dataset, progress: Progress | None = None
) -> SequenceBatch:
    """All histories of `merged` with what events carry and what is known of users; `packed` are the old ones.

    What old events carry is taken from `packed`, so that their pictures and sounds need not be there any more. Vectors
    of users that the new data bring go over those of the same name. Raises `DataError` where they are of another
    length.
    """
    rows, fresh = embed_event_contents(new, encoders, default_cache(), progress)
    content, content_rows = _contents(packed, rows, fresh, merged)
    n = merged.dataset.n_users
    codes = np.concatenate([merged.changed_users, np.arange(merged.n_old_users, n)])
    made = encoders.encode_table(schema.USERS, merged.dataset.users[codes], root=new.root, cache=default_cache())
    users = {
        name: _placed(modality, n, codes, made.get(name))
        for name, modality in (packed.user_modalities or Modalities()).items()
    }
    users = _with_brought(users, new, schema.USERS, merged.dataset.user_vocabulary)
    return replace(
        merged.dataset.sequences(),
        content=content,
        content_rows=content_rows,
        user_modalities=Modalities(users) if users else None,
    )


def _contents(
    packed: SequenceBatch, rows: npt.NDArray[np.int32], fresh: Modalities, merged: MergeResult
) -> tuple[Modalities | None, npt.NDArray[np.int32] | None]:
    """Old contents, then the new ones, and the row of each event of `merged` in them."""
    old = packed.content if packed.content is not None and packed.content_rows is not None else Modalities()
    if not old and not fresh:
        return None, None
    n_old, n_new = _height(old.values()), _height(fresh.values())
    names = dict.fromkeys([*old, *fresh])
    dims = {name: (old[name] if name in old else fresh[name]).dim for name in names}
    stacked = {}
    for name in names:
        parts = [_of(modalities.get(name), size, dims[name]) for modalities, size in ((old, n_old), (fresh, n_new))]
        encoder = (old[name] if name in old else fresh[name]).encoder
        stacked[name] = Modality(
            np.concatenate([part.vectors for part in parts]), np.concatenate([part.present for part in parts]), encoder
        )
    out = np.full(merged.dataset.n_events, -1, dtype=np.int32)
    known = merged.old_rows >= 0
    if packed.content_rows is not None:
        out[known] = packed.content_rows[merged.old_rows[known]]
    own = rows[merged.new_rows[~known]]
    out[~known] = np.where(own >= 0, own + n_old, -1)
    return Modalities(stacked), out


def _placed(modality: Modality, n: int, rows: Int64s, made: Modality | None) -> Modality:
    """A modality of n rows: the old rows first, then `made` in the places of `rows`."""
    vectors, present = np.zeros((n, modality.dim), dtype=np.float32), np.zeros(n, dtype=np.bool_)
    vectors[: len(modality)], present[: len(modality)] = modality.vectors, modality.present
    if made is not None and made.dim == modality.dim:
        vectors[rows], present[rows] = made.vectors, made.present
    return Modality(vectors, present, modality.encoder)


def _with_brought(
    modalities: dict[str, Modality], new: Dataset, table: str, vocabulary: Vocabulary
) -> dict[str, Modality]:
    """The modalities of a table with the vectors that the new data bring under their names."""
    out = dict(modalities)
    for brought in new.vectors:
        if brought.table != table or brought.name not in out:
            continue
        known = out[brought.name]
        if brought.modality.dim != known.dim:
            raise DataError(
                f"The vectors of {brought.name!r} have {brought.modality.dim} numbers, those that the {table} "
                "have already "
                f"{known.dim}.",
                remedy="Bring vectors of the encoder that made the first ones, or leave them out.",
            )
        out[brought.name] = _overlaid(known, brought.align(vocabulary))
    return out


def _overlaid(modality: Modality, other: Modality) -> Modality:
    where = other.present
    return Modality(
        np.where(where[:, None], other.vectors, modality.vectors), modality.present | where, modality.encoder
    )


def _of(modality: Modality | None, size: int, dim: int) -> Modality:
    if modality is not None and modality.dim == dim:
        return modality
    return Modality(np.zeros((size, dim), dtype=np.float32), np.zeros(size, dtype=np.bool_))


def _height(modalities: Iterable[Modality]) -> int:
    return max((len(modality) for modality in modalities), default=0)
