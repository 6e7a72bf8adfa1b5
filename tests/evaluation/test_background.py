from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.evaluation.background import encode_categories, measure_background


def test_counts_of_a_training_part() -> None:
    log = pl.DataFrame(
        {
            "user_id": ["a", "a", "a", "b", "b"],
            "item_id": ["x", "x", "y", "x", "z"],
            "timestamp": [1, 2, 3, 1, 9],
        }
    )
    data = Dataset.from_tables(log)
    background = measure_background(data.where(pl.col("time_s") < 9))
    codes = data.item_vocabulary.encode(["x", "y", "z"])
    assert background.item_events[codes].tolist() == [3, 1, 0] and background.item_users[codes].tolist() == [2, 1, 0]
    assert background.user_events.tolist() == [3, 1] and background.n_users == 2 and background.n_items == 3
    assert background.categories is None and background.modality is None


def test_head_holds_eighty_percent_of_the_events() -> None:
    data = Dataset.from_tables(
        pl.DataFrame(
            {
                "user_id": [f"u{n}" for n in range(100)],
                "item_id": ["p"] * 50 + ["q"] * 30 + ["r"] * 15 + ["s"] * 5,
                "timestamp": list(range(100)),
            }
        ),
        items=pl.DataFrame({"item_id": ["p", "q", "r", "s", "never"]}),
    )
    assert measure_background(data).head.tolist() == [True, True, False, False, False]


def test_content_is_preferred_to_behaviour() -> None:
    data = Dataset.from_tables(pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [1]}))
    ones = np.ones((1, 2), dtype=np.float32), np.ones(1, dtype=bool)
    modalities = Modalities({"behaviour": Modality(*ones, "b"), "text": Modality(*ones, "t")})
    chosen = measure_background(data, modalities).modality
    assert chosen is not None and chosen.encoder == "t"
    assert measure_background(data, Modalities({"behaviour": Modality(*ones)})).modality is None


@pytest.mark.parametrize("column", [["b| a", None, "a|", ""], [["b", "a"], None, ["a"], []]])
def test_categories_of_lists_and_of_text(column: list[object]) -> None:
    rows, n = encode_categories(pl.DataFrame({"categories": column}))
    assert rows is not None and n == 2
    assert [sorted(rows.row(i).tolist()) for i in range(4)] == [[0, 1], [], [0], []]


def test_no_categories_at_all() -> None:
    assert encode_categories(pl.DataFrame({"item_id": ["a"]})) == (None, 0)
    assert encode_categories(pl.DataFrame({"categories": pl.Series([None], dtype=pl.String)})) == (None, 0)
