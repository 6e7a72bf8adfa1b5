"""Normalises text, splits it into words and builds one text per item, column by column."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import polars as pl

from penchant.data import schema
from penchant.data.columns import as_text
from penchant.data.dataset import Dataset
from penchant.errors import OptionError, require_extra

Texts: TypeAlias = "pl.Series | Sequence[str | None]"
ChineseWords = Literal["auto", "jieba", "bigrams"]

_INVISIBLE = r"[\p{Cc}\u{AD}\u{200B}\u{200E}\u{200F}\u{202A}-\u{202E}\u{2060}\u{2066}-\u{2069}\u{FEFF}\u{FFFD}]"
_SPACE = r"[\s\p{Z}]+"
_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}"
_TOKENS = rf"[{_CJK}]+|[[\p{{L}}\p{{N}}\p{{M}}]--[{_CJK}]]+(?:['’]\p{{L}}+)*"


@dataclass(frozen=True)
class WordOptions:
    """Options of word segmentation."""

    lower: bool = True
    """Whether case is ignored."""
    chinese: ChineseWords = "auto"
    """Segmentation of Chinese: jieba (words; the extra `lang`), bigrams (pairs of characters) or auto. auto is jieba
    if it is installed."""

    def __post_init__(self) -> None:
        if self.chinese not in get_args(ChineseWords):
            raise OptionError("chinese", self.chinese, allowed=get_args(ChineseWords))

    @property
    def cache_key(self) -> str:
        """The options that determine the result on this machine, for a cache key: `words-lower-jieba`."""
        return f"words-{'lower' if self.lower else 'case'}-{_choose_method(self.chinese)}"


@dataclass(frozen=True)
class ItemTextOptions:
    """The columns of `items` that form an item's text. Missing columns are skipped."""

    fields: tuple[str, ...] = (schema.TITLE, schema.CATEGORIES, schema.DESCRIPTION)
    """Columns of the text, in this order."""
    attributes: tuple[str, ...] = ()
    """Further columns (director, actors, brand …)."""
    separator: str = ". "
    """Text between two columns."""


def normalise(texts: Texts, *, lower: bool = False) -> pl.Series:
    """NFKC (full-width forms become plain), no control or invisible characters, single spaces; empty is null.

    >>> normalise(["ＡＢＣ\\u200b  １２\\n３", " ", None], lower=True).to_list()
    ['abc 12 3', None, None]
    """
    text = squeeze(squeeze(_to_series(texts)).str.normalize("NFKC"))
    return text.str.to_lowercase() if lower else text


def squeeze(text: pl.Series) -> pl.Series:
    """No control or invisible characters, single spaces, none at the ends; empty is null."""
    text = text.str.replace_all(_SPACE, " ").str.replace_all(_INVISIBLE, "").str.replace_all(_SPACE, " ")
    text = text.str.strip_chars()
    return text.set(text == "", None)


def split_words(texts: Texts, options: WordOptions = WordOptions()) -> pl.Series:
    """The words of every text, `[N]` of List(String); Chinese by jieba or as character pairs. Null gives an empty list.

    Raises `MissingExtraError` if `chinese="jieba"` needs jieba and it is not installed.

    >>> split_words(["Don't stop, 3D!", "程序员看电影", None], WordOptions(chinese="bigrams")).to_list()
    [["don't", 'stop', '3d'], ['程序', '序员', '员看', '看电', '电影'], []]
    """
    tokens = normalise(texts, lower=options.lower).str.extract_all(_TOKENS)
    flat = pl.DataFrame({"row": pl.int_range(len(tokens), eager=True), "token": tokens.fill_null([])})
    flat = flat.explode("token", empty_as_null=False).with_row_index("place")
    runs = flat.filter(pl.col("token").str.contains(rf"^[{_CJK}]"))
    if not runs.height:
        return tokens.fill_null([])
    cut = _split_jieba if _choose_method(options.chinese) == "jieba" else _split_bigrams
    other = flat.filter(~pl.col("token").str.contains(rf"^[{_CJK}]")).with_columns(part=pl.lit(0, pl.Int64))
    ordered = pl.concat([other, cut(runs)]).sort("place", "part").group_by("row", maintain_order=True).agg("token")
    rows = pl.DataFrame({"row": pl.int_range(len(tokens), eager=True)})
    return rows.join(ordered, on="row", how="left", maintain_order="left")["token"].fill_null([])


def build_item_texts(dataset: Dataset, options: ItemTextOptions = ItemTextOptions()) -> list[str | None]:
    """One normalised text for every item `[N]`, in the order of codes; None if an item has none.

    Raises `OptionError` for an attribute that no column of items has.

    >>> import penchant.data.dataset as d
    >>> log = {"user_id": ["u"], "item_id": ["a"], "timestamp": [1]}
    >>> items = {"item_id": ["a", "b"], "title": ["Heat", None], "categories": ["Crime|Drama", None]}
    >>> build_item_texts(d.Dataset.from_tables(log, items))
    ['Heat. Crime, Drama', None]
    """
    items = dataset.items
    for name in options.attributes:
        if name not in items.columns:
            raise OptionError("attribute of items", name, allowed=items.columns)
    names = [name for name in (*options.fields, *options.attributes) if name in items.columns]
    if not names:
        return [None] * items.height
    parts = pl.DataFrame([normalise(as_text(items[name])).alias(name) for name in names])
    joined = parts.select(pl.concat_str(pl.all(), separator=options.separator, ignore_nulls=True)).to_series()
    return joined.set(joined == "", None).to_list()


def _to_series(texts: Texts) -> pl.Series:
    series = texts if isinstance(texts, pl.Series) else pl.Series("text", list(texts), dtype=pl.String)
    return series if series.dtype == pl.String else as_text(series)


def _split_bigrams(runs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of neighbouring characters of every run; a single character stays."""
    length = pl.col("token").str.len_chars().cast(pl.Int64)
    starts = runs.with_columns(part=pl.int_ranges(0, pl.max_horizontal(length - 1, 1))).explode("part")
    return starts.with_columns(pl.col("token").str.slice(pl.col("part"), 2)).select("place", "row", "token", "part")


def _split_jieba(runs: pl.DataFrame) -> pl.DataFrame:
    cut = _load_jieba()
    unique = runs["token"].unique(maintain_order=True)
    table = pl.DataFrame({"token": unique, "words": pl.Series([cut(run) for run in unique], dtype=pl.List(pl.String))})
    split = runs.join(table, on="token", how="left", maintain_order="left").drop("token")
    split = split.with_columns(part=pl.int_ranges(0, pl.col("words").list.len().cast(pl.Int64)))
    return split.explode("words", "part").select("place", "row", pl.col("words").alias("token"), "part")


def _choose_method(chinese: str) -> str:
    if chinese != "auto":
        return chinese
    return "jieba" if importlib.util.find_spec("jieba") else "bigrams"


@functools.cache
def _load_jieba() -> Callable[[str], list[str]]:
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in the source of jieba
        with require_extra("jieba", "lang"):
            import jieba
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    cache = Path.home() / ".cache" / "penchant"  # not the shared temporary folder: the cache is unmarshalled
    try:
        cache.mkdir(parents=True, exist_ok=True)
        tokenizer.tmp_dir = str(cache)
    except OSError:
        pass

    def cut(text: str) -> list[str]:
        return list(tokenizer.cut(text))

    return cut
