"""Histories as text in English or Chinese: what the user did with which item, and how long after the last event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from penchant.errors import OptionError

LANGUAGES: Final = ("zh", "en")

_UNITS: Final = (
    (31_536_000, "year", "年"),
    (2_592_000, "month", "个月"),
    (604_800, "week", "周"),
    (86_400, "day", "天"),
    (3_600, "hour", "小时"),
    (60, "minute", "分钟"),
)

_VERBS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "view": ("viewed {}", "看了{}"),
        "click": ("opened {}", "点开了{}"),
        "play": ("played {}", "播放了{}"),
        "like": ("liked {}", "喜欢了{}"),
        "favorite": ("saved {}", "收藏了{}"),
        "save": ("saved {}", "收藏了{}"),
        "purchase": ("bought {}", "买了{}"),
        "add_to_cart": ("put {} into the cart", "把{}加入了购物车"),
        "rating": ("rated {}", "评价了{}"),
        "comment": ("commented on {}", "评论了{}"),
        "share": ("shared {}", "分享了{}"),
        "search": ("searched for {}", "搜索了{}"),
        "dislike": ("disliked {}", "不喜欢{}"),
        "hide": ("hid {}", "隐藏了{}"),
        "skip": ("skipped {}", "跳过了{}"),
        "return": ("returned {}", "退回了{}"),
        "follow": ("followed {}", "关注了{}"),
        "not_interested": ("was not interested in {}", "对{}不感兴趣"),
        "downvote": ("voted {} down", "踩了{}"),
        "thumbs_down": ("voted {} down", "踩了{}"),
        "block": ("blocked {}", "屏蔽了{}"),
        "report": ("reported {}", "举报了{}"),
        "refund": ("had {} refunded", "退款了{}"),
        "cancel": ("cancelled {}", "取消了{}"),
        "remove_from_cart": ("took {} out of the cart", "把{}移出了购物车"),
        "unlike": ("no longer liked {}", "取消了对{}的点赞"),
        "unfollow": ("unfollowed {}", "取消关注了{}"),
        "unsubscribe": ("unsubscribed from {}", "退订了{}"),
        "impression": ("was shown {}", "刷到了{}"),
        "exposure": ("was shown {}", "刷到了{}"),
        "show": ("was shown {}", "刷到了{}"),
        "shown": ("was shown {}", "刷到了{}"),
        "recommended": ("was shown {}", "刷到了{}"),
    }
)


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
    column = LANGUAGES.index(language)
    named = f'"{title}"' if language == "en" else f"《{title}》"
    if kind == "rating" and value is not None:
        return f"rated {named} {value:g}." if language == "en" else f"给{named}打了{value:g}分。"
    if kind not in _VERBS:
        return f"{kind}: {named}." if language == "en" else f"{kind}：{named}。"
    return _VERBS[kind][1 - column].format(named) + ("." if language == "en" else "。")


def verbalise_gap(seconds: int, language: str) -> str:
    """The time since the last event, in the largest unit that fits, rounded down.

    >>> verbalise_gap(30, "en"), verbalise_gap(86_400, "en"), verbalise_gap(3 * 604_800, "en")
    ('Then', 'A day later,', '3 weeks later,')
    >>> verbalise_gap(30, "zh"), verbalise_gap(86_400, "zh"), verbalise_gap(7_200, "zh")
    ('随后，', '1天后，', '2小时后，')
    """
    _check(language)
    for size, english, chinese in _UNITS:
        count = seconds // size
        if count >= 1:
            if language == "zh":
                return f"{count}{chinese}后，"
            article = "An" if english == "hour" else "A"
            return f"{article} {english} later," if count == 1 else f"{count} {english}s later,"
    return "Then" if language == "en" else "随后，"


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

    `request_s` is the time of the request (UTC seconds), or None where that is hidden.

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
