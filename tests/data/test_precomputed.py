from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.precomputed import parse_vectors, read_folder_vectors, read_vectors
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError

GOOD: dict[str, Any] = {"item_id": ["b", "a"], "vector": [[1.0, 2.0], [3.0, 4.0]]}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "modalities").mkdir(parents=True)
    events = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "c"], "timestamp": [1, 2]})
    events.write_parquet(root / "events.parquet")
    pl.DataFrame({"item_id": ["a", "b", "c"]}).write_parquet(root / "items.parquet")
    return root


def test_rows_follow_the_ids_and_what_is_missing_is_absent() -> None:
    told = {**GOOD, "item_id": ["b", "a", "c", "d"], "present": [True, True, False, None]}
    own = parse_vectors("shape", pl.DataFrame({**told, "vector": [[1.0, 2.0], [3.0, 4.0], [float("nan"), 0.0], None]}))
    modality = own.align(Vocabulary(["a", "x", "b", "c"]))
    assert modality.vectors.tolist() == [[3, 4], [0, 0], [1, 2], [0, 0]]
    assert modality.present.tolist() == [True, False, True, False] and own.table == "items"


def test_files_in_the_folder_of_modalities_are_taken_up(shop: Path) -> None:
    pl.DataFrame(GOOD).write_parquet(shop / "modalities" / "shape.parquet", metadata={"encoder": "nerf 3"})
    np.save(shop / "modalities" / "taste.npy", np.array([[1, 2, 3]]))
    (shop / "modalities" / "taste.ids.csv").write_text("user_id\nv\n", encoding="utf-8")
    (shop / "modalities" / "notes.txt").write_text("no modality", encoding="utf-8")
    data = Dataset.load(shop)
    assert [(own.name, own.table, own.modality.dim) for own in data.vectors] == [
        ("shape", "items", 2),
        ("taste", "users", 3),
    ]
    assert data.vectors[0].modality.encoder == "nerf 3"
    assert "modalities/shape: 2 of 3 items have a vector of 2 numbers" in str(data.report)
    more = data.with_vectors("shape", pl.DataFrame({"item_id": ["c"], "vector": [[9.0]]}))
    assert [(own.name, own.modality.dim) for own in more.vectors] == [("taste", 3), ("shape", 1)]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"item_id": ["b", "b"]}, "item_id 'b' occurs more than once"),
        ({"item_id": ["b", None]}, "1 rows have no item_id"),
        ({"item_id": ["b", "zz"]}, r"1 ids that the items do not have \(first: 'zz'\)"),
        ({"vector": [[1.0, 2.0], [3.0, float("nan")]]}, r"the vector of 'a' is not finite \(1 such rows\)"),
        ({"vector": [[1.0, 2.0], [3.0, None]]}, "the vector of 'a' is not finite"),
        ({"vector": [[1.0, 2.0], [3.0]]}, "different lengths, 2 in the first and 1 further on"),
        ({"vector": [[], []]}, "holds no vector"),
        ({"vector": ["1 2", "3 4"]}, "vector is String"),
        ({"present": ["yes", "no"]}, "present is String"),
        ({"user_id": ["u", "v"]}, "It needs item_id or user_id"),
    ],
)
def test_what_cannot_be_a_modality_is_refused(shop: Path, changed: dict[str, Any], told: str) -> None:
    pl.DataFrame({**GOOD, **changed}, strict=False).write_parquet(shop / "modalities" / "shape.parquet")
    with pytest.raises(DataError, match=told):
        Dataset.load(shop)


@pytest.mark.parametrize(
    ("array", "ids", "told"),
    [
        (np.zeros((2, 2)), "item_id\na\n", "2 rows and taste.ids.csv 1 ids"),
        (np.zeros(2), "item_id\na\nb\n", r"float64 \(2,\).*numbers \[N, D\]"),
        (np.zeros((1, 1), dtype=complex), "item_id\na\n", "complex128"),
        (np.array([["x"]], dtype=object), "item_id\na\n", "cannot be read"),
        (np.zeros((1, 1)), None, "has no ids.*Put taste.ids.csv beside it"),
    ],
)
def test_a_bad_array_is_refused(tmp_path: Path, array: Any, ids: str | None, told: str) -> None:
    np.save(tmp_path / "taste.npy", array)
    if ids is not None:
        (tmp_path / "taste.ids.csv").write_text(ids, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        read_vectors(tmp_path / "taste.npy")


def test_bad_names_and_files(tmp_path: Path) -> None:
    for name in ("behaviour", "a.b", "Shape", ""):
        with pytest.raises(DataError, match="cannot be the name of a modality"):
            parse_vectors(name, pl.DataFrame(GOOD))
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    for name, told in (("gone.parquet", "There is no file"), ("x.parquet", "cannot be read"), ("x.csv", "There is no")):
        with pytest.raises(DataError, match=told):
            read_vectors(tmp_path / name)


def test_two_files_of_one_name_are_refused(shop: Path) -> None:
    pl.DataFrame(GOOD).write_parquet(shop / "modalities" / "shape.parquet")
    pl.DataFrame(GOOD).write_parquet(shop / "modalities" / "shape.pq")
    with pytest.raises(DataError, match="two files of the modality 'shape'"):
        Dataset.load(shop)


def test_the_earlier_name_of_the_folder_is_an_error_that_names_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "shape.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"views has an earlier name\. Rename the folder to modalities/\.$"):
        read_folder_vectors(tmp_path)
