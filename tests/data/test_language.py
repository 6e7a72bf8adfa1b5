"""Languages by script, on sentences whose language is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penchant.data.language import detect, find_main_language, measure_shares


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The Shawshank Redemption (1994)", "en"),
        ("肖申克的救赎", "zh"),
        ("看 Toy Story 看 vlog 晚饭后运动一下", "zh"),
        ("千と千尋の神隠し", "ja"),
        ("기생충", "ko"),
        ("Броненосец Потёмкин", "ru"),
        ("12:30 !!", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_script_tells(text: str | None, code: str) -> None:
    assert detect([text]).to_list() == [code]


def test_langid_tells_latin_languages_apart() -> None:
    pytest.importorskip("py3langid", reason="the extra lang is not installed")
    texts = [
        "Ich weiß nicht, was soll es bedeuten, daß ich",
        "The quick brown fox jumps over it",
        "你好",
    ]
    assert detect(texts, thorough=True).to_list() == ["de", "en", "zh"]


def test_shares_count_only_texts_with_letters() -> None:
    assert measure_shares([None, "1", ""]) == {}
    assert find_main_language([None]) == ""
    assert measure_shares(["a", "b", "中", None]) == pytest.approx({"en": 2 / 3, "zh": 1 / 3})


def test_names_of_emoji_in_two_languages(shared_data: Path) -> None:
    for file, code in (("emoji.json", "en"), ("emoji_zh.json", "zh")):
        path = shared_data / "emoji-names" / file
        raw = json.loads(path.read_text(encoding="utf-8"))
        names = [name if isinstance(name, str) else name[code] for name in raw.values()]
        found = detect([name.strip(":").replace("_", " ") for name in names])
        assert (found == code).mean() > 0.95
