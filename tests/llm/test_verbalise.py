"""Histories in words, Chinese and English, to the letter."""

from __future__ import annotations

import pytest

from penchant.errors import OptionError
from penchant.llm.verbalise import shorten, verbalise_event, verbalise_gap, verbalise_history

DAY_S = 86_400


def test_a_history_in_english() -> None:
    told = verbalise_history(
        ["Heat", "Alien", "Up", "Jaws"],
        ["view", "purchase", "rating", "hide"],
        [0, 20, 2 * DAY_S + 20, 32 * DAY_S],
        "en",
        values=[None, None, 4.5, None],
        request_s=32 * DAY_S + 3600,
    )
    assert told == (
        'viewed "Heat". Then bought "Alien". 2 days later, rated "Up" 4.5. 4 weeks later, hid "Jaws". An hour later,'
    )


def test_a_history_in_chinese() -> None:
    told = verbalise_history(
        ["盗火线", "异形", "飞屋环游记", "大白鲨"],
        ["view", "purchase", "rating", "hide"],
        [0, 20, 2 * DAY_S + 20, 32 * DAY_S],
        "zh",
        values=[None, None, 4.5, None],
        request_s=32 * DAY_S + 3600,
    )
    assert (
        told
        == "看了《盗火线》。随后，买了《异形》。2天后，给《飞屋环游记》打了4.5分。4周后，隐藏了《大白鲨》。1小时后，"
    )


def test_without_a_time_of_request_it_ends_with_the_last_event() -> None:
    assert verbalise_history(["a"], ["like"], [5], "en") == 'liked "a".'
    assert verbalise_history([], [], [], "zh", request_s=3) == ""


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "Then", "随后，"),
        (59, "Then", "随后，"),
        (60, "A minute later,", "1分钟后，"),
        (3599, "59 minutes later,", "59分钟后，"),
        (DAY_S, "A day later,", "1天后，"),
        (7 * DAY_S, "A week later,", "1周后，"),
        (45 * DAY_S, "A month later,", "1个月后，"),
        (800 * DAY_S, "2 years later,", "2年后，"),
    ],
)
def test_elapsed_time(seconds: int, english: str, chinese: str) -> None:
    assert (verbalise_gap(seconds, "en"), verbalise_gap(seconds, "zh")) == (english, chinese)


def test_a_kind_without_a_verb_of_its_own_is_named() -> None:
    assert verbalise_event("X", "pinned", "en") == 'pinned: "X".'
    assert verbalise_event("X", "pinned", "zh") == "pinned：《X》。"


def test_long_titles_are_cut() -> None:
    assert shorten("黑暗中的一束光", 5) == "黑暗中的…"


def test_another_language_is_refused() -> None:
    with pytest.raises(OptionError, match=r"language='fr' is not known\. Allowed: zh, en"):
        verbalise_gap(3, "fr")
