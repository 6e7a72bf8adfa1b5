"""Augmentation of texts: replace and delete words, reorder sentences.

A Chinese word is a jieba segment, or a single character without jieba.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Bools
from penchant.data.text import WordOptions, split_words
from penchant.options import require_range

_HAN: Final = r"\p{Han}"
_PIECES: Final = rf"{_HAN}+|[\p{{L}}\p{{N}}'&&[^{_HAN}]]+|[^\p{{L}}\p{{N}}']+"
_WORD: Final = r"[\p{L}\p{N}]"
_SENTENCES: Final = r"[^.!?。！？…\n]+[.!?。！？…]*"


@dataclass(frozen=True)
class TextAugmentation:
    """Random changes of a text."""

    replace: float = 0.1
    """Share of words to replace by another word of the texts. 0 to 1."""
    delete: float = 0.1
    """Share of words to delete. 0 to 1."""
    reorder: float = 0.5
    """Share of texts whose sentences change their order. 0 to 1."""

    def __post_init__(self) -> None:
        require_range(self, "replace", "delete", "reorder", least=0, most=1)


def augment_texts(texts: Sequence[str | None], options: TextAugmentation, rng: np.random.Generator) -> list[str | None]:
    """N texts, each with its random changes; None stays None (Wei and Zou 2019, "EDA")."""
    out = reorder_sentences(texts, rng, share=options.reorder) if options.reorder else list(texts)
    out = replace_words(out, rng, share=options.replace) if options.replace else out
    return delete_words(out, rng, share=options.delete) if options.delete else out


def replace_words(
    texts: Sequence[str | None], rng: np.random.Generator, *, share: float, pool: Sequence[str] | None = None
) -> list[str | None]:
    """Replace a share of the words of each text by words drawn from `pool`, by default the words of all texts.

    A Chinese word replaces a Chinese word, another word another; without one in the pool the word stays.

    >>> replace_words(["red car"], np.random.default_rng(0), share=1.0, pool=["blue"])
    ['blue blue']
    """
    flat = _split_pieces(texts)
    candidates = flat.filter("word")["piece"] if pool is None else pl.Series("piece", list(pool), dtype=pl.String)
    chinese = candidates.str.contains(_HAN)
    pieces, chosen = flat["piece"], _choose(flat, share, rng)
    for script in (False, True):
        from_pool = candidates.filter(chinese == script)
        positions = np.flatnonzero(chosen & (flat["piece"].str.contains(_HAN) == script).to_numpy())
        if len(positions) and len(from_pool):
            drawn = from_pool.gather(rng.integers(0, len(from_pool), len(positions)))
            pieces = pieces.scatter(positions, drawn)
    return _join(flat.with_columns(piece=pieces), texts)


def delete_words(texts: Sequence[str | None], rng: np.random.Generator, *, share: float) -> list[str | None]:
    """Delete a share of the words of each text; one word of each text always stays."""
    flat = _split_pieces(texts)
    drawn = pl.Series("drawn", rng.random(flat.height))
    flat = flat.with_columns(drawn=pl.when("word").then(drawn).otherwise(-1.0))
    last = pl.col("drawn") == pl.col("drawn").max().over("row")
    kept = flat.filter(~(pl.col("word") & (pl.col("drawn") < share) & ~last))
    return [None if text is None else " ".join(text.split()) for text in _join(kept, texts)]


def reorder_sentences(texts: Sequence[str | None], rng: np.random.Generator, *, share: float = 1.0) -> list[str | None]:
    """Reorder the sentences of a share of the texts at random."""
    rows = _tabulate(texts).with_columns(pl.col("text").str.extract_all(_SENTENCES).alias("sentence"))
    shuffled = pl.Series("shuffled", rng.random(rows.height) < share)
    flat = rows.with_columns(shuffled).explode("sentence", empty_as_null=True)
    flat = flat.with_columns(pl.col("sentence").str.strip_chars(), key=pl.Series(rng.random(flat.height)))
    flat = flat.filter(pl.col("sentence") != "").with_row_index("position")
    key = pl.when("shuffled").then("key").otherwise(pl.col("position").cast(pl.Float64))
    flat = flat.with_columns(key=key).sort("row", "key")
    space = pl.when(pl.col("sentence").str.contains(rf"[{_HAN}。！？]$")).then(pl.lit("")).otherwise(pl.lit(" "))
    flat = flat.with_columns(piece=pl.col("sentence") + space)
    return [None if text is None else text.strip() for text in _join(flat, texts)]


def _tabulate(texts: Sequence[str | None]) -> pl.DataFrame:
    rows = pl.DataFrame({"row": np.arange(len(texts)), "text": pl.Series(list(texts), dtype=pl.String)})
    return rows.filter(pl.col("text").is_not_null())


def _split_pieces(texts: Sequence[str | None]) -> pl.DataFrame:
    """`row`, `piece` (a word, or the text between words) and `word` (whether it is a word), in order."""
    rows = _tabulate(texts).select("row", piece=pl.col("text").str.extract_all(_PIECES))
    flat = rows.explode("piece", empty_as_null=False)
    unique = flat["piece"].filter(flat["piece"].str.contains(rf"^{_HAN}").fill_null(False)).unique(maintain_order=True)
    flat = flat.join(
        pl.DataFrame({"piece": unique, "parts": _segment(unique)}), on="piece", how="left", maintain_order="left"
    )
    flat = flat.select("row", piece=pl.coalesce("parts", pl.concat_list("piece")))
    flat = flat.explode("piece", empty_as_null=False)
    return flat.with_columns(word=pl.col("piece").str.contains(_WORD).fill_null(False))


def _choose(flat: pl.DataFrame, share: float, rng: np.random.Generator) -> Bools:
    return flat["word"].to_numpy() & (rng.random(flat.height) < share)


def _join(flat: pl.DataFrame, texts: Sequence[str | None]) -> list[str | None]:
    """Join the pieces of each text, in the order of the texts."""
    joined = flat.group_by("row", maintain_order=True).agg(pl.col("piece").str.join(""))
    rows = pl.DataFrame({"row": np.arange(len(texts)), "text": pl.Series(list(texts), dtype=pl.String)})
    rows = rows.join(joined, on="row", how="left", maintain_order="left")
    return rows.select(pl.when(pl.col("text").is_not_null()).then(pl.col("piece").fill_null(""))).to_series().to_list()


def _segment(runs: pl.Series) -> pl.Series:
    """The words of runs of Chinese characters, `[N]` of List(String)."""
    if importlib.util.find_spec("jieba") is None:
        return runs.str.extract_all(".")
    return split_words(runs, WordOptions(chinese="jieba", lower=False))
