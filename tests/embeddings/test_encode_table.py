from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.embeddings.encode_table import EncodeOptions, encode_table
from penchant.encoders.cache import EncoderCache
from penchant.errors import DataError, OptionError


@pytest.fixture
def shop() -> Dataset:
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["a red train", "garden hose", None]})
    return Dataset.from_tables(pl.DataFrame({"user_id": ["u"], "item_id": ["b"], "timestamp": [1]}), items)


def test_the_file_holds_ids_vectors_and_presence(shop: Dataset, tmp_path: Path) -> None:
    done = encode_table(
        shop, tmp_path / "out.parquet", EncodeOptions("text", "ngram"), cache=EncoderCache(tmp_path / "cache")
    )
    frame = pl.read_parquet(done.path)
    assert frame.columns == ["item_id", "vector", "present"]
    assert frame["item_id"].to_list() == shop.item_vocabulary.ids.to_list()
    assert frame.schema["vector"] == pl.Array(pl.Float32, done.modality.dim)
    assert np.array_equal(frame["vector"].to_numpy(), done.modality.vectors)
    assert sorted(frame.filter("present")["item_id"]) == ["a", "b"]
    assert pl.read_parquet_metadata(done.path)["encoder"] == done.modality.encoder
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["out.parquet"]


def test_auto_says_what_it_chose(shop: Dataset, tmp_path: Path) -> None:
    done = encode_table(shop, tmp_path / "out.parquet", EncodeOptions("text"), cache=EncoderCache(tmp_path / "cache"))
    assert done.modality.dim == 384 and done.notes[0].startswith("minilm was chosen because")


def test_bad_calls_write_nothing(shop: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(OptionError, match=r"modality='txt' is not known.*Did you mean 'text'"):
        encode_table(shop, out, EncodeOptions("txt"))
    bare = Dataset.from_tables(pl.DataFrame({"user_id": ["u"], "item_id": ["b"], "timestamp": [1]}))
    with pytest.raises(DataError, match=r"No item has content of the modality text.*item_id"):
        encode_table(bare, out, EncodeOptions("text"))
    assert not out.exists()
