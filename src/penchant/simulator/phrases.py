"""Texts of the simulated platform: templates of titles, descriptions and comments in English and Chinese.

`fill_templates` fills the placeholders in braces, a column at a time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

STYLES: Final = ("easy", "fine", "classic", "modern")
"""Four styles: a user's lasting taste besides topics; the adjective and the price of an item reveal its style."""

ADJECTIVES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "en": (
        ("easy", "simple", "beginner", "budget", "quick", "everyday"),
        ("luxury", "professional", "handcrafted", "fine", "limited", "flagship"),
        ("vintage", "traditional", "timeless", "nostalgic", "old-school", "heritage"),
        ("modern", "minimalist", "smart", "trendy", "bold", "futuristic"),
    ),
    "zh": (
        ("轻松", "简单", "新手", "平价", "快手", "日常"),
        ("奢华", "专业", "手工", "精致", "限量", "旗舰"),
        ("复古", "传统", "经典", "怀旧", "老派", "古法"),
        ("现代", "极简", "智能", "潮流", "大胆", "未来感"),
    ),
}

FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("guide", "review", "set", "course", "video", "story", "news", "workshop"),
    "zh": ("指南", "测评", "套装", "课程", "视频", "故事", "资讯", "工坊"),
}

TITLES: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "The {adj} guide to {noun}",
        "{Adj} {noun}: an honest review",
        "{Adj} {noun} set",
        "{Noun}: {adj} lessons on {aspect}",
        "{Adj} {noun} up close",
        "A story of {noun} and {aspect}, told the {adj} way",
        "{Noun} this month: {adj} picks",
        "{Adj} {noun} workshop: {aspect}",
    ),
    "zh": (
        "{adj}{noun}指南",
        "{adj}{noun}真实测评",
        "{adj}{noun}套装",
        "{noun}{adj}课：{aspect}",
        "近看{adj}{noun}",
        "{noun}与{aspect}的{adj}故事",
        "本月{noun}资讯：{adj}精选",
        "{adj}{noun}工坊：{aspect}篇",
    ),
}

DESCRIPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "Everything about {noun}, from {aspect} to {aspect2}. Goes well with {other}.",
        "{Creator} looks at {noun} and {other}, with much care for {aspect} and {aspect2}.",
        "Made for people who love {other} and want more {aspect}. {Adj} from start to finish.",
        "Why {aspect} matters with {noun}, and where {aspect2} comes in.",
        "A {format} for quiet evenings: {noun}, {other} and a little {aspect}.",
        "Three friends try {noun}. Their verdict on {aspect}, {aspect2} and the price.",
    ),
    "zh": (
        "关于{noun}的一切，从{aspect}讲到{aspect2}，搭配{other}更好。",
        "{creator}带你看{noun}和{other}，特别讲究{aspect}与{aspect2}。",
        "献给喜欢{other}、想要更多{aspect}的人，从头到尾都很{adj}。",
        "为什么{noun}离不开{aspect}，{aspect2}又有什么关系。",
        "适合安静夜晚的{format}：{noun}、{other}，还有一点{aspect}。",
        "三位朋友一起体验{noun}，聊聊{aspect}、{aspect2}和价格。",
    ),
}

SENTIMENTS: Final = ("negative", "neutral", "positive")

COMMENTS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "en": (
        (
            "Disappointed. The {aspect} is poor and the {noun} looks nothing like the pictures.",
            "Not worth the money, the {noun} let me down.",
            "Boring {noun}, and the {aspect} is just bad.",
            "I regret this one. Terrible {aspect}.",
            "The {noun} arrived late and {aspect} was awful.",
            "Would not recommend, too much talk and too little {aspect}.",
        ),
        (
            "It is a {noun}, does what it says.",
            "Average {aspect}, nothing special.",
            "Is the {noun} also there in another size?",
            "Saw this after reading about {aspect}.",
            "Okay for now, will see how the {noun} holds up.",
        ),
        (
            "Love it! The {aspect} is wonderful.",
            "Best {noun} I have seen this year, thank you.",
            "Great {noun}, the {aspect} won me over.",
            "Exactly what I wanted. Beautiful {aspect}!",
            "My friends are jealous of this {noun}. Highly recommended.",
            "So happy with this, the {aspect} is superb.",
        ),
    ),
    "zh": (
        (
            "太失望了，{aspect}很差，{noun}和图片完全不一样。",
            "不值这个价，{noun}让人失望。",
            "{noun}太无聊，{aspect}也很糟糕。",
            "后悔了，{aspect}真差劲。",
            "{noun}来得晚，{aspect}简直没法看。",
            "不推荐，废话太多，{aspect}太少。",
        ),
        (
            "就是普通的{noun}，该有的都有。",
            "{aspect}一般，没什么特别。",
            "请问{noun}还有别的尺寸吗？",
            "看了{aspect}的介绍才过来的。",
            "暂时还行，看看{noun}以后怎么样。",
        ),
        (
            "太喜欢了！{aspect}特别棒。",
            "今年见过最好的{noun}，感谢分享。",
            "{noun}很赞，{aspect}打动了我。",
            "正是我想要的，{aspect}太美了！",
            "朋友们都羡慕我的{noun}，强烈推荐。",
            "非常满意，{aspect}一流。",
        ),
    ),
}

