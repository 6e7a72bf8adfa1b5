"""Noise in text, misspellings and Chinese scripts: corrupted cells and what they must become."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.cleaning.chinese import convert_text
from penchant.cleaning.misspellings import SpellingOptions, correct, find_misspellings
from penchant.cleaning.text_noise import (
    NoiseOptions,
    fix_encoding,
    normalise_forms,
    remove_column_noise,
    remove_markup,
    remove_noise,
    shorten_runs,
)
from penchant.data.dataset import Dataset
from penchant.errors import OptionError


@pytest.mark.parametrize(
    ("dirty", "plain"),
    [
        ("<p>One</p><p>two</p>", "One two"),
        ("a<br/>b", "a b"),
        ("x <script>alert('<b>')</script> y", "x y"),
        ("<!-- hidden -->seen", "seen"),
        ("Tom &amp; Jerry &#233;&eacute; &lt;3", "Tom & Jerry éé <3"),
        ("3 < 4 and 5 > 2", "3 < 4 and 5 > 2"),
        ("R&D; AT&T", "R&D; AT&T"),
        (" spaces  stay ", " spaces  stay "),
    ],
)
def test_markup(dirty: str, plain: str) -> None:
    assert remove_markup(pl.Series([dirty, None])).to_list() == [plain, None]


@pytest.mark.parametrize(
    "text", ["Café à Paris", "naïve façade", "“quoted” – dash", "中文电影", "Müller’s Straße", "日本語", "Ελλάδα"]
)
def test_text_in_the_wrong_encoding_is_decoded(text: str) -> None:
    for wrong in ("cp1252", "latin-1"):
        try:
            garbled = text.encode("utf-8").decode(wrong)
        except UnicodeDecodeError:
            continue
        assert fix_encoding(pl.Series([garbled, "fine"])).to_list() == [text, "fine"]


@pytest.mark.parametrize(
    "text", ["São Paulo", "Ångström", "âge d'or", "Ã la carte", "ÄÖÜ äöü ß", "señor 5€", "CAFÉ’S", "“le café’”"]
)
def test_correct_text_stays(text: str) -> None:
    assert fix_encoding(pl.Series([text])).to_list() == [text]


def test_forms_and_runs() -> None:
    assert normalise_forms(pl.Series(["Ｔｅｓｔ　１０\u200b", "你好，世界！", "a\x00b", " "])).to_list() == [
        "Test 10",
        "你好，世界！",
        "ab",
        None,
    ]
    runs = pl.Series(["Goooooal!!!!!!", "1000000", "aaa", "aa" + "b" * 9, None, "", "aaaa", "a" * 4 + "中" * 5])
    assert shorten_runs(runs).to_list() == ["Goooal!!!", "1000000", "aaa", "aabbb", None, "", "aaa", "aaa中中中"]
    across = shorten_runs(pl.Series(["aa", "aa", "aaa"]))
    assert across.to_list() == ["aa", "aa", "aaa"]  # a run ends with its cell


@settings(deadline=None, max_examples=25)
@given(st.lists(st.none() | st.text(alphabet="ab1!<>&;é中 ", max_size=15), max_size=6))
def test_cleaning_twice_changes_nothing_more_in_runs_and_forms(texts: list[str | None]) -> None:
    options = NoiseOptions(markup=False, encoding=False)
    once, _ = remove_column_noise(pl.Series(texts, dtype=pl.String), options)
    twice, counts = remove_column_noise(once, options)
    assert counts == {} and twice.to_list() == once.to_list()


def test_tables_are_cleaned_and_counted() -> None:
    data = Dataset.from_tables(
        {"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [1, 2], "text": ["sooooo <b>good</b>", None]},
        {"item_id": ["a", "b", "c"], "title": ["Tea &amp; cake", "Plain", "<i></i>"], "brand": ["x&amp;y", "", None]},
    )
    repair = remove_noise(data)
    assert repair.dataset.items["title"].to_list() == ["Tea & cake", "Plain", None]
    assert repair.dataset.items["brand"].to_list()[0] == "x&amp;y"  # only text columns
    assert repair.dataset.events["text"].to_list() == ["sooo good", None]
    assert repair.cells["items.title.markup"] == 2 and repair.cells["events.text.long runs"] == 1
    assert repair.dataset.report is not None
    assert any("cells with markup repaired" in note for note in repair.dataset.report.tables["items"].notes)


def test_clean_text_is_untouched() -> None:
    data = Dataset.from_tables(
        {"user_id": ["u"], "item_id": ["a"], "timestamp": [1]}, {"item_id": ["a"], "title": ["A quiet film (1999)"]}
    )
    repair = remove_noise(data)
    assert repair.cells == {} and repair.dataset.items.equals(data.items)


def test_planted_misspellings() -> None:
    rng = np.random.default_rng(0)
    right = ["cushion", "lantern", "bracelet", "chocolate", "umbrella", "strawberry", "vintage", "wooden"]
    slips = {
        "cushoin": "cushion", "lantrn": "lantern", "braceleet": "bracelet", "chocolite": "chocolate", "umbrelal": None,
        "strawbery": "strawberry", "garden": None, "wodden": "wooden", "lanterns": None,
    }  # fmt: skip
    corpus = [" ".join(rng.choice(right, 5)) for _ in range(200)] + list(slips)
    corrections = dict(find_misspellings(corpus).select("word", "correction").rows())
    assert corrections == {word: correction for word, correction in slips.items() if correction}
    assert find_misspellings(["nothing here", None]).height == 0
    assert find_misspellings(corpus, SpellingOptions(ratio=1_000)).height == 0


def test_corrections_keep_everything_else() -> None:
    slips = pl.DataFrame({"word": ["cushoin", "lantrn"], "correction": ["cushion", "lantern"]})
    texts = pl.Series("t", ["Red CUSHOIN, two; lantrn's", None, "", "cushoins"])
    assert correct(texts, slips).to_list() == ["Red cushion, two; lantrn's", None, "", "cushoins"]
    assert correct(texts, slips.clear()).to_list() == texts.to_list()


def test_chinese_scripts() -> None:
    pytest.importorskip("opencc", reason="the extra lang is not installed")
    text = pl.Series(["漢語電影", "film", None])
    assert convert_text(text).to_list() == ["汉语电影", "film", None]
    assert convert_text(pl.Series(["汉语电影"]), "traditional").to_list() == ["漢語電影"]
    with pytest.raises(OptionError, match=r"script='simple' is not known.*Did you mean 'simplified'"):
        convert_text(text, "simple")
