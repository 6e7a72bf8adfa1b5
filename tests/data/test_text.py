"""Text made plain, cut into words and gathered for items."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.dataset import Dataset
from penchant.data.text import ItemTextOptions, WordOptions, build_item_texts, normalise, split_words
from penchant.errors import OptionError

BIGRAMS = WordOptions(chinese="bigrams")


def dataset(items: dict[str, list[object]]) -> Dataset:
    return Dataset.from_tables({"user_id": ["u"], "item_id": ["a"], "timestamp": [1]}, items)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Ｆｕｌｌ　width", "Full width"),
        ("a\u0000b\u200bc\ufeff", "abc"),
        ("  many \t\r\n spaces\u00a0here ", "many spaces here"),
        ("soft\u00adhyphen", "softhyphen"),
        ("①②", "12"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\u202eright to left", "right to left"),
        ("", None),
        ("\u200b", None),
        (None, None),
    ],
)
def test_normalised(raw: str | None, plain: str | None) -> None:
    assert normalise([raw]).to_list() == [plain]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.none() | st.text(max_size=30), max_size=8))
def test_normalising_twice_changes_nothing(texts: list[str | None]) -> None:
    once = normalise(texts, lower=False)
    assert normalise(once).to_list() == once.to_list()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.none() | st.text(alphabet="ab 中文ひら1'。", max_size=12), max_size=6))
def test_every_text_keeps_its_row(texts: list[str | None]) -> None:
    together = split_words(texts, BIGRAMS).to_list()
    assert together == [split_words([text], BIGRAMS).to_list()[0] for text in texts]


def test_words_keep_their_order_across_scripts() -> None:
    assert split_words(["看Toy Story电影 x 我"], BIGRAMS).to_list() == [["看", "toy", "story", "电影", "x", "我"]]


def test_jieba_finds_words() -> None:
    pytest.importorskip("jieba", reason="the extra lang is not installed")
    assert split_words(["程序员看电影"], WordOptions(chinese="jieba")).to_list() == [["程序员", "看", "电影"]]
    assert WordOptions().cache_key == "words-lower-jieba"


def test_case_can_be_kept() -> None:
    assert split_words(["Toy Story"], WordOptions(lower=False, chinese="bigrams")).to_list() == [["Toy", "Story"]]


def test_an_unknown_segmenter_is_refused() -> None:
    message = "chinese='jeiba' is not known. Allowed: auto, jieba, bigrams. Did you mean 'jieba'"
    with pytest.raises(OptionError, match=message):
        split_words(["x"], WordOptions(chinese="jeiba"))  # type: ignore[arg-type]


def test_item_text_takes_title_categories_description_then_attributes() -> None:
    data = dataset(
        {
            "item_id": ["a", "b", "c"],
            "description": ["Two  men.", None, ""],
            "title": ["Heat", "Up", None],
            "categories": ["Crime|Drama", None, None],
            "director": ["Mann", None, None],
        }
    )
    assert build_item_texts(data) == ["Heat. Crime, Drama. Two men.", "Up", None]
    assert build_item_texts(data, ItemTextOptions(("title",), ("director",), " / ")) == ["Heat / Mann", "Up", None]


def test_item_text_without_any_text_is_none() -> None:
    assert build_item_texts(dataset({"item_id": ["a"], "year": [1999]})) == [None]
    nothing = dataset({"item_id": ["a"], "title": pl.Series([None], dtype=pl.Null)})  # type: ignore[dict-item]
    assert build_item_texts(nothing) == [None]


def test_item_text_refuses_an_unknown_attribute() -> None:
    with pytest.raises(OptionError, match=r"attribute of items='directr' .* Did you mean 'director'"):
        build_item_texts(dataset({"item_id": ["a"], "director": ["x"]}), ItemTextOptions(attributes=("directr",)))
