"""Words for kinds of events: the kinds they mean, and unknown words that look like negative feedback."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from penchant.data import schema
from penchant.data.columns import fold_name
from penchant.errors import UsageError

KIND_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "view": ("浏览", "瀏覽", "查看", "观看", "觀看"),
    "click": ("点击", "點擊", "点开", "點開"),
    "play": ("播放",),
    "like": ("喜欢", "喜歡", "点赞", "點讚", "点讚", "赞", "讚"),
    "favorite": ("收藏",),
    "follow": ("关注", "關注", "追蹤"),
    "purchase": ("购买", "購買", "买", "下单", "下單", "支付", "付款", "成交"),
    "add_to_cart": ("加购", "加購", "加购物车", "加入购物车", "加入購物車"),
    "rating": ("评分", "評分", "打分"),
    "comment": ("评论", "評論", "留言"),
    "share": ("分享", "转发", "轉發"),
    "search": ("搜索", "搜尋"),
    "dislike": ("不喜欢", "不喜歡", "踩", "点踩", "點踩", "讨厌", "討厭", "反感", "差评", "差評"),
    "not_interested": ("不感兴趣", "不感興趣", "没兴趣", "沒興趣", "无兴趣"),
    "hide": ("隐藏", "隱藏", "不看", "减少推荐", "減少推薦"),
    "block": ("屏蔽", "封鎖", "拉黑", "加入黑名单"),
    "report": ("举报", "檢舉", "投诉", "投訴"),
    "skip": ("跳过", "跳過", "略過", "划走", "划过", "快速划过"),
    "return": ("退货", "退貨"),
    "refund": ("退款",),
    "cancel": ("取消", "取消订单", "取消訂單"),
    "remove_from_cart": ("移出购物车", "移出購物車", "删除购物车", "从购物车删除"),
    "unlike": ("取消点赞", "取消點讚", "取消喜欢", "取消收藏"),
    "unfollow": ("取消关注", "取消關注", "取关"),
    "unsubscribe": ("退订", "退訂", "取消订阅", "取消訂閱"),
    "impression": ("曝光", "展示", "展现", "展現"),
}
"""Our kind → words taken for it. The names of our kinds match too, without case, spaces, `_` and `-`."""

KNOWN_KINDS: Final = (*KIND_ALIASES, *sorted(schema.NEGATIVE_KINDS | schema.PASSIVE_KINDS))
"""Names of all known kinds."""
_OURS: Final[Mapping[str, str]] = {fold_name(kind): kind for kind in KNOWN_KINDS} | {
    fold_name(word): kind for kind, words in KIND_ALIASES.items() for word in words
}

_NEGATIVE_WORDS: Final = schema.NEGATIVE_KINDS | set(
    """
    dislikes disliked disliking hate hated hid hidden hides skipped skips skipping blocked mute muted ban
    banned reported not no dont never ignore ignored remove removed delete deleted dismiss dismissed reject
    rejected decline declined down downvoted negative bad returned returns refunded cancelled canceled
    abandon complaint complained unsave unfavorite unfavourite unshare uninterested unliked unfollowed
    unsubscribed impressions impressed exposures exposed displayed displays impression exposure shown
    """.split()  # noqa: SIM905 (a list would stand one word a line)
)
_NEGATIVE_SIGNS: Final = re.compile(
    r"[不没沒无無未勿踩厌厭烦煩拒删刪退负負]|屏蔽|封鎖|隐藏|隱藏|举报|檢舉|投诉|投訴|拉黑|黑名单|取消|移除|移出|"
    r"跳过|跳過|略過|划走|划过|忽略|差评|差評|曝光|展示|展现|展現"
)
_NOT_NEGATIVE: Final = re.compile(
    "不错|不錯|不断|不斷|不停|不限|不少|无线|無線|无限|無限|无敌|無敵|无损|無損|无疑|無疑|没错|沒錯|负责|負責"
)
"""Words that contain such a sign and are not negative."""


def mask_wanted_kinds(kinds: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which kinds `[K]` are signs of interest: neither negative feedback nor passive.

    >>> mask_wanted_kinds(["view", "不喜欢", "impression", "wave"]).tolist()
    [True, False, False, True]
    """
    unwanted = schema.NEGATIVE_KINDS | schema.PASSIVE_KINDS
    return np.array([normalise_kind(kind) not in unwanted for kind in kinds], dtype=np.bool_)


def normalise_kind(word: str) -> str:
    """Our name of a kind as a file may write it; other words become lower case and stay.

    >>> normalise_kind("不喜欢"), normalise_kind("Not Interested"), normalise_kind("AddToCart"), normalise_kind(" Buy ")
    ('dislike', 'not_interested', 'add_to_cart', 'buy')
    """
    return _OURS.get(fold_name(word.strip()), word.strip().lower())


def match_kind_codes(known: Sequence[str], words: Sequence[str]) -> npt.NDArray[np.int32]:
    """The place in `known` of each of `words`, `[words]`: by the name itself, else by what both mean; -1 where neither.

    Kinds of an older bundle, written before a word was known, match by our name.

    >>> match_kind_codes(["浏览", "add to cart", "view"], ["view", "add_to_cart", "浏览", "wave"]).tolist()
    [2, 1, 0, -1]
    """
    places = {normalise_kind(kind): place for place, kind in reversed(list(enumerate(known)))}
    places |= {kind: place for place, kind in enumerate(known)}
    return np.array([places.get(word, places.get(normalise_kind(word), -1)) for word in words], dtype=np.int32)


def match_kind_weights(option: str, given: Mapping[str, float], kinds: Sequence[str]) -> dict[str, float]:
    """Weights that an option gives to kinds, under the names in `kinds`; words match as in `match_kind_codes`.

    Raises `UsageError` for a kind that neither the data nor we know; one of ours that the data lack stays.

    >>> match_kind_weights("kind_weights", {"收藏": 3, "Wave": 2, "buy": 1}, ["favorite", "wave", "buy"])
    {'favorite': 3, 'wave': 2, 'buy': 1}
    """
    read = {}
    for (word, weight), place in zip(given.items(), match_kind_codes(kinds, list(given)), strict=True):
        kind = kinds[place] if place >= 0 else normalise_kind(word)
        if place < 0 and kind not in KNOWN_KINDS:
            raise UsageError(f"{option} names {word!r}, no kind of the data.", remedy=f"There are {', '.join(kinds)}.")
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
