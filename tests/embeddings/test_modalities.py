from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.embeddings.behaviour import BehaviourOptions
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_event_contents, embed_items, embed_users
from penchant.encoders.attributes import AttributeOptions
from penchant.encoders.protocol import EncoderState
from penchant.encoders.text import TextOptions, join_text_fields
from penchant.errors import EncoderError

NGRAM = ModalityOptions(text=TextOptions(encoder="ngram", dim=8), behaviour=BehaviourOptions(dim=4))


@pytest.fixture
def shop() -> Dataset:
    items = pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "title": ["red wooden train", "blue wooden train", "garden hose", None],
            "categories": [["toys"], ["toys", "new"], ["garden"], []],
            "price": [9.0, 11.0, None, None],
        }
    )
    users = pl.DataFrame({"user_id": ["u", "v"], "gender": ["F", "M"]})
    events = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "v", "v"],
            "item_id": ["a", "b", None, "c", "a"],
            "timestamp": [1, 2, 3, 1, 2],
            "event": ["view", "purchase", "comment", "view", "view"],
            "text": [None, None, "a lovely train", "  ", None],
            "context_device": ["phone", "desk", "phone", "desk", "phone"],
        }
    )
    return Dataset.from_tables(events, items, users)


def test_every_modality_of_items_has_a_row_for_every_item(shop: Dataset) -> None:
    modalities, fitted = embed_items(shop, NGRAM)
    assert set(modalities) == {schema.TEXT, schema.ATTRIBUTES, schema.BEHAVIOUR}
    assert all(len(modality) == shop.n_items for modality in modalities.values())
    assert modalities[schema.TEXT].present.tolist() == [True, True, True, False]
    assert modalities[schema.BEHAVIOUR].present.tolist() == [True, True, True, False]
    assert set(fitted.fingerprints) == {"text", "attributes.items", "attributes.users", "attributes.events"}


def test_switched_off_modalities_are_not_made(shop: Dataset) -> None:
    options = ModalityOptions(
        text=TextOptions(encoder="none"),
        attributes=AttributeOptions(enabled=False),
        behaviour=BehaviourOptions(enabled=False),
    )
    modalities, fitted = embed_items(shop, options)
    assert not modalities
    with pytest.raises(EncoderError, match=r"no text encoder.*Ask with a history"):
        fitted.encode_text(["a train"])


def test_saved_encoders_give_the_same_bytes(shop: Dataset) -> None:
    modalities, fitted = embed_items(shop, NGRAM)
    state = fitted.state()
    told = EncoderState({k: v.copy() for k, v in state.tensors.items()}, json.loads(json.dumps(dict(state.metadata))))
    again = FittedEncoders.from_state(told)
    rows = again.encode_table(schema.ITEMS, shop.items)
    for name in (schema.TEXT, schema.ATTRIBUTES):
        assert rows[name].vectors.tobytes() == modalities[name].vectors.tobytes()
    assert again.fingerprints == fitted.fingerprints
    new = pl.DataFrame({"item_id": ["z"], "title": ["a wooden train"], "categories": [["toys"]], "price": [10.0]})
    vector = again.encode_table(schema.ITEMS, new)[schema.TEXT].vectors[0]
    assert (modalities[schema.TEXT].vectors @ vector).argmax() in (0, 1)


def test_an_event_points_to_its_own_text_and_context(shop: Dataset) -> None:
    _, fitted = embed_items(shop, NGRAM)
    rows, content = embed_event_contents(shop, fitted)
    assert set(content) == {schema.TEXT, schema.ATTRIBUTES}
    assert rows.dtype == np.int32 and len(rows) == shop.n_events and rows.min() >= 0
    events = shop.events.with_columns(pl.Series("row", rows))
    lovely = events.filter(pl.col("text") == "a lovely train")["row"].item()
    assert np.flatnonzero(content[schema.TEXT].present).tolist() == [lovely]
    devices = events.group_by("context_device").agg(pl.col("row"))
    of = {device: content[schema.ATTRIBUTES].vectors[rows_] for device, rows_ in devices.iter_rows()}
    assert not np.allclose(of["phone"][0], of["desk"][0])
    assert len(np.unique(rows)) == 3  # phone, desk, phone with text


def test_events_without_content_point_nowhere() -> None:
    data = Dataset.from_tables(pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": [1]}))
    _, fitted = embed_items(data, NGRAM)
    rows, content = embed_event_contents(data, fitted)
    assert rows.tolist() == [-1] and not content


def test_users_have_their_attributes(shop: Dataset) -> None:
    _, fitted = embed_items(shop, NGRAM)
    vectors = embed_users(shop, fitted)[schema.ATTRIBUTES].vectors
    assert not np.allclose(vectors[0], vectors[1])


def test_text_of_a_row_joins_its_fields() -> None:
    table = pl.DataFrame({"title": [" Heat ", None, ""], "year": [1995, 1996, None]})
    assert join_text_fields(table, ("title", "year")) == ["Heat. 1995", "1996", None]
    assert join_text_fields(table, ("description",)) == [None, None, None]
