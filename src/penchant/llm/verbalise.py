"""Histories as text in English or Chinese: what the user did with which item, and how long after the last event."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from penchant.errors import OptionError
from penchant.messages import load_catalogue

LANGUAGES: Final = ("zh", "en")
UNITS_S: Final = {"year": 31_536_000, "month": 2_592_000, "week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60}
"""Seconds of each unit of time, the largest first."""


def verbalise_event(title: str, kind: str, language: str, *, value: float | None = None) -> str:
    """One event in words, with the rating (`value`) where the kind is a rating.

    >>> verbalise_event("Heat", "purchase", "en"), verbalise_event("盗火线", "purchase", "zh")
    ('bought "Heat".', '买了《盗火线》。')
    >>> verbalise_event("Heat", "rating", "en", value=4.0), verbalise_event("盗火线", "rating", "zh", value=3.5)
    ('rated "Heat" 4.', '给《盗火线》打了3.5分。')
    >>> verbalise_event("Heat", "pinned", "en"), verbalise_event("盗火线", "pinned", "zh")
    ('pinned: "Heat".', 'pinned：《盗火线》。')
    """
    _check(language)
    texts = load_catalogue("history")
    item = texts["item"][language].format(title=title)
    if kind == "rating" and value is not None:
        return texts["rated"][language].format(item=item, value=value)
    verb = texts.get(f"verb.{kind}", texts["other"])
    return verb[language].format(item=item, kind=kind)


def verbalise_gap(seconds: int, language: str) -> str:
    """The time since the last event, in the largest unit that fits, rounded down.

    >>> verbalise_gap(30, "en"), verbalise_gap(86_400, "en"), verbalise_gap(3 * 604_800, "en")
    ('Then', 'A day later,', '3 weeks later,')
    >>> verbalise_gap(30, "zh"), verbalise_gap(86_400, "zh"), verbalise_gap(7_200, "zh")
    ('随后，', '1天后，', '2小时后，')
    """
    _check(language)
    unit, count = next(((unit, seconds // size) for unit, size in UNITS_S.items() if seconds >= size), ("then", 1))
    later = load_catalogue("history")[f"later.{unit}" if count == 1 else f"later.{unit}s"]
    return later[language].format(count=count)


def shorten(title: str, characters: int) -> str:
    """A title of at most `characters` characters, with an ellipsis in the place of the rest.

    >>> shorten("A very long title", 8), shorten("short", 8)
    ('A very…', 'short')
    """
    return title if len(title) <= characters else title[: characters - 1].rstrip() + "…"


def verbalise_history(
    titles: Sequence[str],
    kinds: Sequence[str],
    times_s: Sequence[int],
    language: str,
    *,
    values: Sequence[float | None] | None = None,
    request_s: int | None = None,
) -> str:
    """A history as text, oldest event first: what models of this package read, token for token.

    `request_s` is the time of the request (UTC seconds), or None if that is hidden.

    >>> verbalise_history(["Heat", "Alien"], ["view", "purchase"], [0, 172_800], "en", request_s=176_400)
    'viewed "Heat". 2 days later, bought "Alien". An hour later,'
    >>> verbalise_history(["盗火线", "异形"], ["view", "purchase"], [0, 172_800], "zh", request_s=176_400)
    '看了《盗火线》。2天后，买了《异形》。1小时后，'
    """
    rated = values if values is not None else [None] * len(titles)
    clauses = [verbalise_event(t, k, language, value=v) for t, k, v in zip(titles, kinds, rated, strict=True)]
    clock = [*times_s, request_s] if request_s is not None and len(times_s) else list(times_s)
    gaps = [verbalise_gap(max(0, after - before), language) for before, after in pairwise(clock)]
    parts = [part for pair in zip(clauses, [*gaps, ""], strict=False) for part in pair]
    return (" " if language == "en" else "").join(part for part in parts if part)


def _check(language: str) -> None:
    if language not in LANGUAGES:
        raise OptionError("language", language, allowed=LANGUAGES)
