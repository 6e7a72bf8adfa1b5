"""Precomputed embeddings: a table of ids and vectors becomes a modality like any other.

A Parquet file has the columns `item_id` (or `user_id`), `vector` (a list of D numbers) and, if some rows have none,
`present`. A `.npy` file holds `[N, D]` numbers, and beside it `NAME.ids.csv` names the rows. Files in the folder
`modalities/` of a dataset are read automatically; the name of the file is the name of the modality.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Bools, Float32s
from penchant.data import schema
from penchant.data.columns import parse_ids
from penchant.data.modalities import Modality
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError

FOLDER: Final = "modalities"
EARLIER_FOLDER: Final = "views"
"""What the folder was called before."""
VECTOR: Final = "vector"
PRESENT: Final = "present"
ENCODER: Final = "encoder"
"""Key of a Parquet file's metadata that holds the cache key of the encoder."""

_KEYS: Final = {schema.ITEM_ID: schema.ITEMS, schema.USER_ID: schema.USERS}
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_RESERVED: Final = frozenset({schema.BEHAVIOUR, schema.ATTRIBUTES, "items", "keys", "values", "type", "train"})


@dataclass(frozen=True)
class PrecomputedEmbeddings:
    """The modality `name` of `items` or `users` (`table`): row r of `modality` belongs to `ids[r]`."""

    name: str
    table: str
    ids: pl.Series
    modality: Modality

    def align(self, vocabulary: Vocabulary) -> Modality:
        """The modality of every id of a vocabulary, in the order of codes; ids without a vector are absent."""
        codes = vocabulary.encode(self.ids)
        vectors = np.zeros((len(vocabulary), self.modality.dim), dtype=np.float32)
        present = np.zeros(len(vocabulary), dtype=bool)
        vectors[codes[codes >= 0]] = self.modality.vectors[codes >= 0]
        present[codes[codes >= 0]] = self.modality.present[codes >= 0]
        return Modality(vectors, present, self.modality.encoder)

    def describe_coverage(self, total: int) -> str:
        """The share of the `total` rows of its table that it covers, in words for the report."""
        covered = int(self.modality.present.sum())
        return (
            f"{FOLDER}/{self.name}: {covered:,} of {total:,} {self.table} have a vector of {self.modality.dim} numbers"
        )

    def check(self, vocabulary: Vocabulary) -> PrecomputedEmbeddings:
        """Return self. Raises `DataError` if an id is not in the vocabulary."""
        unknown = self.ids.filter(pl.Series(vocabulary.encode(self.ids) < 0))
        if unknown.len():
            raise DataError(
                f"The vectors of {self.name!r} name {unknown.len():,} ids that the {self.table} do not have "
                f"(first: {unknown[0]!r}).",
                remedy=f"Leave these rows out, or add them to the table of {self.table}.",
            )
        return self


def read_vectors(path: str | Path, name: str | None = None) -> PrecomputedEmbeddings:
    """Embeddings from `.parquet`, or from `.npy` with its `.ids.csv`; `name` defaults to that of the file.

    Raises `DataError` for a missing file or another format, an id that is missing or occurs twice, vectors of
    different lengths, and numbers that are not finite in a row that is present.
    """
    file = Path(path).expanduser()
    modality_name = name or file.name.removesuffix(file.suffix)
    if not file.is_file():
        raise DataError(
            f"There is no file {file} for the modality {modality_name!r}.", remedy="Give a .parquet or .npy file."
        )
    if file.suffix == ".npy":
        return parse_vectors(modality_name, _read_npy(file), source=file.name)
    if file.suffix not in (".parquet", ".pq"):
        raise DataError(f"{file} is no table of vectors.", remedy="Give a .parquet or .npy file.")
    try:
        frame, encoder = pl.read_parquet(file), pl.read_parquet_metadata(file).get(ENCODER, "")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file} cannot be read: {error}", remedy="Write it again as Parquet.") from error
    return parse_vectors(modality_name, frame, source=file.name, encoder=encoder)


