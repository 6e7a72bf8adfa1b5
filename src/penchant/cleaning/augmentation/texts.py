"""Texts changed so that they still say much the same: words replaced and left out, sentences in another order.

Chinese too: a word is then what jieba finds where it is installed, else a character.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data.text import WordOptions, words
from penchant.errors import UsageError

_HAN: Final = r"\p{Han}"
_PIECES: Final = rf"{_HAN}+|[\p{{L}}\p{{N}}'&&[^{_HAN}]]+|[^\p{{L}}\p{{N}}']+"
_WORD: Final = r"[\p{L}\p{N}]"
_SENTENCES: Final = r"[^.!?。！？…\n]+[.!?。！？…]*"


@dataclass(frozen=True)
class TextAugmentation:
    """Shares of words replaced by another word of the texts and left out; `reorder`: share of texts whose sentences
    are put in another order."""

    replace: float = 0.1
    delete: float = 0.1
    reorder: float = 0.5

    def __post_init__(self) -> None:
        for name in ("replace", "delete", "reorder"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{name}={getattr(self, name)} is out of range.", remedy="Give a share from 0 to 1.")


def augmented_texts(
    texts: Sequence[str | None], options: TextAugmentation, rng: np.random.Generator
) -> list[str | None]:
    """Each of N texts changed in its own way; None stays None (Wei and Zou 2019, "EDA")."""
    out = reordered_sentences(texts, rng, share=options.reorder) if options.reorder else list(texts)
    out = replaced_words(out, rng, share=options.replace) if options.replace else out
    return without_words(out, rng, share=options.delete) if options.delete else out


def replaced_words(
    texts: Sequence[str | None], rng: np.random.Generator, *, share: float, pool: Sequence[str] | None = None
) -> list[str | None]:
    """A share of the words of each text replaced by words drawn from `pool`, by default those of all the texts,
    as often as they stand there. A Chinese word is replaced by a Chinese one, another by another, where there is one.

    >>> replaced_words(["red car"], np.random.default_rng(0), share=1.0, pool=["blue"])
    ['blue blue']
    """
    flat = _pieces(texts)
    known = flat.filter("word")["piece"] if pool is None else pl.Series("piece", list(pool), dtype=pl.String)
    chinese = known.str.contains(_HAN)
    pieces, chosen = flat["piece"], _chosen(flat, share, rng)
    for script in (False, True):
        from_pool = known.filter(chinese == script)
        places = np.flatnonzero(chosen & (flat["piece"].str.contains(_HAN) == script).to_numpy())
        if len(places) and len(from_pool):
            drawn = from_pool.gather(rng.integers(0, len(from_pool), len(places)))
            pieces = pieces.scatter(places, drawn)
    return _joined(flat.with_columns(piece=pieces), texts)


def without_words(texts: Sequence[str | None], rng: np.random.Generator, *, share: float) -> list[str | None]:
    """A share of the words of each text left out; one word of each text always stays."""
    flat = _pieces(texts)
    drawn = pl.Series("drawn", rng.random(flat.height))
    told = flat.with_columns(drawn=pl.when("word").then(drawn).otherwise(-1.0))
    last = pl.col("drawn") == pl.col("drawn").max().over("row")
    kept = told.filter(~(pl.col("word") & (pl.col("drawn") < share) & ~last))
    return [None if text is None else " ".join(text.split()) for text in _joined(kept, texts)]


def reordered_sentences(
    texts: Sequence[str | None], rng: np.random.Generator, *, share: float = 1.0
) -> list[str | None]:
    """The sentences of a share of the texts in random order."""
    told = _rows(texts).with_columns(pl.col("text").str.extract_all(_SENTENCES).alias("sentence"))
    shuffled = pl.Series("shuffled", rng.random(told.height) < share)
    flat = told.with_columns(shuffled).explode("sentence", empty_as_null=True)
    flat = flat.with_columns(pl.col("sentence").str.strip_chars(), key=pl.Series(rng.random(flat.height)))
    flat = flat.filter(pl.col("sentence") != "").with_row_index("place")
    key = pl.when("shuffled").then("key").otherwise(pl.col("place").cast(pl.Float64))
    flat = flat.with_columns(key=key).sort("row", "key")
    space = pl.when(pl.col("sentence").str.contains(rf"[{_HAN}。！？]$")).then(pl.lit("")).otherwise(pl.lit(" "))
    flat = flat.with_columns(piece=pl.col("sentence") + space)
    return [None if text is None else text.strip() for text in _joined(flat, texts)]


def _rows(texts: Sequence[str | None]) -> pl.DataFrame:
    told = pl.DataFrame({"row": np.arange(len(texts)), "text": pl.Series(list(texts), dtype=pl.String)})
    return told.filter(pl.col("text").is_not_null())


def _pieces(texts: Sequence[str | None]) -> pl.DataFrame:
    """`row`, `piece` (a word, or what stands between words) and `word` (whether it is one), in order."""
    told = _rows(texts).select("row", piece=pl.col("text").str.extract_all(_PIECES))
    flat = told.explode("piece", empty_as_null=False)
    unique = flat["piece"].filter(flat["piece"].str.contains(rf"^{_HAN}").fill_null(False)).unique(maintain_order=True)
    flat = flat.join(
        pl.DataFrame({"piece": unique, "parts": _chinese(unique)}), on="piece", how="left", maintain_order="left"
    )
    flat = flat.select("row", piece=pl.coalesce("parts", pl.concat_list("piece")))
    flat = flat.explode("piece", empty_as_null=False)
    return flat.with_columns(word=pl.col("piece").str.contains(_WORD).fill_null(False))


def _chosen(flat: pl.DataFrame, share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    return flat["word"].to_numpy() & (rng.random(flat.height) < share)


def _joined(flat: pl.DataFrame, texts: Sequence[str | None]) -> list[str | None]:
    """Pieces put together again, in the order of the texts; nothing is left of an empty one."""
    whole = flat.group_by("row", maintain_order=True).agg(pl.col("piece").str.join(""))
    told = pl.DataFrame({"row": np.arange(len(texts)), "text": pl.Series(list(texts), dtype=pl.String)})
    told = told.join(whole, on="row", how="left", maintain_order="left")
    return told.select(pl.when(pl.col("text").is_not_null()).then(pl.col("piece").fill_null(""))).to_series().to_list()


def _chinese(runs: pl.Series) -> pl.Series:
    """The words of runs of Chinese characters, `[N]` of List(String)."""
    if importlib.util.find_spec("jieba") is None:
        return runs.str.extract_all(".")
    return words(runs, WordOptions(chinese="jieba", lower=False))
