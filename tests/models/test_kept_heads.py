"""Which events teach heads, and which classes there are, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.errors import DataError, ModelError, OptionError, UsageError
from penchant.models.head_options import HeadOptions
from penchant.models.heads import Heads, category_codes, first_categories, frequent_categories, newest_events


def test_the_newest_tenth_of_each_person_teaches() -> None:
    sequences = SequenceBatch.of_items([[0], [0, 1], list(range(19)), [], list(range(20))])
    held = newest_events(sequences, HeadOptions())
    assert held is not None
    assert np.bincount(sequences.rows[held], minlength=5).tolist() == [0, 1, 1, 0, 2]
    assert np.flatnonzero(held).tolist() == [2, 21, 40, 41]
    few = newest_events(sequences, HeadOptions(users=1))
    assert few is not None and np.flatnonzero(few).tolist() == [2]
    assert newest_events(SequenceBatch.of_items([[0], [1]]), HeadOptions()) is None


def test_classes_are_the_frequent_categories_and_the_rest() -> None:
    items = pl.DataFrame({"categories": [["音乐", "纪录片"], ["音乐"], ["美食"], [], None, ["旅行"]]})
    assert first_categories(items).to_list() == ["音乐", "音乐", "美食", None, None, "旅行"]
    events = np.array([0, 1, 2, 3, -1, 5, 2])
    assert frequent_categories(items, events, 9) == ("美食", "音乐", "旅行"), "ties by name"
    classes = frequent_categories(items, events, 2)
    assert classes == ("美食", "音乐", "(others)")
    assert category_codes(items, classes).tolist() == [1, 1, 0, -1, -1, 2]
    assert frequent_categories(items, np.array([0, 2]), 9) == ("美食", "音乐", "(others)"), "旅行 is not among them"
    with pytest.raises(DataError, match="of 1 category"):
        frequent_categories(items, np.array([0, 1]), 9)
    for empty in (pl.DataFrame({"title": ["a"]}), pl.DataFrame({"categories": [""]})):
        with pytest.raises(DataError, match="No item has a category"):
            first_categories(empty)


def test_bad_options_and_missing_heads_are_refused() -> None:
    with pytest.raises(OptionError, match="fit='colour' is not known"):
        HeadOptions(fit=("colour",))
    with pytest.raises(UsageError, match="classes=1 is out of range"):
        HeadOptions(classes=1)
    with pytest.raises(ModelError, match="No interest head was trained"):
        Heads(HeadOptions()).likely(np.zeros((1, 2), dtype=np.float32), np.zeros((1, 2), dtype=np.float32))
