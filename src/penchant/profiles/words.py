"""Reasons as a sentence, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from penchant.data.results.reasons import EventReason
from penchant.messages import load_catalogue


def reason_sentence(
    events: Sequence[EventReason], source: str, language: str = "en", *, below_mean: bool = False
) -> str:
    """One sentence that names the items of the (at most three) events that contribute most; each item once.

    With `below_mean`, the item scores below the mean of all items, and the sentence says that instead.

    >>> reason_sentence([], "popularity")
    'There is no history yet, so this is a popular item.'
    """
    texts = {key: translations[language] for key, translations in load_catalogue("reasons").items()}
    named = list(dict.fromkeys(texts["quoted"].format(title=event.title) for event in events[:3] if event.title))
    kind = source if source in ("content", "popularity") else "below" if below_mean else "model" if named else "none"
    return texts[f"sentence.{kind}"].format(titles=texts["between"].join(named))
