"""An ad-hoc history (not a known user's) as a `SequenceBatch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int32s, Int64s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.kinds import mask_wanted_kinds, match_kind_codes
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError, UnknownIdError, UsageError

TimeLike = str | int | float | datetime
"""UTC seconds, ISO 8601 (a day, or a day and a time) or a datetime."""

LEFT_OUT = "are left out"
"""In the note of a report that says which events of a history could not be used."""

ANONYMOUS = "anonymous"
"""The user id of a history that names none."""


def time_to_seconds(value: TimeLike) -> int:
    """UTC seconds of a time given in any usual form.

    >>> time_to_seconds("1970-01-02"), time_to_seconds(86400), time_to_seconds("1970-01-01T00:00:10Z")
    (86400, 86400, 10)
    """
    from penchant.data.ingest.timestamps import to_seconds

    seconds = to_seconds(pl.Series([value]))[0]
    if seconds is None:
        raise UsageError(
            f"The time {value!r} is not understood.",
            remedy="Give ISO 8601 (2026-05-01 or 2026-05-01T12:00:00Z) or UTC seconds.",
        )
    return int(seconds)


def code_history(dataset: Dataset, history: Any) -> tuple[list[str], SequenceBatch, Dataset]:
    """User ids, packed histories and the coded events of an ad-hoc history.

    `history`: item ids (oldest first), a path to an events file, or a frame with the contract's event columns (where
    `user_id` is missing, all rows are of one anonymous user). Raises `UnknownIdError` if none of its items is known
    and nothing else is in it; unknown items beside known ones are left out and counted in the dataset's report.
    """
    from penchant.data.ingest.load import build

    table = _read_history(history)
    if schema.USER_ID not in table.columns:
        table = table.with_columns(pl.lit(ANONYMOUS).alias(schema.USER_ID))
    if schema.TIMESTAMP not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.Int64).alias(schema.TIMESTAMP))
    if table.height == 0:
        raise DataError("The history has no rows.", remedy="Give at least one item_id, or a sentence (text=…, --text).")
    coded = build(table)
    codes = dataset.item_vocabulary.encode(coded.item_vocabulary.ids)
    items = coded.events[schema.ITEM].to_numpy(writable=False) if coded.n_items else np.empty(0)
    no_item = coded.events[schema.ITEM].is_null().to_numpy()
    mapped = np.where(
        no_item,
        -1,
        codes[np.where(no_item, 0, np.nan_to_num(items)).astype(np.int64)] if len(codes) else -1,
    )
    keep = (mapped >= 0) | no_item
    if not keep.any():
        first = coded.item_vocabulary.ids.to_list()[0] if coded.n_items else "(none)"
        raise UnknownIdError(
            "item",
            first,
            near=dataset.item_vocabulary.ids.head(20_000).to_list(),
            remedy="No item of the history is in the catalogue: compare its ids with those the bundle was trained on.",
        )
    kinds, understood = match_kinds(dataset.kinds, coded.kinds)
    keep &= understood[coded.events[schema.KIND].to_numpy()]
    events = coded.events.with_columns(
        pl.Series(schema.ITEM, np.where(mapped >= 0, mapped, -1), dtype=pl.Int32).replace(-1, None),
        pl.Series(schema.KIND, kinds[coded.events[schema.KIND].to_numpy()], dtype=pl.Int16),
    ).filter(pl.Series(keep))
    report = coded.report
    if report is not None and not keep.all():
        report = report.with_note(
            schema.EVENTS,
            f"{int((~keep).sum()):,} of {len(keep):,} events of the history {LEFT_OUT}: their items are not in the "
            "catalogue, or their kind says 'not this' in a word that the bundle has not learned.",
        )
    holder = Dataset(
        items=dataset.items,
        events=events,
        users=coded.users,
        item_vocabulary=dataset.item_vocabulary,
        user_vocabulary=coded.user_vocabulary,
        kinds=dataset.kinds,
        report=report,
        root=coded.root,
    )
    batch = holder.sequences()
    anonymous = SequenceBatch(**{**batch.__dict__, "users": np.full(len(batch), -1, dtype=np.int32)})
    return coded.user_vocabulary.ids.to_list(), anonymous, holder


def match_kinds(known: Vocabulary, kinds: Vocabulary) -> tuple[Int32s, Bools]:
    """The code in `known` (a bundle's kinds) of each of `kinds`, and whether its meaning is known, both `[kinds]`.

    Kinds match by what they mean (`match_kind_codes`). A kind that the bundle has not seen counts as a view (or as
    the bundle's first kind), unless it is negative or passive.

    >>> codes, understood = match_kinds(Vocabulary(["dislike", "view"]), Vocabulary(["collect", "hide"]))
    >>> codes.tolist(), understood.tolist()
    ([1, 1], [True, False])
    """
    names, words = known.ids.to_list(), kinds.ids.to_list()
    codes = match_kind_codes(names, words)
    understood = (codes >= 0) | mask_wanted_kinds(words)
    wanted = np.flatnonzero(mask_wanted_kinds(names))
    fallback = names.index(schema.DEFAULT_KIND) if schema.DEFAULT_KIND in names else (wanted[0] if len(wanted) else 0)
    return np.where(codes >= 0, codes, fallback).astype(np.int32), understood


def _read_history(history: Any) -> pl.DataFrame:
    from penchant.data.ingest.load import read_table, to_frame

    if isinstance(history, str | Path):
        return read_table(Path(history))
    if isinstance(history, Sequence) and not isinstance(history, Mapping):
        rows = list(history)
        if rows and isinstance(rows[0], Mapping):
            return pl.DataFrame(rows)
        return pl.DataFrame({schema.ITEM_ID: pl.Series([str(v) for v in rows], dtype=pl.String)})
    return to_frame(history)


def build_single_event() -> SequenceBatch:
    """The history of a cold query: one event without an item, whose content is row 0 of the contents."""
    return SequenceBatch(
        offsets=np.array([0, 1], dtype=np.int64),
        items=np.array([-1], dtype=np.int32),
        times_s=np.zeros(1, dtype=np.int64),
        kinds=np.zeros(1, dtype=np.int16),
        values=np.full(1, np.nan, dtype=np.float32),
        users=np.array([-1], dtype=np.int32),
        content_rows=np.zeros(1, dtype=np.int32),
    )


def parse_request_times(value: TimeLike | Sequence[TimeLike], n: int) -> Int64s:
    """One time for all n requests, or one for each, in UTC seconds `[n]`."""
    if isinstance(value, str | int | float | datetime):
        return np.full(n, time_to_seconds(value), dtype=np.int64)
    from penchant.data.ingest.timestamps import to_seconds

    if len(value) != n:
        raise UsageError(f"{len(value)} times for {n} requests.", remedy="Give one time, or one for each request.")
    seconds = to_seconds(pl.Series(list(value)))
    if seconds.null_count():
        first = value[int(np.flatnonzero(seconds.is_null().to_numpy())[0])]
        time_to_seconds(first)
    return seconds.to_numpy().astype(np.int64)
