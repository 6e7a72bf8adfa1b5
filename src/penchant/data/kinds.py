"""Words for kinds of events: the kinds they mean, and unknown words that look like negative feedback."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from penchant.arrays import Bools, Int32s
from penchant.data import schema
from penchant.data.columns import fold_name
from penchant.errors import UsageError
from penchant.options import read_package_toml

_WORDS: Final = read_package_toml(__package__, "kinds.toml")
KIND_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {kind: tuple(words) for kind, words in _WORDS["aliases"].items()}
"""Our kind → words taken for it. The names of our kinds match too, without case, spaces, `_` and `-`."""

KNOWN_KINDS: Final = (*KIND_ALIASES, *sorted(schema.NEGATIVE_KINDS | schema.PASSIVE_KINDS))
"""Names of all known kinds."""
_OURS: Final[Mapping[str, str]] = {fold_name(kind): kind for kind in KNOWN_KINDS} | {
    fold_name(word): kind for kind, words in KIND_ALIASES.items() for word in words
}

_NEGATIVE_WORDS: Final = schema.NEGATIVE_KINDS | set(_WORDS["negative"]["words"])
_NEGATIVE_SIGNS: Final = re.compile("|".join(_WORDS["negative"]["signs"]))
_NOT_NEGATIVE: Final = re.compile("|".join(_WORDS["negative"]["not_negative"]))
"""Words that contain such a sign and are not negative."""


def mask_wanted_kinds(kinds: Sequence[str]) -> Bools:
    """Which kinds `[K]` signal interest: neither negative feedback nor passive.

    >>> mask_wanted_kinds(["view", "不喜欢", "impression", "wave"]).tolist()
    [True, False, False, True]
    """
    unwanted = schema.NEGATIVE_KINDS | schema.PASSIVE_KINDS
    return np.array([normalise_kind(kind) not in unwanted for kind in kinds], dtype=np.bool_)


def normalise_kind(word: str) -> str:
    """The standard name of a kind as written in a file; unknown words become lower case.

    >>> normalise_kind("不喜欢"), normalise_kind("Not Interested"), normalise_kind("AddToCart"), normalise_kind(" Buy ")
    ('dislike', 'not_interested', 'add_to_cart', 'buy')
    """
    return _OURS.get(fold_name(word.strip()), word.strip().lower())


def match_kind_codes(known: Sequence[str], words: Sequence[str]) -> Int32s:
    """The index in `known` of each of `words`, `[words]`: by name, else by meaning; -1 without a match.

    Kinds of an older bundle, written before a word was known, match by the standard name.

    >>> match_kind_codes(["浏览", "add to cart", "view"], ["view", "add_to_cart", "浏览", "wave"]).tolist()
    [2, 1, 0, -1]
    """
    places = {normalise_kind(kind): place for place, kind in reversed(list(enumerate(known)))}
    places |= {kind: place for place, kind in enumerate(known)}
    return np.array([places.get(word, places.get(normalise_kind(word), -1)) for word in words], dtype=np.int32)


def match_kind_weights(option: str, given: Mapping[str, float], kinds: Sequence[str]) -> dict[str, float]:
    """Weights that an option gives to kinds, under the names in `kinds`; words match as in `match_kind_codes`.

    Raises `UsageError` for a kind that is neither in the data nor a standard kind; a standard kind that the data lack
    stays.

    >>> match_kind_weights("kind_weights", {"收藏": 3, "Wave": 2, "buy": 1}, ["favorite", "wave", "buy"])
    {'favorite': 3, 'wave': 2, 'buy': 1}
    """
    read = {}
    for (word, weight), place in zip(given.items(), match_kind_codes(kinds, list(given)), strict=True):
        kind = kinds[place] if place >= 0 else normalise_kind(word)
        if place < 0 and kind not in KNOWN_KINDS:
            raise UsageError(
                f"{option} names {word!r}, which is not a kind in the data.", remedy=f"There are {', '.join(kinds)}."
            )
        read[kind] = weight
    return read


def reads_as_negative(kind: str) -> bool:
    """Whether a kind that counts as interest reads like negative feedback or like an action of the platform.

    >>> kinds = ("view", "disliked", "video_skipped", "不想看", "收藏", "hide", "不错", "无线购买", "不错过")
    >>> [kind for kind in kinds if reads_as_negative(kind)]
    ['disliked', 'video_skipped', '不想看']
    """
    if kind in schema.NEGATIVE_KINDS or kind in schema.PASSIVE_KINDS:
        return False
    words = re.findall(r"[a-z]+", kind.lower())
    return any(word in _NEGATIVE_WORDS for word in words) or bool(_NEGATIVE_SIGNS.search(_NOT_NEGATIVE.sub("", kind)))
