"""Attributes as numbers: categories one-hot with a bucket for rare values, numbers standardised, lists multi-hot.

One encoder serves items, users and the context of events. `fit` fixes the layout, so later rows have the same one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Bools, Float32s, Float64s, Int32s
from penchant.data import schema
from penchant.data.modalities import Modality
from penchant.data.vocabulary import Vocabulary
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, OptionError
from penchant.options import require_range

CATEGORY: Final = "category"
NUMBER: Final = "number"
LIST: Final = "list"

_NOT_ATTRIBUTES: Final = frozenset(
    {
        schema.USER_ID,
        schema.ITEM_ID,
        schema.TITLE,
        schema.DESCRIPTION,
        schema.TEXT,
        schema.IMAGE,
        schema.AUDIO,
        schema.VIDEO,
        schema.CREATED_AT,
    }
)
_SMALL_TABLE: Final = 100
_CLIP: Final = 5.0


@dataclass(frozen=True)
class AttributeOptions:
    """Options of the modality of attributes: categories, numbers and lists of a table."""

    enabled: bool = True
    """Whether the modality is computed."""
    columns: tuple[str, ...] = ()
    """Columns that are used. Empty uses every column that fits; ids, free text and media never do."""
    max_categories: int = 50
    """Distinct values of a column that get a separate dimension. 1 or more; the others share one."""
    min_count: int = 5
    """Rows in which a value must occur to get a separate dimension. 1 or more; tables below 100 rows need one."""

    def __post_init__(self) -> None:
        require_range(self, "max_categories", "min_count", least=1, part="attributes.")


@dataclass(frozen=True)
class Block:
    """The dimensions of one column, from `start`, and its categories or its mean and standard deviation."""

    column: str
    kind: str
    start: int
    width: int
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0


class AttributeEncoder:
    """Rows of a table → vectors with a fixed layout.

    - a category: one dimension each, and one for rare and new values; a missing value is all zero;
    - a number: (x - mean) / std clipped to ±5, and a dimension that is 1 where the number is missing;
    - a list: 1/√n for each of its n distinct values; rare values share one dimension.
    """

    name = "attributes"

    def __init__(self, options: AttributeOptions = AttributeOptions()) -> None:
        self.options = options
        self._blocks: tuple[Block, ...] | None = None

    def fit(self, table: pl.DataFrame) -> AttributeEncoder:
        """Learn the layout from a table; returns itself. A table without attributes gives `dim` 0."""
        unknown = sorted(set(self.options.columns) - set(table.columns))
        if unknown:
            raise OptionError("attributes.columns", unknown[0], allowed=table.columns)
        names = self.options.columns or tuple(c for c in table.columns if c not in _NOT_ATTRIBUTES)
        blocks: list[Block] = []
        for name in names:
            start = blocks[-1].start + blocks[-1].width if blocks else 0
            block = self._fit_block(table[name], start)
            if block is not None:
                blocks.append(block)
        self._blocks = tuple(blocks)
        return self

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The layout; raises `EncoderError` before `fit`."""
        if self._blocks is None:
            raise EncoderError("The attribute encoder was not fitted.", remedy="Call fit(table) first.")
        return self._blocks

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.blocks[-1].start + self.blocks[-1].width if self.blocks else 0

    @property
    def names(self) -> list[str]:
        """The meaning of each dimension, `column=value`."""
        out: list[str] = []
        for block in self.blocks:
            if block.kind == NUMBER:
                out += [block.column, f"{block.column} is missing"]
            else:
                out += [f"{block.column}={value}" for value in block.categories] + [f"{block.column} is rare"]
        return out

    @property
    def fingerprint(self) -> str:
        """Name and a digest of the layout."""
        layout = json.dumps([asdict(block) for block in self.blocks], sort_keys=True)
        return f"attributes@{hashlib.sha256(layout.encode()).hexdigest()[:16]}"

    def encode(self, table: pl.DataFrame) -> Modality:
        """Vectors `[N, D]` of the rows; absent where every attribute is missing. Columns not in `table` are missing."""
        vectors = np.zeros((table.height, self.dim), dtype=np.float32)
        present = np.zeros(table.height, dtype=bool)
        for block in self.blocks:
            if block.column in table.columns:
                part = vectors[:, block.start : block.start + block.width]
                present |= _WRITERS[block.kind](block, table[block.column], part)
            elif block.kind == NUMBER:
                vectors[:, block.start + 1] = 1.0
        vectors[~present] = 0.0
        return Modality(vectors, present, self.fingerprint)

    def state(self) -> EncoderState:
        """Options and layout, for the bundle."""
        blocks = [asdict(block) for block in self.blocks]
        return EncoderState({}, {"name": self.name, "options": asdict(self.options), "blocks": blocks})

    @classmethod
    def from_state(cls, state: EncoderState) -> AttributeEncoder:
        """The encoder that gave `state`."""
        options = state.metadata["options"]
        encoder = cls(AttributeOptions(**{**options, "columns": tuple(options["columns"])}))
        encoder._blocks = tuple(Block(**{**b, "categories": tuple(b["categories"])}) for b in state.metadata["blocks"])
        return encoder

    def _fit_block(self, column: pl.Series, start: int) -> Block | None:
        """The block of one column; None for a constant, for free text and for a type that cannot be encoded."""
        kind = _detect_kind(column.dtype)
        values = column.drop_nulls()
        if kind is None or values.is_empty():
            return None
        if kind == NUMBER:
            return _fit_number(column, start)
        single = values if kind == CATEGORY else values.explode(empty_as_null=True).drop_nulls()
        text = single.cast(pl.String)
        distinct = text.n_unique()
        # mostly distinct values are names or sentences, not categories
        free = kind == CATEGORY and distinct > 20 and distinct > text.len() / 2
        constant = kind == CATEGORY and distinct == 1 and column.null_count() == 0
        if free or constant or not distinct:
            return None
        least = self.options.min_count if column.len() >= _SMALL_TABLE else 1
        counts = text.alias("value").value_counts(name="n").filter(pl.col("n") >= least)
        top = counts.sort("n", "value", descending=[True, False]).head(self.options.max_categories)
        categories = tuple(top["value"].to_list())
        return Block(column.name, kind, start, len(categories) + 1, categories) if categories else None