QUERIES: Final[dict[str, tuple[str, ...]]] = {
    "en": ("{adj} {noun}", "{noun} {aspect}", "{noun}", "how to get better {aspect}", "best {noun} for {aspect}"),
    "zh": ("{adj}{noun}", "{noun} {aspect}", "{noun}", "怎样提高{aspect}", "{aspect}好的{noun}推荐"),
}

CAPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("My {noun} today", "Trying a {adj} {noun}", "Look at this {aspect}!", "Weekend with {noun}"),
    "zh": ("今天的{noun}", "试试{adj}{noun}", "看看这{aspect}！", "周末与{noun}"),
}

SPAM: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "Cheap {noun}!!! 80 % off today only, visit deals.example now",
        "Earn 500 a day from home, write to me at win.example",
        "FREE {noun} for the first 100, click deals.example",
    ),
    "zh": (
        "低价{noun}！！！今日两折，速来 deals.example",
        "在家日赚五百，加我 win.example",
        "前一百名免费送{noun}，点击 deals.example",
    ),
}

_FAMILY: Final[dict[str, tuple[str, ...]]] = {
    "en": ("Ash", "Birch", "Cole", "Dale", "Elm", "Fox", "Gray", "Hill", "Ives", "Jay", "Kerr", "Lake"),
    "zh": ("林", "陈", "周", "吴", "沈", "许", "苏", "叶", "顾", "白", "江", "陆"),
}
_GIVEN: Final[dict[str, tuple[str, ...]]] = {
    "en": ("Anna", "Ben", "Clara", "Dan", "Eve", "Finn", "Greta", "Hugo", "Iris", "Jon"),
    "zh": ("小雨", "安然", "一鸣", "子墨", "青云", "若溪", "知夏", "明远", "星河", "南风"),
}

CITIES: Final[dict[str, tuple[str, ...]]] = {
    "en": ("London", "Dublin", "Boston", "Sydney", "Toronto", "Leeds", "Austin", "Cardiff"),
    "zh": ("北京", "上海", "广州", "成都", "杭州", "武汉", "西安", "南京"),
}

GENDERS: Final[dict[str, tuple[str, ...]]] = {"en": ("female", "male", "other"), "zh": ("女", "男", "其他")}


def name_creators(language: str, numbers: npt.NDArray[np.integer]) -> list[str]:
    """Names of creators by number: 120 different names in each language, then numbered ones."""
    family, given = _FAMILY[language], _GIVEN[language]
    pairs = [f"{g} {f}" if language == "en" else f"{f}{g}" for f in family for g in given]
    wide = int(np.max(numbers, initial=0)) // len(pairs) + 1
    table = [name if turn == 0 else f"{name} {turn + 1}" for turn in range(wide) for name in pairs]
    return [table[number] for number in numbers.tolist()]


def number_repeats(titles: pl.Series, language: str) -> pl.Series:
    """Repeated titles get a number, like later parts of a series.

    >>> number_repeats(pl.Series(["Tea", "Tea", "Rice"]), "en").to_list()
    ['Tea', 'Tea, part 2', 'Rice']
    """
    turn = (pl.int_range(pl.len()).over("title") + 1).cast(pl.String)
    later = pl.col("title") + (pl.lit(", part ") if language == "en" else pl.lit("（")) + turn
    later = later if language == "en" else later + "）"
    return titles.alias("title").to_frame().select(pl.when(turn == "1").then("title").otherwise(later))["title"]


def fill_templates(templates: pl.Series, columns: pl.DataFrame) -> pl.Series:
    """Templates `[N]` with each `{name}` replaced by the column of that name, `{Name}` by it with a capital.

    >>> fill_templates(pl.Series(["{Noun} and {adj}"]), pl.DataFrame({"noun": ["tea"], "adj": ["warm"]})).to_list()
    ['Tea and warm']
    """
    text = pl.col("template")
    for name in columns.columns:
        value = pl.col(name)
        upper = value.str.slice(0, 1).str.to_uppercase() + value.str.slice(1)
        text = text.str.replace_all("{" + name + "}", value, literal=True)
        text = text.str.replace_all("{" + name[0].upper() + name[1:] + "}", upper, literal=True)
    return columns.with_columns(templates.alias("template")).select(text)["template"]
