from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.modalities import Modality
from penchant.embeddings.encode_table import EncodeOptions, encode_table
from penchant.encoders.migration import compare_neighbours
from penchant.errors import DataError, UsageError


def modality(points: list[list[float]], present: list[bool] | None = None, name: str = "old 1") -> Modality:
    told = np.ones(len(points), dtype=bool) if present is None else np.array(present)
    return Modality(np.array(points, dtype=np.float32) * told[:, None], told, name)


def on_a_circle(*degrees: float) -> list[list[float]]:
    return [[float(np.cos(np.radians(d))), float(np.sin(np.radians(d)))] for d in degrees]


def test_neighbours_by_hand() -> None:
    old = modality(on_a_circle(0, 10, 30, 60, 100))
    # 1 nearest: 0→1, 1→0, 2→1, 3→2, 4→3; after row 0 went to 50°: 0→3, 1→2, 2→0 (20° from both: first), 3→0, 4→3
    new = modality(on_a_circle(50, 10, 30.5, 60, 100), name="new 2")
    told = compare_neighbours(old, new, k=1)
    assert told.overlap == pytest.approx(1 / 5) and told.chance == 1 / 4 and told.rows == told.sampled == 5
    assert told.moved[-1] == 4 and (told.old_encoder, told.new_encoder) == ("old", "new")
    assert compare_neighbours(old, new, k=9).overlap == 1.0  # all others are neighbours


def test_a_turned_space_moves_nobody_and_noise_moves_all() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((300, 12)).astype(np.float32)
    turn, _ = np.linalg.qr(rng.standard_normal((12, 12)))
    everybody = np.ones(300, dtype=bool)
    old = Modality(points, everybody, "a")
    assert compare_neighbours(old, Modality((points @ turn * 3).astype(np.float32), everybody, "b")).overlap == 1.0
    other = Modality(rng.standard_normal((300, 5)).astype(np.float32), everybody, "c")
    told = compare_neighbours(old, other)
    assert told.overlap == pytest.approx(told.chance, abs=0.02) and told.chance == pytest.approx(10 / 299)
    assert compare_neighbours(old, other, sample=50, seed=1).sampled == 50


def test_rows_that_only_one_modality_has_are_counted() -> None:
    old = modality(on_a_circle(0, 10, 20, 30), [True, True, True, False])
    new = modality(on_a_circle(0, 10, 20, 30), [False, True, True, True], "new")
    told = compare_neighbours(old, new)
    assert (told.rows, told.gained, told.lost, told.overlap) == (2, 1, 1, 1.0)
    assert "1 items gained a vector, 1 lost it" in told.sentence
    with pytest.raises(DataError, match="Only 0 items"):
        compare_neighbours(old, modality(on_a_circle(0, 1, 2, 3), [False, False, False, True]))
    with pytest.raises(UsageError, match="k=0"):
        compare_neighbours(old, new, k=0)
    with pytest.raises(DataError, match="4 and 1 rows"):
        compare_neighbours(old, modality([[1.0, 0.0]]))


def test_encoding_anew_says_how_far_neighbours_moved(tmp_path: Path) -> None:
    items = pl.DataFrame({"item_id": list("abcd"), "title": ["red train", "red trains", "garden hose", "garden"]})
    shop = Dataset.from_tables(pl.DataFrame({"user_id": ["u"], "item_id": ["b"], "timestamp": [1]}), items)
    old = encode_table(shop, tmp_path / "old.parquet", EncodeOptions("text", "ngram"))
    new = encode_table(shop, tmp_path / "new.parquet", EncodeOptions("text", "ngram", beside=old.path, k=1))
    assert old.moved is None and new.moved is not None and new.moved.overlap == 1.0
    assert new.notes[-1].partition("%")[2].startswith(" of the 1 nearest neighbours by the old vectors (ngram@")
    pl.DataFrame({"user_id": ["u"], "vector": [[1.0]]}).write_parquet(tmp_path / "u.parquet")
    with pytest.raises(DataError, match="holds vectors of users"):
        encode_table(shop, tmp_path / "x.parquet", EncodeOptions("text", "ngram", beside=tmp_path / "u.parquet"))
