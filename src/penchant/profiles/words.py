"""Reasons as a sentence, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from penchant.data.results.recommendations import EventReason

_SENTENCES = {
    "en": {
        "model": "Because of {titles}.",
        "none": "Its score comes from the history as a whole; no single event carries it.",
        "content": "It is about what was asked for.",
        "popularity": "Nothing is known yet, so this is what many people choose.",
        "and": ", ",
        "quote": "“{}”",
    },
    "zh": {
        "model": "因为{titles}。",
        "none": "分数来自整段历史，没有哪一次行为单独起决定作用。",
        "content": "内容与所描述的兴趣相符。",
        "popularity": "暂时还不了解这位用户，先推荐大家常选的。",
        "and": "、",
        "quote": "《{}》",
    },
}


def reason_sentence(events: Sequence[EventReason], source: str, language: str = "en") -> str:
    """One sentence that names the (at most three) events which carry an item.

    >>> reason_sentence([], "popularity")
    'Nothing is known yet, so this is what many people choose.'
    """
    words = _SENTENCES[language]
    if source in ("content", "popularity"):
        return words[source]
    named = [words["quote"].format(event.title) for event in events[:3] if event.title]
    if not named:
        return words["none"]
    return words["model"].format(titles=words["and"].join(named))
