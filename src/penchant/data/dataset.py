"""The dataset: items, events, users and relations as tables, ids as integer codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.arrays import Bools, Float32s, Int32s, Ints
from penchant.data import schema
from penchant.data.precomputed import PrecomputedEmbeddings, check_vectors, parse_vectors
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.errors import UnknownIdError

if TYPE_CHECKING:
    from penchant.data.ingest.load import IngestReport, Table


@dataclass(frozen=True, repr=False)
class Dataset:
    """Tables of one platform, coded.

    - `items`: row i is the item with code i; `item_id`, the contract's columns and any attributes.
    - `users`: row u is the user with code u; `user_id` and any attributes.
    - `events`: sorted by user, time and `seq`; `event_id` (String), `user` (Int32 code), `item` (Int32 code or
      null), `kind` (Int16 code into `kinds`), `time_s` (Int64 UTC seconds or null), `seq` (Int64), `value` (Float32
      or null), and the further columns of the file.
    - `relations`: `source_id`, `target_id`, `kind`, or None.
    - `report`: what was read, recognised, dropped and quarantined, with reasons.
    - `root`: the folder that media paths are relative to.
    - `vectors`: precomputed embeddings of items or users.
    - `named_events`: whether the file gave every event its `event_id`, or reading generated some (None: unknown).
    """

    items: pl.DataFrame
    events: pl.DataFrame
    users: pl.DataFrame
    item_vocabulary: Vocabulary
    user_vocabulary: Vocabulary
    kinds: Vocabulary
    relations: pl.DataFrame | None = None
    report: IngestReport | None = None
    root: Path | None = None
    vectors: tuple[PrecomputedEmbeddings, ...] = ()
    named_events: bool | None = None
    _cache: dict[str, SequenceBatch] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, path: str | Path, *, strict: bool = False) -> Dataset:
        """Read a folder that follows the data contract (DESIGN: tables as parquet, csv[.gz] or jsonl).

        Raises `SchemaError` / `DataError`; with `strict`, also if any row would be quarantined.
        """
        from penchant.data.ingest.load import load_folder

        return load_folder(Path(path), strict=strict)

    @classmethod
    def from_tables(
        cls,
        events: Table,
        items: Table | None = None,
        users: Table | None = None,
        relations: Table | None = None,
        *,
        root: str | Path | None = None,
        strict: bool = False,
    ) -> Dataset:
        """A dataset from frames of pandas, polars or Arrow."""
        from penchant.data.ingest.load import build

        return build(events, items, users, relations, root=Path(root) if root else None, strict=strict)

    def __repr__(self) -> str:
        return f"Dataset(users={self.n_users}, items={self.n_items}, events={self.n_events})"

    @property
    def n_items(self) -> int:
        """Number of items N in the catalogue."""
        return self.items.height

    @property
    def n_users(self) -> int:
        """Number of users."""
        return self.users.height

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self.events.height

    def with_events(self, events: pl.DataFrame) -> Dataset:
        """A copy with other events, coded and sorted."""
        return replace(self, events=events, _cache={})

    def with_vectors(self, name: str, table: pl.DataFrame) -> Dataset:
        """A copy with the modality `name`, from a frame with `item_id` or `user_id`, `vector` and optional `present`.

        Raises `DataError` for ids that are unknown or occur twice, and for vectors of different lengths.
        """
        checked = check_vectors([parse_vectors(name, table)], self.vocabularies)
        others = (each for each in self.vectors if (each.name, each.table) != (name, checked[0].table))
        return replace(self, vectors=(*others, *checked))

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The ids of `items` and of `users`."""
        return {schema.ITEMS: self.item_vocabulary, schema.USERS: self.user_vocabulary}

    def where(self, mask: pl.Expr | Bools) -> Dataset:
        """A copy with the events for which `mask` is true; items, users and codes stay."""
        return self.with_events(self.events.filter(mask if isinstance(mask, pl.Expr) else pl.Series(mask)))

    def sequences(self, users: Iterable[int] | Ints | None = None) -> SequenceBatch:
        """Histories of all users (row = user code), or of some, in the given order."""
        if "all" not in self._cache:
            self._cache["all"] = _pack(self.events, self.n_users)
        everyone = self._cache["all"]
        return everyone if users is None else everyone.take(np.asarray(list(users), dtype=np.int64))

    def encode_users(self, user_ids: Iterable[object]) -> Int32s:
        """Codes of users. Raises `UnknownIdError` for the first unknown id."""
        wanted = [str(u) for u in user_ids]
        codes = self.user_vocabulary.encode(wanted)
        if (codes < 0).any():
            first = wanted[int(np.flatnonzero(codes < 0)[0])]
            no_histories = (
                ""
                if len(self.user_vocabulary)
                else "There are no known users: the bundle was written with --no-histories. "
            )
            raise UnknownIdError(
                "user",
                first,
                near=self.user_vocabulary.ids.head(20_000).to_list(),
                remedy=f"{no_histories}Give the events of the user instead: history=… (--history FILE), "
                "or a sentence: text=… (--text).",
            )
        return codes


def _pack(events: pl.DataFrame, n_users: int) -> SequenceBatch:
    """All histories of a sorted event table as one batch, rows = user codes."""
    users = events[schema.USER].to_numpy()
    offsets = np.zeros(n_users + 1, dtype=np.int64)
    np.cumsum(np.bincount(users, minlength=n_users), out=offsets[1:])
    times_s = (
        events.select(pl.col(schema.TIME_S).forward_fill().backward_fill().over(schema.USER).fill_null(0).alias("t"))[
            "t"
        ]
        if events[schema.TIME_S].null_count()
        else events[schema.TIME_S]
    )
    values = _read_amounts(events, schema.VALUE)
    return SequenceBatch(
        offsets=offsets,
        items=events[schema.ITEM].fill_null(-1).to_numpy().astype(np.int32, copy=False),
        times_s=times_s.to_numpy().astype(np.int64, copy=False),
        kinds=events[schema.KIND].to_numpy().astype(np.int16, copy=False),
        values=np.full(events.height, np.nan, dtype=np.float32) if values is None else values,
        dwells_s=_read_amounts(events, schema.DWELL_S),
        users=np.arange(n_users, dtype=np.int32),
        event_rows=np.arange(events.height, dtype=np.int64),
    )


def _read_amounts(events: pl.DataFrame, column: str) -> Float32s | None:
    """A column of numbers, NaN for nulls; None without the column."""
    if column not in events.columns:
        return None
    numbers = events[column].cast(pl.Float32).fill_null(float("nan")).to_numpy()
    return numbers.astype(np.float32, copy=False)
