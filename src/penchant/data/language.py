"""The language of a text: by its script, and by py3langid among languages that share a script."""

from __future__ import annotations

import importlib.util
from typing import Final

import polars as pl

from penchant.data.text import Texts, normalise
from penchant.errors import MissingExtraError

UNKNOWN: Final = ""

_SCRIPTS: Final = {
    "ja": r"[\p{Hiragana}\p{Katakana}]",
    "zh": r"\p{Han}",
    "ko": r"\p{Hangul}",
    "ru": r"\p{Cyrillic}",
    "ar": r"\p{Arabic}",
    "el": r"\p{Greek}",
    "he": r"\p{Hebrew}",
    "th": r"\p{Thai}",
    "hi": r"\p{Devanagari}",
}
_LATIN: Final = r"\p{Latin}"
_CJK_WEIGHT: Final = 3
"""A Chinese, Japanese or Korean character says about as much as three letters."""


def detect(texts: Texts, *, thorough: bool = False) -> pl.Series:
    """The language of every text, `[N]` of codes (ISO 639-1); empty where there are no letters.

    The script with the largest share decides (a CJK character counts for three letters, kana make Chinese
    characters Japanese); Latin script is taken as `en`. With `thorough`, py3langid (the extra `lang`) distinguishes
    languages in Latin, Cyrillic and Arabic script: slower, and unreliable on texts of a few words.

    >>> detect(["A quiet film", "小伙路难走 vlog", "映画を見る", "123", None]).to_list()
    ['en', 'zh', 'ja', '', '']
    """
    text = normalise(texts)
    counted = (
        text.alias("x")
        .to_frame()
        .select(
            *(pl.col("x").str.count_matches(script).alias(code) for code, script in _SCRIPTS.items()),
            pl.col("x").str.count_matches(_LATIN).alias("en"),
        )
    )
    counted = counted.fill_null(0).cast(pl.Int64)
    kana = pl.col("ja") * 10 > pl.col("ja") + pl.col("zh")
    counted = counted.with_columns(
        ja=pl.when(kana).then((pl.col("ja") + pl.col("zh")) * _CJK_WEIGHT).otherwise(0),
        zh=pl.when(kana).then(0).otherwise(pl.col("zh") * _CJK_WEIGHT),
        ko=pl.col("ko") * _CJK_WEIGHT,
    )
    names = counted.columns
    best = pl.concat_list(pl.all()).list.arg_max()
    some = pl.sum_horizontal(pl.all()) > 0
    codes = counted.select(
        pl.when(some).then(best.replace_strict(range(len(names)), names, return_dtype=pl.String)).otherwise(pl.lit(""))
    ).to_series()
    return (_detect_thoroughly(text, codes) if thorough else codes).alias("language")


def measure_shares(texts: Texts, *, thorough: bool = False) -> dict[str, float]:
    """Share of the texts with letters in each language, largest first.

    >>> measure_shares(["one", "two", "三", None])
    {'en': 0.6666666666666666, 'zh': 0.3333333333333333}
    """
    codes = detect(texts, thorough=thorough)
    codes = codes.filter(codes != UNKNOWN)
    if not len(codes):
        return {}
    table = codes.value_counts(normalize=True).sort(["proportion", "language"], descending=[True, False])
    return dict(zip(table["language"].to_list(), table["proportion"].to_list(), strict=True))


def find_main_language(texts: Texts) -> str:
    """The most frequent language; empty where no text has letters.

    >>> find_main_language(["你好", "世界", "ok"])
    'zh'
    """
    return next(iter(measure_shares(texts)), UNKNOWN)


def _detect_thoroughly(text: pl.Series, codes: pl.Series) -> pl.Series:
    if not importlib.util.find_spec("py3langid"):
        raise MissingExtraError("py3langid", "lang")
    import py3langid

    unsure = codes.is_in(["en", "ru", "ar"])
    unique = text.filter(unsure).unique(maintain_order=True)
    classified = pl.Series([str(py3langid.classify(one)[0]) for one in unique], dtype=pl.String)
    return pl.select(
        pl.when(unsure).then(text.replace_strict(unique, classified, default=None)).otherwise(codes)
    ).to_series()
