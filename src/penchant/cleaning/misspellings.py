"""Common misspellings, told by the corpus itself: a rare word one slip away from a frequent one.

Candidates by deletion (Garbe 2012, "SymSpell"): two words are one slip apart (a letter added, left out, changed, or
two neighbours swapped) where they become equal by leaving out one letter of either at neighbouring places.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from penchant.data.options import require_range
from penchant.data.text import Texts, WordOptions, normalised, words


@dataclass(frozen=True)
class SpellingOptions:
    """Which pairs of words count as a misspelling and its correction. Both words begin and end with the same letter:
    other pairs are mostly two right words (walking, talking; accuses, accused)."""

    shortest: int = 6
    """Letters of the shortest word that is examined. 1 or more."""
    rare: int = 2
    """Occurrences of a rare word at most. 1 or more."""
    ratio: int = 20
    """How many times as often the correction must occur. 1 or more."""

    def __post_init__(self) -> None:
        require_range(self, "shortest", "rare", "ratio", least=1)


def misspellings(texts: Texts, options: SpellingOptions = SpellingOptions()) -> pl.DataFrame:
    """Words that look misspelt: `word`, `count`, `instead`, `instead_count`; the most frequent correction of each.

    >>> misspellings(["cushion cover"] * 30 + ["cushoin cover", "cushions"]).rows()
    [('cushoin', 1, 'cushion', 30)]
    """
    counted = words(texts, WordOptions(chinese="bigrams")).explode(empty_as_null=False).value_counts(sort=False)
    counted = counted.rename({counted.columns[0]: "word"}).filter(
        pl.col("word").str.contains(r"^\p{Latin}+$") & (pl.col("word").str.len_chars() >= options.shortest)
    )
    rare = counted.filter(pl.col("count") <= options.rare)
    common = counted.filter(pl.col("count") > options.rare).rename({"word": "instead", "count": "instead_count"})
    pairs = _shortened(rare, "word").join(_shortened(common, "instead"), on="short", suffix="_instead")
    same_length = pl.col("word").str.len_chars() == pl.col("instead").str.len_chars()
    near = (pl.col("at").cast(pl.Int64) - pl.col("at_instead").cast(pl.Int64)).abs() <= 1
    one_short = (pl.col("at") < 0) ^ (pl.col("at_instead") < 0)
    ends = (pl.col("word").str.head(1) == pl.col("instead").str.head(1)) & (
        pl.col("word").str.tail(1) == pl.col("instead").str.tail(1)
    )
    pairs = pairs.filter(
        ((same_length & near & (pl.col("at") >= 0) & (pl.col("at_instead") >= 0)) | one_short)
        & ends
        & (pl.col("instead_count") >= options.ratio * pl.col("count"))
    )
    best = pairs.sort(["instead_count", "instead"], descending=[True, False]).unique("word", keep="first")
    return best.select("word", "count", "instead", "instead_count").sort("word")


def corrected(texts: Texts, found: pl.DataFrame) -> pl.Series:
    """The texts with the words of `found` (of `misspellings`) replaced, without case, as whole words.

    >>> found = pl.DataFrame({"word": ["cushoin"], "instead": ["cushion"]})
    >>> corrected(["A CUSHOIN, blue", "cushoins"], found).to_list()
    ['A cushion, blue', 'cushoins']
    """
    text = texts if isinstance(texts, pl.Series) else pl.Series("text", list(texts), dtype=pl.String)
    if not found.height:
        return text
    tokens = pl.DataFrame({"row": pl.int_range(len(text), eager=True), "part": text}).with_columns(
        pl.col("part").str.extract_all(r"[\p{L}\p{M}\p{N}'’]+|[^\p{L}\p{M}\p{N}'’]+")
    )
    flat = tokens.explode("part", empty_as_null=True)
    key = normalised(flat["part"], lower=True).alias("key")
    instead = key.replace_strict(found["word"], found["instead"], default=None)
    whole = flat.with_columns(pl.coalesce(instead, "part").alias("part"))
    joined = whole.group_by("row", maintain_order=True).agg(pl.col("part").str.join(""))["part"]
    return joined.set(text.is_null(), None).alias(text.name)


def _shortened(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Every word with each letter left out in turn (`at`), and whole (`at` = -1)."""
    length = pl.col(name).str.len_chars().cast(pl.Int64)
    spread = table.with_columns(at=pl.int_ranges(-1, length)).explode("at")
    whole = pl.col(name)
    cut = whole.str.head(pl.col("at")) + whole.str.slice(pl.col("at") + 1)
    return spread.with_columns(short=pl.when(pl.col("at") < 0).then(whole).otherwise(cut))
