"""The only conversion between external ids and integer codes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from penchant.arrays import Int32s, Ints
from penchant.errors import DataError, UnknownIdError


class Vocabulary:
    """An ordered set of string ids; the code of an id is its position.

    >>> v = Vocabulary(["i7", "i3"])
    >>> v.encode(["i3", "nope"]).tolist(), v.decode([0, 1])
    ([1, -1], ['i7', 'i3'])
    """

    def __init__(self, ids: Iterable[str] | pl.Series) -> None:
        series = ids if isinstance(ids, pl.Series) else pl.Series("id", list(ids), dtype=pl.String)
        self.ids: pl.Series = series.cast(pl.String).alias("id").rechunk()
        if self.ids.null_count() or self.ids.n_unique() != len(self.ids):
            raise DataError("A vocabulary needs ids that are unique and not null.")
        self._codes: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, value: object) -> bool:
        return str(value) in self._lookup()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.ids.equals(other.ids)

    __hash__ = None  # type: ignore[assignment]

    def _lookup(self) -> dict[str, int]:
        if self._codes is None:
            self._codes = {value: code for code, value in enumerate(self.ids.to_list())}
        return self._codes

    def encode(self, values: Iterable[object] | pl.Series) -> Int32s:
        """Codes `[N]` of ids; -1 where an id is not in the vocabulary or null."""
        series = values if isinstance(values, pl.Series) else pl.Series([None if v is None else str(v) for v in values])
        frame = pl.DataFrame({"id": series.cast(pl.String)})
        return self.encode_frame(frame, "id")

    def encode_frame(self, frame: pl.DataFrame, column: str) -> Int32s:
        """Codes of one column, by a hash join (no Python loop)."""
        table = pl.DataFrame({column: self.ids, "__code": np.arange(len(self.ids), dtype=np.int32)})
        joined = frame.select(pl.col(column).cast(pl.String)).join(table, on=column, how="left", maintain_order="left")
        return joined["__code"].fill_null(-1).to_numpy().astype(np.int32, copy=False)

    def encode_one(self, value: object, *, kind: str) -> int:
        """Code of one id; raises `UnknownIdError` (with the nearest ids) where it is unknown."""
        code = self._lookup().get(str(value))
        if code is None:
            raise UnknownIdError(
                kind,
                value,
                near=self.ids.head(20_000).to_list(),
                remedy=f"Give one of the {len(self):,} ids that the data have.",
            )
        return code

    def decode(self, codes: Sequence[int] | Ints) -> list[str]:
        """Ids of codes `[N]`, in order."""
        return self.ids.gather(np.asarray(codes, dtype=np.int64)).to_list()

    def extend(self, values: pl.Series) -> Vocabulary:
        """The same codes, with unseen ids appended in order of first appearance."""
        fresh = values.cast(pl.String).drop_nulls().unique(maintain_order=True)
        fresh = fresh.filter(~fresh.is_in(self.ids.implode()))
        return Vocabulary(pl.concat([self.ids, fresh.alias("id")]))

    def digest(self) -> str:
        """SHA-256 of the ids in order: two artefacts with the same digest share their codes."""
        hasher = hashlib.sha256()
        for value in self.ids.to_list():
            hasher.update(value.encode("utf-8", "surrogatepass") + b"\0")
        return hasher.hexdigest()
