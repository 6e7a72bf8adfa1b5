"""Users of the simulated platform: attributes that reveal a little about interests, and who follows whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Float32s, Float64s, Int8s, Ints
from penchant.data import schema
from penchant.simulator.catalogue import TopicDraw
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.texts import load_texts

DEVICES: Final = ("phone", "desktop", "tablet")
_AGES: Final = ((18, 25), (26, 35), (36, 50), (51, 75))
_SIMILAR: Final = 24
_RANDOM: Final = 8
_BLOCK: Final = 5_000
_PULL: Final = 6.0
"""The log odds of following that a cosine of 1 between interests adds."""


@dataclass(frozen=True)
class Leanings:
    """Preferences for each topic by age group `[4, K]`."""

    by_age: Float64s

    @classmethod
    def draw(cls, options: SimulatorOptions, rng: np.random.Generator) -> Leanings:
        """Topics differ in popularity, age groups in their preferences."""
        common = rng.gamma(3.0, size=options.topics) + 0.3
        return cls(common * (rng.gamma(2.0, size=(len(_AGES), options.topics)) + 0.2))


@dataclass(frozen=True)
class Population:
    """B users: the published `table` (`user_id`, age, gender, city, device), topic `prior` `[B, K]`, main `device`."""

    table: pl.DataFrame
    prior: Float64s
    device: Int8s


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


def format_user_ids(numbers: Ints) -> pl.Series:
    """Published ids of users by number: `u000001` is the first."""
    return "u" + pl.Series(np.asarray(numbers) + 1).cast(pl.String).str.zfill(6)


def format_session_ids(user_ids: pl.Series, numbers: Ints) -> pl.Series:
    """Published ids of sessions: that of the user, and a number."""
    return user_ids + "-" + pl.Series(numbers).cast(pl.String)


def draw_follows(options: SimulatorOptions, interests: Float32s) -> pl.DataFrame:
    """Relations of kind `follows` between users with mean mixtures `[U, K]`.

    Each user meets 24 users with the same main topic and 8 others. They follow the most similar or best known, a
    Poisson number of them, each once.
    """
    rng = np.random.default_rng([options.seed, 7])
    count = len(interests)
    unit = interests / np.linalg.norm(interests, axis=1, keepdims=True)
    main = np.argmax(interests, axis=1)
    fame = rng.normal(0, 1, count)
    same = TopicDraw.of(main, np.arange(count), np.ones(count), options.topics)
    pairs = []
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        wanted = np.minimum(rng.poisson(options.follows, len(rows)), _SIMILAR + _RANDOM - 1)
        similar = same.draw(
            np.broadcast_to(main[rows][:, None], (len(rows), _SIMILAR)), rng.random((len(rows), _SIMILAR))
        )
        met = np.hstack([similar, rng.integers(0, count, (len(rows), _RANDOM))])
        score = _PULL * np.einsum("bk,bck->bc", unit[rows], unit[met]) + fame[met] + rng.gumbel(size=met.shape)
        order = np.argsort(met, axis=1, kind="stable")
        ranked = np.take_along_axis(met, order, axis=1)
        repeated = np.zeros(met.shape, dtype=bool)
        np.put_along_axis(repeated, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
        score[repeated | (met == rows[:, None])] = -np.inf
        best = np.argsort(-score, axis=1, kind="stable")
        chosen = np.take_along_axis(met, best, axis=1)
        taken = (np.arange(met.shape[1]) < wanted[:, None]) & np.isfinite(np.take_along_axis(score, best, axis=1))
        pairs.append(pl.DataFrame({"a": np.repeat(rows, taken.sum(axis=1)), "b": chosen[taken].astype(np.int64)}))
    edges = pl.concat(pairs)
    return edges.select(
        format_user_ids(edges["a"].to_numpy()).alias(schema.SOURCE_ID),
        format_user_ids(edges["b"].to_numpy()).alias(schema.TARGET_ID),
        pl.lit("follows").alias(schema.RELATION_KIND),
    )
