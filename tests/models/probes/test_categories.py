"""Categories as classes, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.errors import DataError
from penchant.models.probes.categories import encode_first_categories, first_categories, select_frequent_categories


def test_a_category_that_is_named_like_the_rest_is_of_the_rest() -> None:
    """Codes are places among the classes, whatever the catalogue calls its categories."""
    items = pl.DataFrame({"categories": ["(others)"] * 3 + ["a"] * 2 + ["b", "c"]})
    for most, expected, codes in (
        (3, ("a", "b", "(others)"), [2, 2, 2, 0, 0, 1, 2]),
        (2, ("a", "b", "(others)"), [2, 2, 2, 0, 0, 1, 2]),
    ):
        classes = select_frequent_categories(items, np.array([0, 0, 0, 1, 3, 3, 5]), most)
        assert classes == expected and encode_first_categories(items, classes).tolist() == codes
    assert select_frequent_categories(items[:5], np.array([0, 3]), 5) == ("a", "(others)"), "two classes are enough"
    with pytest.raises(DataError, match="have 1 category"):
        select_frequent_categories(items, np.array([0, 1, 2]), 9)


def test_classes_are_the_frequent_categories_and_the_rest() -> None:
    items = pl.DataFrame({"categories": [["音乐", "纪录片"], ["音乐"], ["美食"], [], None, ["旅行"]]})
    assert first_categories(items).to_list() == ["音乐", "音乐", "美食", None, None, "旅行"]
    events = np.array([0, 1, 2, 3, -1, 5, 2])
    assert select_frequent_categories(items, events, 9) == ("美食", "音乐", "旅行"), "ties by name"
    classes = select_frequent_categories(items, events, 2)
    assert classes == ("美食", "音乐", "(others)")
    assert encode_first_categories(items, classes).tolist() == [1, 1, 0, -1, -1, 2]
    assert select_frequent_categories(items, np.array([0, 2]), 9) == ("美食", "音乐", "(others)"), (
        "旅行 is not among them"
    )
    with pytest.raises(DataError, match="have 1 category"):
        select_frequent_categories(items, np.array([0, 1]), 9)
    for empty in (pl.DataFrame({"title": ["a"]}), pl.DataFrame({"categories": [""]})):
        with pytest.raises(DataError, match="No item has a category"):
            first_categories(empty)
