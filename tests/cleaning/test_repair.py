"""Repairs that run only on request: missing cells, misspellings, the script of Chinese."""

from __future__ import annotations

import polars as pl
import pytest

import penchant
from penchant.cleaning.clean import CleaningOptions, clean
from penchant.cleaning.imputation import impute
from penchant.cleaning.misspellings import correct_dataset
from penchant.errors import OptionError, UsageError


def shop() -> penchant.Dataset:
    """Three items, one without a price and one without a colour; user u's values are 1, missing, 3 at even times."""
    items = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "price": [2.0, None, 8.0],
            "colour": ["red", "red", None],
            "title": ["one", "two", "three"],
        }
    )
    events = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "v", "v"],
            "item_id": ["a", "b", "c", "a", "c"],
            "timestamp": [1_700_000_000, 1_700_000_100, 1_700_000_200, 1_700_000_000, 1_700_000_100],
            "value": [1.0, None, 3.0, 10.0, None],
        }
    )
    return penchant.Dataset.from_tables(events, items=items)


def test_cells_are_imputed_and_counted() -> None:
    methods = {"items.price": "mean", "items.colour": "most_frequent", "events.value": "interpolate"}
    done = impute(shop(), methods)
    assert done.items["price"].to_list() == [2.0, 5.0, 8.0]
    assert done.items["colour"].to_list() == ["red", "red", "red"]
    by_user = done.events.sort("user", "time_s")["value"].to_list()
    assert by_user == [1.0, 2.0, 3.0, 10.0, 10.0]
    assert done.report is not None
    assert "price: 1 missing cells imputed (mean)" in done.report.tables["items"].notes


def test_rows_without_a_value_go_to_quarantine() -> None:
    done = impute(shop(), {"events.value": "drop", "items.price": "drop"})
    assert done.item_vocabulary.ids.to_list() == ["a", "c"]
    assert done.n_events == 3, "two had no value"
    assert done.report is not None
    reasons = done.report.quarantine.get("events")["reason"].to_list()
    assert reasons.count("value is missing") == 2


def test_a_model_predicts_from_numbers_and_few_categories() -> None:
    sizes = [float(n) for n in range(20)]
    items = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(20)],
            "size": sizes,
            "weight": [2 * s + 1 if s != 7 else None for s in sizes],
        }
    )
    events = pl.DataFrame({"user_id": ["u"], "item_id": ["i0"], "timestamp": [1_700_000_000]})
    done = impute(penchant.Dataset.from_tables(events, items=items), {"items.weight": "model"})
    assert done.items["weight"][7] == pytest.approx(15.0, abs=0.05)


@pytest.mark.parametrize(
    ("methods", "kind", "message"),
    [
        ({"price": "mean"}, UsageError, "TABLE.COLUMN=METHOD"),
        ({"shelves.price": "mean"}, OptionError, "items, users, events"),
        ({"items.price": "average"}, OptionError, "mean, median"),
        ({"items.cost": "mean"}, OptionError, "price"),
        ({"items.item_id": "most_frequent"}, OptionError, "price"),
        ({"items.price": "interpolate"}, UsageError, "no time"),
    ],
)
def test_messages(methods: dict[str, str], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        impute(shop(), methods)


def test_misspellings_are_corrected_on_request() -> None:
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(31)], "title": ["cushion cover"] * 30 + ["cushoin cover"]})
    events = pl.DataFrame({"user_id": ["u"], "item_id": ["i30"], "timestamp": [1_700_000_000]})
    data = penchant.Dataset.from_tables(events, items=items)
    assert correct_dataset(data).cells == {"items.title.misspellings": 1}
    assert clean(data, CleaningOptions(spelling=True))[0].items["title"][30] == "cushion cover"
    assert clean(data)[0].items["title"][30] == "cushoin cover"


def test_one_script_on_request() -> None:
    pytest.importorskip("opencc")
    items = pl.DataFrame({"item_id": ["a", "b"], "title": ["漢字", "film"]})
    events = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": [1_700_000_000]})
    data = penchant.Dataset.from_tables(events, items=items)
    assert clean(data, CleaningOptions(script="simplified"))[0].items["title"].to_list() == ["汉字", "film"]
    with pytest.raises(OptionError, match="simplified, traditional"):
        CleaningOptions(script="latin")
