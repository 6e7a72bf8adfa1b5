from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.training import TrainingData
from penchant.embeddings.encode_table import EncodeOptions, encode_table
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_items, embed_users
from penchant.embeddings.packing import pack_histories
from penchant.encoders.cache import EncoderCache
from penchant.encoders.text import TextOptions
from penchant.errors import DataError
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.training import fit

NO_TEXT = ModalityOptions(text=TextOptions(encoder="none"))


@pytest.fixture
def shop() -> Dataset:
    items = pl.DataFrame({"item_id": list("abcd"), "title": ["red train", "blue train", "hose", None]})
    told = {"user_id": ["u", "u", "v", "v"], "item_id": ["a", "b", "c", "a"], "timestamp": [1, 2, 1, 2]}
    return Dataset.from_tables(pl.DataFrame(told), items)


def test_brought_vectors_are_modalities_of_items_and_users(shop: Dataset, tmp_path: Path) -> None:
    pl.DataFrame({"user_id": ["v"], "vector": [[7.0]]}).write_parquet(tmp_path / "taste.parquet")
    brought = shop.with_vectors("shape", pl.DataFrame({"item_id": ["c", "a"], "vector": [[1.0, 2.0], [3.0, 4.0]]}))
    config = Config(modalities=NO_TEXT).with_settings({"modalities.vectors.taste": str(tmp_path / "taste.parquet")})
    modalities, fitted = embed_items(brought, config.modalities)
    assert modalities["shape"].vectors.tolist() == [[3, 4], [0, 0], [1, 2], [0, 0]]
    assert modalities["shape"].present.tolist() == [True, False, True, False] and "taste" not in modalities
    for encoders in (fitted, FittedEncoders.from_state(fitted.state())):
        people = embed_users(brought, encoders)
        assert people["taste"].vectors.tolist() == [[0], [7]] and people["taste"].present.tolist() == [False, True]
    assert Config.from_dict(config.to_dict()).modalities == config.modalities


def test_what_encode_wrote_can_be_brought(shop: Dataset, tmp_path: Path) -> None:
    done = encode_table(
        shop, tmp_path / "words.parquet", EncodeOptions("text", "ngram"), cache=EncoderCache(tmp_path / "cache")
    )
    options = ModalityOptions(text=TextOptions(encoder="none"), vectors={"words": done.path})
    modality = embed_items(shop, options)[0]["words"]
    assert np.array_equal(modality.vectors, done.modality.vectors) and modality.encoder == done.modality.encoder


def test_a_name_that_an_encoder_has_is_refused(shop: Dataset) -> None:
    brought = shop.with_vectors("text", pl.DataFrame({"item_id": ["a"], "vector": [[1.0, 2.0]]}))
    with pytest.raises(DataError, match=r"'text' of items has both.*modalities.text.encoder=none"):
        embed_items(brought, ModalityOptions(text=TextOptions(encoder="ngram")))
    assert embed_items(brought, NO_TEXT)[0]["text"].dim == 2


def test_models_use_them_and_a_bundle_keeps_them(tmp_path: Path) -> None:
    """Items of one shape follow each other; one that nobody has touched is found by its shape alone."""
    rng = np.random.default_rng(0)
    shape = np.repeat(np.eye(2), 10, axis=0) + 0.1 * rng.standard_normal((20, 2))
    ids = [f"i{n}" for n in range(20)]
    rows = [(f"u{u}", f"i{10 * (u % 2) + n}", t) for u in range(12) for t, n in enumerate(rng.permutation(9)[:4])]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    items = pl.DataFrame({"item_id": ids})
    data = Dataset.from_tables(events, items).with_vectors(
        "shape", pl.DataFrame({"item_id": ids, "vector": shape.tolist()})
    )
    data = data.with_vectors("taste", pl.DataFrame({"user_id": ["u0", "u3"], "vector": [[1.0, 0.0], [0.0, 1.0]]}))
    rec = Recommender.fit(data, Config(model="content", modalities=NO_TEXT))
    found = rec.recommend("u0", k=6)
    assert "i9" in found.item_ids[0] and set(found.item_ids[0]) <= {f"i{n}" for n in range(10)}
    rec.save(tmp_path / "bundle")
    again = Recommender.load(tmp_path / "bundle")
    assert again.recommend("u0", k=6).item_ids == found.item_ids
    told = again.histories(np.arange(4)).user_modalities
    assert told is not None and told["taste"].vectors.tolist() == [[1, 0], [0, 0], [0, 0], [0, 1]]


def test_an_update_takes_them_and_says_which_it_cannot_use() -> None:
    events = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": [1, 2]})
    shape = pl.DataFrame({"item_id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]]})
    taste = pl.DataFrame({"user_id": ["u"], "vector": [[1.0, 2.0, 3.0]]})
    data = Dataset.from_tables(events).with_vectors("shape", shape).with_vectors("taste", taste)
    rec = Recommender.fit(data, Config(model="popularity", modalities=NO_TEXT))
    new = Dataset.from_tables(pl.DataFrame({"user_id": ["w"], "item_id": ["c"], "timestamp": [3]}))
    brought = new.with_vectors("shape", pl.DataFrame({"item_id": ["c"], "vector": [[0.5, 0.5]]}))
    brought = brought.with_vectors("taste", pl.DataFrame({"user_id": ["w"], "vector": [[4.0, 5.0, 6.0]]}))
    brought = brought.with_vectors("smell", pl.DataFrame({"item_id": ["c"], "vector": [[9.0]]}))
    fresh = rec.update(brought)
    assert fresh.modalities["shape"].vectors.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    people = fresh.histories(np.arange(3)).user_modalities
    assert people is not None and people["taste"].vectors.tolist() == [[1, 2, 3], [0, 0, 0], [4, 5, 6]]
    assert people["taste"].present.tolist() == [True, False, True]
    assert fresh.record.updates[-1].vectors_unused == ("items: smell",)
    for name, table in (("shape", "item_id"), ("taste", "user_id")):
        one = {"item_id": "c", "user_id": "w"}[table]
        longer = new.with_vectors(name, pl.DataFrame({table: [one], "vector": [[1.0] * 5]}))
        with pytest.raises(DataError, match=f"vectors of '{name}' have 5 numbers, those of the .* have [23]"):
            rec.update(longer)


def test_a_network_reads_modalities_of_users() -> None:
    """Two people with one history are told apart by what was brought about them."""
    rows = [(f"u{u}", f"i{n}", t) for u in range(8) for t, n in enumerate(([0, 1, 2], [0, 1, 3])[u % 2])]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    taste = [[1.0, 0.0], [0.0, 1.0]] * 4
    users = pl.DataFrame({"user_id": [f"u{u}" for u in range(8)], "vector": taste})
    data = Dataset.from_tables(events).with_vectors("taste", users)
    modalities, encoders = embed_items(data, NO_TEXT)
    batch = pack_histories(data, encoders)
    model = SequenceModel(SequenceOptions(dim=16, layers=1, epochs=30, dropout=0.0, learning_rate=0.02))
    fit(model, TrainingData(batch, data.n_items, ["view"], 0, modalities=modalities))
    scores = model.score(batch.take([0, 1]).keep(np.tile([True, True, False], 2)))
    assert scores[0, 2] > scores[0, 3] and scores[1, 3] > scores[1, 2]