def parse_vectors(name: str, frame: pl.DataFrame, *, source: str = "", encoder: str = "") -> PrecomputedEmbeddings:
    """Embeddings from a frame with `item_id` or `user_id`, `vector` and optional `present`."""
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise DataError(
            f"{name!r} cannot be the name of a modality.",
            remedy=f"Use small letters, digits, - and _, but none of {', '.join(sorted(_RESERVED))}.",
        )
    place = source or f"The table of {name!r}"
    keys = [key for key in _KEYS if key in frame.columns]
    if len(keys) != 1 or VECTOR not in frame.columns:
        raise DataError(
            f"{place} has the columns {', '.join(frame.columns)}.",
            remedy="It needs item_id or user_id, and vector; present is optional.",
        )
    ids = parse_ids(frame[keys[0]])
    if ids.null_count():
        raise DataError(f"{place}: {ids.null_count():,} rows have no {keys[0]}.", remedy="Leave them out.")
    twice = ids.filter(ids.is_duplicated())
    if twice.len():
        raise DataError(f"{place}: {keys[0]} {twice[0]!r} occurs more than once.", remedy="Keep one row for each id.")
    vectors, has_vector = _parse_matrix(frame[VECTOR], place)
    present = has_vector
    if PRESENT in frame.columns:
        if frame[PRESENT].dtype != pl.Boolean:
            raise DataError(f"{place}: present is {frame[PRESENT].dtype}.", remedy="It says true or false.")
        present = has_vector & frame[PRESENT].fill_null(False).to_numpy()
    wrong = np.flatnonzero(present & ~np.isfinite(vectors).all(axis=1))
    if len(wrong):
        raise DataError(
            f"{place}: the vector of {ids[int(wrong[0])]!r} is not finite ({len(wrong):,} such rows).",
            remedy="Correct it, leave the row out, or set present = false.",
        )
    vectors = np.where(present[:, None], vectors, np.float32(0)).astype(np.float32)
    return PrecomputedEmbeddings(
        name, _KEYS[keys[0]], ids, Modality(vectors, present, encoder or f"vectors of {place}")
    )


def read_folder_vectors(root: Path) -> tuple[PrecomputedEmbeddings, ...]:
    """The embeddings in the folder `modalities/` of a dataset, in the order of names."""
    folder, earlier = root / FOLDER, root / EARLIER_FOLDER
    if any(earlier.glob("*.parquet")) or any(earlier.glob("*.npy")):
        raise DataError(f"{earlier} has an earlier name.", remedy=f"Rename the folder to {FOLDER}/.")
    if not folder.is_dir():
        return ()
    files = sorted(path for path in folder.iterdir() if path.suffix in (".parquet", ".pq", ".npy"))
    tables = [read_vectors(path) for path in files]
    names = [vectors.name for vectors in tables]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{folder} holds two files of the modality {name!r}.", remedy="Keep one of them.")
    return tuple(tables)


def check_vectors(
    vectors: Iterable[PrecomputedEmbeddings], vocabularies: Mapping[str, Vocabulary]
) -> tuple[PrecomputedEmbeddings, ...]:
    """The same embeddings, with ids checked against their tables (see `PrecomputedEmbeddings.check`)."""
    return tuple(each.check(vocabularies[each.table]) for each in vectors)


def _parse_matrix(column: pl.Series, place: str) -> tuple[Float32s, Bools]:
    """Vectors `[N, D]` and which rows have one."""
    inner = column.dtype.inner if isinstance(column.dtype, pl.List | pl.Array) else pl.String()
    if not (inner.is_numeric() or inner == pl.Null):
        raise DataError(f"{place}: vector is {column.dtype}.", remedy="It must be a list of numbers in every row.")
    lists = column.cast(pl.List(pl.Float32))
    has_vector = lists.is_not_null().to_numpy()
    lengths = lists.drop_nulls().list.len()
    if not lengths.len() or lengths[0] == 0:
        raise DataError(f"{place} holds no vector.", remedy="Give every row that has one a list of numbers.")
    if lengths.n_unique() > 1:
        row = int((lengths != lengths[0]).arg_max() or 0)
        raise DataError(
            f"{place}: vectors have different lengths, {lengths[0]} in the first and {lengths[row]} further on.",
            remedy="All vectors of one modality have the same length.",
        )
    dim = int(lengths[0])
    lists = lists.fill_null(pl.Series([[0.0] * dim], dtype=pl.List(pl.Float32)))
    numbers = lists.list.eval(pl.element().fill_null(float("nan"))).list.to_array(dim)
    return np.asarray(numbers.to_numpy(), dtype=np.float32), has_vector


def _read_npy(file: Path) -> pl.DataFrame:
    """The array of a `.npy` file and the ids beside it as a frame."""
    beside = file.with_suffix(".ids.csv")
    if not beside.is_file():
        raise DataError(f"{file} has no ids.", remedy=f"Put {beside.name} beside it: item_id and one id per line.")
    try:
        array = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{file} cannot be read: {error}", remedy="Write it again with numpy.save.") from error
    ids = pl.read_csv(beside, infer_schema=False)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise DataError(f"{file} holds {array.dtype} {array.shape}.", remedy="It must be numbers [N, D].")
    if len(array) != ids.height:
        raise DataError(f"{file} has {len(array):,} rows and {beside.name} {ids.height:,} ids.")
    values = array.astype(np.float32)
    return ids.with_columns(pl.Series(VECTOR, values, dtype=pl.Array(pl.Float32, values.shape[1])))
