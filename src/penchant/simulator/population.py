"""Users of the simulated platform: attributes that reveal a little about interests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.texts import load_texts

DEVICES: Final = ("phone", "desktop", "tablet")
_AGES: Final = ((18, 25), (26, 35), (36, 50), (51, 75))


@dataclass(frozen=True)
class Leanings:
    """Preferences for each topic by age group `[4, K]`."""

    by_age: npt.NDArray[np.float64]

    @classmethod
    def draw(cls, options: SimulatorOptions, rng: np.random.Generator) -> Leanings:
        """Topics differ in popularity, age groups in their preferences."""
        common = rng.gamma(3.0, size=options.topics) + 0.3
        return cls(common * (rng.gamma(2.0, size=(len(_AGES), options.topics)) + 0.2))


@dataclass(frozen=True)
class Population:
    """B users: the published `table` (`user_id`, age, gender, city, device), topic `prior` `[B, K]`, main `device`."""

    table: pl.DataFrame
    prior: npt.NDArray[np.float64]
    device: npt.NDArray[np.int8]


def draw_population(
    options: SimulatorOptions, leanings: Leanings, first: int, count: int, rng: np.random.Generator
) -> Population:
    """Users number `first` to `first + count`."""
    texts = load_texts(options.language)
    group = rng.choice(len(_AGES), size=count, p=[0.28, 0.34, 0.25, 0.13])
    bounds = np.asarray(_AGES)[group]
    device = rng.choice(len(DEVICES), size=count, p=[0.66, 0.26, 0.08]).astype(np.int8)
    table = pl.DataFrame(
        {
            schema.USER_ID: format_user_ids(np.arange(first, first + count)),
            "age": rng.integers(bounds[:, 0], bounds[:, 1] + 1),
            "gender": rng.choice(texts.genders, size=count, p=[0.49, 0.49, 0.02]),
            "city": rng.choice(texts.cities, count),
            "device": np.asarray(DEVICES)[device],
        }
    )
    return Population(table, leanings.by_age[group], device)


def format_user_ids(numbers: npt.NDArray[np.integer]) -> pl.Series:
    """Published ids of users by number: `u000001` is the first."""
    return (
        pl.DataFrame({"n": np.asarray(numbers) + 1})
        .select(pl.format("u{}", pl.col("n").cast(pl.String).str.zfill(6)))
        .to_series()
    )
