"""Texts of the simulated platform in English and Chinese: `topics.toml` and `texts.toml`, and templates filled.

>>> texts = load_texts("en")
>>> texts.topics[0].item(), texts.departments[0].item(), texts.nouns[0, 0].item(), texts.aspects[0, 1].item()
('photography', 'arts', 'film camera', 'composition')
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.arrays import Ints
from penchant.messages import LANGUAGES
from penchant.options import Json, read_package_toml

N_TOPICS: Final = 24
STYLES: Final = ("easy", "fine", "classic", "modern")
"""Four styles: a user's lasting taste besides topics; the adjective and the price of an item reveal its style."""
SENTIMENTS: Final = ("negative", "neutral", "positive")

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Texts:
    """Words and templates of one language; the same entry has the same place in both languages.

    By topic: `topics` and `departments` `[24]`, `nouns` (things) `[24, 12]`, `aspects` `[24, 6]`. `adjectives` `[4, 6]`
    by style. `comments` `[3, 6]` by sentiment, of which the first `n_comments` `[3]` are in use. `creators` are 120
    names. `repeated_title` takes a title and its number.
    """

    topics: Strings
    departments: Strings
    nouns: Strings
    aspects: Strings
    adjectives: Strings
    formats: Strings
    titles: Strings
    repeated_title: str
    descriptions: Strings
    comments: Strings
    n_comments: Ints
    queries: Strings
    captions: Strings
    spam: Strings
    creators: list[str]
    cities: Strings
    genders: Strings

    def name_creators(self, numbers: Ints) -> list[str]:
        """Names of creators by number; a number follows the names after the first 120."""
        turns, places = np.divmod(numbers, len(self.creators))
        names = [self.creators[place] for place in places.tolist()]
        return [f"{name} {turn + 1}" if turn else name for name, turn in zip(names, turns.tolist(), strict=True)]

    def number_repeats(self, titles: pl.Series) -> pl.Series:
        """Repeated titles get a number, like later parts of a series.

        >>> load_texts("en").number_repeats(pl.Series(["Tea", "Tea", "Rice"])).to_list()
        ['Tea', 'Tea, part 2', 'Rice']
        """
        turn = pl.int_range(pl.len()).over("title") + 1
        numbered = pl.when(turn == 1).then("title").otherwise(pl.format(self.repeated_title, "title", turn))
        return titles.alias("title").to_frame().select(numbered)["title"]


@cache
def load_texts(language: str) -> Texts:
    """The words and templates of a language."""
    shared, side = read_package_toml(__package__, "topics.toml"), LANGUAGES.index(language)
    texts: Json = read_package_toml(__package__, "texts.toml")[language]
    topics = shared["topic"]
    comments = texts.pop("comments")
    most = max(map(len, comments))
    family, given, full_name = (texts.pop(key) for key in ("family_names", "given_names", "full_name"))
    arrays: Json = {k: np.asarray(v) if isinstance(v, list) else v for k, v in texts.items()}
    return Texts(
        topics=np.asarray([topic["name"][side] for topic in topics]),
        departments=np.asarray([shared["departments"][topic["department"]][side] for topic in topics]),
        nouns=np.asarray([topic["things"] for topic in topics])[:, :, side],
        aspects=np.asarray([topic["aspects"] for topic in topics])[:, :, side],
        comments=np.asarray([[*row, *[""] * (most - len(row))] for row in comments]),
        n_comments=np.asarray([len(row) for row in comments]),
        creators=[full_name.format(family=f, given=g) for f in family for g in given],
        **arrays,
    )


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
