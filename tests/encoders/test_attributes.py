from __future__ import annotations

import json
import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from penchant.data.modalities import Modality
from penchant.encoders.attributes import AttributeEncoder, AttributeOptions, select_context_columns
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, OptionError
from penchant.testing.encoders import check_encoder

TABLE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "title": ["never", "used", "as", "attribute"],
        "brand": ["acme", "acme", "zeta", None],
        "price": [1.0, 3.0, None, None],
        "tags": [["x", "y"], ["x", "x"], None, []],
        "same": ["k", "k", "k", "k"],
    }
)


def test_every_dimension_by_hand() -> None:
    encoder = AttributeEncoder().fit(TABLE)
    assert encoder.names == [
        *("brand=acme", "brand=zeta", "brand is rare", "price", "price is missing"),
        *("tags=x", "tags=y", "tags is rare"),
    ]
    modality = encoder.encode(TABLE)
    half = 1 / math.sqrt(2)
    expected = [[1, 0, 0, -1, 0, half, half, 0], [1, 0, 0, 1, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0, 0, 0], [0] * 8]
    assert np.allclose(modality.vectors, expected)
    assert modality.present.tolist() == [True, True, True, False] and modality.dim == encoder.dim == 8


def test_rows_that_come_later_fit_the_layout() -> None:
    encoder = AttributeEncoder().fit(TABLE)
    later = pl.DataFrame({"brand": ["new", "zeta"], "tags": [["y", "new", "newer"], None], "price": ["3", "n/a"]})
    vectors = encoder.encode(later).vectors
    half = 1 / math.sqrt(2)
    assert np.allclose(vectors, [[0, 0, 1, 1, 0, 0, half, half], [0, 1, 0, 0, 1, 0, 0, 0]])
    alone = encoder.encode(pl.DataFrame({"brand": ["acme"]}))
    assert alone.vectors.tolist() == [[1, 0, 0, 0, 1, 0, 0, 0]]
    assert encoder.encode(pl.DataFrame({"other": [1]})).present.tolist() == [False]


@pytest.mark.parametrize(
    ("column", "value"), [("brand", "zeta"), ("price", 2.5), ("tags", ["y"])], ids=["category", "number", "list"]
)
def test_each_kind_changes_the_vector(column: str, value: object) -> None:
    encoder = AttributeEncoder().fit(TABLE)
    row = TABLE.head(1)
    changed = row.with_columns(pl.Series(column, [value], dtype=TABLE.schema[column]))
    assert not np.allclose(encoder.encode(row).vectors, encoder.encode(changed).vectors)


def test_rare_categories_share_a_bucket_and_free_text_is_left_out() -> None:
    n = 200
    table = pl.DataFrame({"kind": ["a"] * 150 + ["b"] * 47 + ["c"] * 3, "name": [f"n{i}" for i in range(n)]})
    encoder = AttributeEncoder().fit(table)
    assert encoder.names == ["kind=a", "kind=b", "kind is rare"]
    assert encoder.encode(table).vectors.sum(axis=0).tolist() == [150, 47, 3]
    few = AttributeEncoder(AttributeOptions(max_categories=1)).fit(table)
    assert few.names == ["kind=a", "kind is rare"]


def test_times_booleans_and_numbers_that_are_not_finite() -> None:
    table = pl.DataFrame(
        {"on": [True, False], "day": [date(2020, 1, 1), date(2020, 1, 3)], "x": [1.0, math.nan], "y": [math.inf, 2.0]}
    )
    encoder = AttributeEncoder().fit(table)
    assert encoder.names[:4] == ["on=false", "on=true", "on is rare", "day"]
    vectors = encoder.encode(table).vectors
    assert vectors[:, 3].tolist() == [-1, 1] and vectors[:, 6].tolist() == [0, 1] and vectors[:, 8].tolist() == [1, 0]


def test_a_saved_layout_is_the_same() -> None:
    encoder = AttributeEncoder(AttributeOptions(columns=("price", "brand"))).fit(TABLE)
    state = encoder.state()
    again = AttributeEncoder.from_state(EncoderState({}, json.loads(json.dumps(dict(state.metadata)))))
    assert again.fingerprint == encoder.fingerprint and again.options == encoder.options
    assert again.encode(TABLE).vectors.tobytes() == encoder.encode(TABLE).vectors.tobytes()
    assert AttributeEncoder().fit(TABLE).fingerprint != encoder.fingerprint


def test_bad_calls_say_what_is_allowed() -> None:
    with pytest.raises(OptionError, match=r"attributes.columns='prize' is not known.*Did you mean 'price'"):
        AttributeEncoder(AttributeOptions(columns=("prize",))).fit(TABLE)
    with pytest.raises(EncoderError, match="not fitted"):
        AttributeEncoder().encode(TABLE)
    assert AttributeEncoder().fit(pl.DataFrame({"item_id": ["a"]})).dim == 0


def test_context_columns_are_those_with_the_prefix() -> None:
    assert select_context_columns(["user", "context_device", "device", "context_place"]) == [
        "context_device",
        "context_place",
    ]


class Rows:
    """Rows of a table as contents; None is a row without any attribute."""

    def __init__(self, encoder: AttributeEncoder) -> None:
        self.state, self.encoder = encoder.state, encoder

    fingerprint = property(lambda self: self.encoder.fingerprint)
    dim = property(lambda self: self.encoder.dim)

    def encode(self, contents: list[dict[str, object] | None]) -> Modality:
        return self.encoder.encode(pl.DataFrame([content or {} for content in contents], schema=TABLE.schema))


def test_contract() -> None:
    rows = TABLE.to_dicts()
    check_encoder(
        lambda: Rows(AttributeEncoder().fit(TABLE)),
        rows[:3],
        blanks=[rows[3]],
        others=[
            lambda: Rows(AttributeEncoder(AttributeOptions(columns=("brand", "price"))).fit(TABLE)),
            lambda: Rows(AttributeEncoder().fit(TABLE[1:])),
        ],
        restore=lambda state: Rows(AttributeEncoder.from_state(state)),
        unfitted=Rows(AttributeEncoder()),
    )
