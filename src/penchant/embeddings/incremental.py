"""Views of a dataset that has grown: only what is new is encoded, what is known keeps its vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from penchant.arrays import Int64s, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import Merged
from penchant.data.modalities import View, Views
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.embeddings.behaviour import BehaviourOptions, cooccurrence_view
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.modalities import event_content
from penchant.embeddings.packing import kept_vectors
from penchant.errors import DataError


def grown_item_views(
    views: Views,
    encoders: FittedEncoders,
    merged: Merged,
    new: Dataset,
    behaviour: BehaviourOptions,
    *,
    learned: SequenceBatch | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Views:
    """The item views of `merged` (row = item code): new and changed items encoded, the others as they were.

    Views of behaviour are made again from the events that are `learned` (None: from all). A view that was learned or
    brought elsewhere (`graph`, vectors of one's own) is absent for new items, unless the new data bring vectors under
    its name. Raises `DataError` where these are of another length.
    """
    n = merged.dataset.n_items
    rows = np.concatenate([merged.changed_items, np.arange(merged.n_old_items, n)])
    made = encoders.encode_table(
        schema.ITEMS, merged.dataset.items[rows], root=new.root, cache=kept_vectors(), progress=progress
    )
    grown = {name: _placed(view, n, rows, made.get(name)) for name, view in views.items()}
    grown = _with_brought(grown, new, schema.ITEMS, merged.dataset.item_vocabulary)
    if schema.BEHAVIOUR in grown and behaviour.enabled:
        whole = merged.dataset.sequences() if learned is None else learned
        found = cooccurrence_view(whole, n, behaviour, seed=seed)
        if found.present.any() and found.dim == views[schema.BEHAVIOUR].dim:
            grown[schema.BEHAVIOUR] = found
    return Views(grown)


def grown_histories(
    packed: SequenceBatch, encoders: FittedEncoders, merged: Merged, new: Dataset, progress: Progress | None = None
) -> SequenceBatch:
    """All histories of `merged` with what events carry and what is known of users; `packed` are the old ones.

    What old events carry is taken from `packed`, so that their pictures and sounds need not be there any more. Vectors
    of users that the new data bring go over those of the same name. Raises `DataError` where they are of another
    length.
    """
    rows, fresh = event_content(new, encoders, kept_vectors(), progress)
    content, content_rows = _contents(packed, rows, fresh, merged)
    n = merged.dataset.n_users
    codes = np.concatenate([merged.changed_users, np.arange(merged.n_old_users, n)])
    made = encoders.encode_table(schema.USERS, merged.dataset.users[codes], root=new.root, cache=kept_vectors())
    users = {name: _placed(view, n, codes, made.get(name)) for name, view in (packed.user_views or Views()).items()}
    users = _with_brought(users, new, schema.USERS, merged.dataset.user_vocabulary)
    return replace(
        merged.dataset.sequences(),
        content=content,
        content_rows=content_rows,
        user_views=Views(users) if users else None,
    )


def _contents(
    packed: SequenceBatch, rows: npt.NDArray[np.int32], fresh: Views, merged: Merged
) -> tuple[Views | None, npt.NDArray[np.int32] | None]:
    """Old contents, then the new ones, and the row of each event of `merged` in them."""
    old = packed.content if packed.content is not None and packed.content_rows is not None else Views()
    if not old and not fresh:
        return None, None
    n_old, n_new = _height(old.values()), _height(fresh.values())
    names = dict.fromkeys([*old, *fresh])
    dims = {name: (old[name] if name in old else fresh[name]).dim for name in names}
    stacked = {}
    for name in names:
        parts = [_of(views.get(name), size, dims[name]) for views, size in ((old, n_old), (fresh, n_new))]
        encoder = (old[name] if name in old else fresh[name]).encoder
        stacked[name] = View(
            np.concatenate([part.vectors for part in parts]), np.concatenate([part.present for part in parts]), encoder
        )
    out = np.full(merged.dataset.n_events, -1, dtype=np.int32)
    known = merged.old_rows >= 0
    if packed.content_rows is not None:
        out[known] = packed.content_rows[merged.old_rows[known]]
    own = rows[merged.new_rows[~known]]
    out[~known] = np.where(own >= 0, own + n_old, -1)
    return Views(stacked), out


def _placed(view: View, n: int, rows: Int64s, made: View | None) -> View:
    """A view of n rows: the old rows first, then `made` in the places of `rows`."""
    vectors, present = np.zeros((n, view.dim), dtype=np.float32), np.zeros(n, dtype=np.bool_)
    vectors[: len(view)], present[: len(view)] = view.vectors, view.present
    if made is not None and made.dim == view.dim:
        vectors[rows], present[rows] = made.vectors, made.present
    return View(vectors, present, view.encoder)


def _with_brought(views: dict[str, View], new: Dataset, table: str, vocabulary: Vocabulary) -> dict[str, View]:
    """The views of a table with the vectors that the new data bring under their names."""
    out = dict(views)
    for brought in new.vectors:
        if brought.table != table or brought.name not in out:
            continue
        known = out[brought.name]
        if brought.view.dim != known.dim:
            raise DataError(
                f"The vectors of {brought.name!r} have {brought.view.dim} numbers, those that the {table} have already "
                f"{known.dim}.",
                remedy="Bring vectors of the encoder that made the first ones, or leave them out.",
            )
        out[brought.name] = _overlaid(known, brought.aligned(vocabulary))
    return out


def _overlaid(view: View, other: View) -> View:
    where = other.present
    return View(np.where(where[:, None], other.vectors, view.vectors), view.present | where, view.encoder)


def _of(view: View | None, size: int, dim: int) -> View:
    if view is not None and view.dim == dim:
        return view
    return View(np.zeros((size, dim), dtype=np.float32), np.zeros(size, dtype=np.bool_))


def _height(views: Iterable[View]) -> int:
    return max((len(view) for view in views), default=0)