def _detect_kind(dtype: pl.DataType) -> str | None:
    if isinstance(dtype, (pl.List, pl.Array)):
        return LIST
    if dtype.is_numeric() or dtype.is_temporal():
        return NUMBER
    return CATEGORY if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean) else None


def _to_numbers(column: pl.Series) -> Float64s:
    """As float64 with NaN where missing or not finite."""
    if column.dtype.is_temporal():
        column = column.to_physical()
    values = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()
    values[~np.isfinite(values)] = np.nan
    return values


def _fit_number(column: pl.Series, start: int) -> Block | None:
    values = _to_numbers(column)
    known = values[~np.isnan(values)]
    if not len(known) or (known.std() == 0 and len(known) == len(values)):
        return None
    return Block(column.name, NUMBER, start, 2, mean=float(known.mean()), std=float(known.std()) or 1.0)


def _write_number(block: Block, column: pl.Series, out: Float32s) -> Bools:
    values = _to_numbers(column)
    missing = np.isnan(values)
    out[:, 0] = np.where(missing, 0.0, np.clip((values - block.mean) / block.std, -_CLIP, _CLIP))
    out[:, 1] = missing
    return ~missing


def _encode_values(block: Block, column: pl.Series) -> Int32s:
    """The dimension of each value within the block; rare and new values share the last."""
    codes = Vocabulary(block.categories).encode(column)
    return np.where(codes < 0, len(block.categories), codes).astype(np.int32)


def _write_category(block: Block, column: pl.Series, out: Float32s) -> Bools:
    known = column.is_not_null().to_numpy()
    codes = _encode_values(block, column)
    rows = np.flatnonzero(known)
    out[rows, codes[rows]] = 1.0
    return known


def _write_list(block: Block, column: pl.Series, out: Float32s) -> Bools:
    if not isinstance(column.dtype, (pl.List, pl.Array)):
        column = pl.select(pl.concat_list(column.cast(pl.String))).to_series()
    frame = pl.DataFrame({"row": np.arange(column.len()), "value": column}).explode("value", empty_as_null=True)
    frame = frame.drop_nulls().unique(maintain_order=True)
    rows, codes = frame["row"].to_numpy(), _encode_values(block, frame["value"])
    np.maximum.at(out, (rows, codes), 1.0)
    counts = out.sum(axis=1, keepdims=True)
    np.divide(out, np.sqrt(counts), out=out, where=counts > 0)
    return np.asarray(counts[:, 0] > 0)


_WRITERS: Final = {NUMBER: _write_number, CATEGORY: _write_category, LIST: _write_list}


def select_context_columns(columns: Sequence[str]) -> list[str]:
    """The context columns (`context_*`) of an event table."""
    return [name for name in columns if name.startswith(schema.CONTEXT_PREFIX)]
