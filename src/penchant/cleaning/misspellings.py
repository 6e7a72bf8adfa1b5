"""Likely misspellings from the corpus alone: a rare word one edit away from a frequent one.

Candidates come from deletions (Garbe 2012, "SymSpell"). One edit inserts, deletes or changes a letter, or swaps two
neighbours. Two words one edit apart become equal after deleting one letter of each, at neighbouring
positions, or one letter of the longer word.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from penchant.cleaning.finding import TEXT_COLUMNS, Repair, count_changes, repair_texts
from penchant.data.dataset import Dataset
from penchant.data.text import Texts, WordOptions, normalise, split_words
from penchant.options import require_range


@dataclass(frozen=True)
class SpellingOptions:
    """Criteria for a pair of words to count as a misspelling and its correction.

    Both words begin and end with the same letter: other pairs are mostly two correct words (walking, talking; accuses,
    accused).
    """

    shortest: int = 6
    """Minimum length of a word, letters. 1 or more."""
    rare: int = 2
    """Most occurrences of a misspelling. 1 or more."""
    ratio: int = 20
    """Minimum ratio of the correction's frequency to that of the misspelling. 1 or more."""

    def __post_init__(self) -> None:
        require_range(self, "shortest", "rare", "ratio", least=1)


def find_misspellings(texts: Texts, options: SpellingOptions = SpellingOptions()) -> pl.DataFrame:
    """Likely misspellings: `word`, `count`, and the most frequent `correction` with its `correction_count`.

    >>> find_misspellings(["cushion cover"] * 30 + ["cushoin cover", "cushions"]).rows()
    [('cushoin', 1, 'cushion', 30)]
    """
    counted = split_words(texts, WordOptions(chinese="bigrams")).explode(empty_as_null=False).value_counts(sort=False)
    counted = counted.rename({counted.columns[0]: "word"}).filter(
        pl.col("word").str.contains(r"^\p{Latin}+$") & (pl.col("word").str.len_chars() >= options.shortest)
    )
    rare = counted.filter(pl.col("count") <= options.rare)
    common = counted.filter(pl.col("count") > options.rare).rename({"word": "correction", "count": "correction_count"})
    pairs = _delete_letters(rare, "word").join(_delete_letters(common, "correction"), on="short", suffix="_correction")
    same_length = pl.col("word").str.len_chars() == pl.col("correction").str.len_chars()
    near = (pl.col("at").cast(pl.Int64) - pl.col("at_correction").cast(pl.Int64)).abs() <= 1
    one_short = (pl.col("at") < 0) ^ (pl.col("at_correction") < 0)
    ends = (pl.col("word").str.head(1) == pl.col("correction").str.head(1)) & (
        pl.col("word").str.tail(1) == pl.col("correction").str.tail(1)
    )
    pairs = pairs.filter(
        ((same_length & near & (pl.col("at") >= 0) & (pl.col("at_correction") >= 0)) | one_short)
        & ends
        & (pl.col("correction_count") >= options.ratio * pl.col("count"))
    )
    best = pairs.sort(["correction_count", "correction"], descending=[True, False]).unique("word", keep="first")
    return best.select("word", "count", "correction", "correction_count").sort("word")


def correct(texts: Texts, misspellings: pl.DataFrame) -> pl.Series:
    """The texts with the words of `misspellings` (from `find_misspellings`) corrected; only full words, in any case.

    >>> slips = pl.DataFrame({"word": ["cushoin"], "correction": ["cushion"]})
    >>> correct(["A CUSHOIN, blue", "cushoins"], slips).to_list()
    ['A cushion, blue', 'cushoins']
    """
    text = texts if isinstance(texts, pl.Series) else pl.Series("text", list(texts), dtype=pl.String)
    if not misspellings.height:
        return text
    tokens = pl.DataFrame({"row": pl.int_range(len(text), eager=True), "part": text}).with_columns(
        pl.col("part").str.extract_all(r"[\p{L}\p{M}\p{N}'’]+|[^\p{L}\p{M}\p{N}'’]+")
    )
    flat = tokens.explode("part", empty_as_null=True)
    key = normalise(flat["part"], lower=True).alias("key")
    correction = key.replace_strict(misspellings["word"], misspellings["correction"], default=None)
    parts = flat.with_columns(pl.coalesce(correction, "part").alias("part"))
    joined = parts.group_by("row", maintain_order=True).agg(pl.col("part").str.join(""))["part"]
    return joined.set(text.is_null(), None).alias(text.name)


def correct_dataset(dataset: Dataset, options: SpellingOptions = SpellingOptions()) -> Repair:
    """Correct likely misspellings in the text columns of items, users and events.

    Frequent words in the texts of the items count as correct. Some corrections are wrong (see the docs, Cleaning).
    """
    columns = [name for name in TEXT_COLUMNS if dataset.items.schema.get(name) == pl.String]
    texts = [dataset.items[name].alias("text") for name in columns] or [pl.Series("text", [], dtype=pl.String)]
    slips = find_misspellings(pl.concat(texts).drop_nulls(), options)

    def change(text: pl.Series) -> tuple[pl.Series, dict[str, int]]:
        after = correct(text, slips)
        count = count_changes(text, after)
        return after, {"misspellings": count} if count else {}

    return repair_texts(dataset, change)


def _delete_letters(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Every word with each letter deleted in turn (`at`), and complete (`at` = -1)."""
    length = pl.col(name).str.len_chars().cast(pl.Int64)
    spread = table.with_columns(at=pl.int_ranges(-1, length)).explode("at")
    word = pl.col(name)
    cut = word.str.head(pl.col("at")) + word.str.slice(pl.col("at") + 1)
    return spread.with_columns(short=pl.when(pl.col("at") < 0).then(word).otherwise(cut))
