"""The event table of a block of simulated users, and the truth beside it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Float32s, Int8s
from penchant.data import schema
from penchant.simulator.behaviour import KINDS, SOURCES, Behaviour
from penchant.simulator.catalogue import Catalogue
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.population import DEVICES, Population, format_session_ids, format_user_ids
from penchant.simulator.schedule import Schedule
from penchant.simulator.texts import SENTIMENTS, fill_templates, load_texts

_COMMENT = KINDS.index("comment")


TRUTH_COLUMNS: Final = ("topic", "source", "liking", "sentiment", "interests", "label")
"""Columns that only the truth contains."""


def build_event_table(
    options: SimulatorOptions,
    catalogue: Catalogue,
    population: Population,
    schedule: Schedule,
    behaviour: Behaviour,
    first_user: int,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """E events in the schedule's order: the published columns and `TRUTH_COLUMNS`."""
    users = schedule.users
    device = np.where(rng.random(len(users)) < 0.85, population.device[users], rng.integers(0, 3, len(users)))
    sentiment, stars = _draw_sentiments(behaviour, rng)
    ids = format_user_ids(users + first_user)
    return pl.DataFrame(
        {
            schema.USER_ID: ids,
            schema.ITEM_ID: catalogue.table[schema.ITEM_ID].gather(behaviour.items),
            schema.TIMESTAMP: schedule.times_s,
            schema.EVENT: pl.Series(np.asarray(KINDS)[behaviour.kinds]),
            schema.VALUE: pl.Series(stars, dtype=pl.Float32).fill_nan(None),
            schema.DWELL_S: _draw_dwell(behaviour, rng),
            schema.TEXT: _write_comments(options, catalogue, behaviour, sentiment, rng),
            schema.SESSION_ID: format_session_ids(ids, schedule.session),
            schema.POSITION: behaviour.positions,
            "context_device": np.asarray(DEVICES)[device],
            "topic": behaviour.topics.astype(np.uint8),
            "source": pl.Series(np.asarray(SOURCES)[behaviour.sources]),
            "liking": behaviour.liking,
            "sentiment": pl.Series(np.asarray([*SENTIMENTS, ""])[sentiment]).replace("", None),
            "interests": pl.Series(behaviour.interests, dtype=pl.Array(pl.Float32, options.topics)),
            "label": "human",
        }
    )


def _draw_sentiments(behaviour: Behaviour, rng: np.random.Generator) -> tuple[Int8s, Float32s]:
    """Sentiment of comments (0 negative, 1 neutral, 2 positive; 3 elsewhere) and stars 1 to 5 (NaN elsewhere)."""
    opinion = behaviour.liking + rng.normal(0, 0.6, len(behaviour.liking))
    feeling = np.where(opinion < -0.4, 0, np.where(opinion < 0.2, 1, 2))
    spread = rng.integers(0, 2, len(opinion))
    stars = np.choose(feeling, [1 + spread, 3 + 0 * spread, 4 + spread]).astype(np.float32)
    is_comment = behaviour.kinds == _COMMENT
    return np.where(is_comment, feeling, 3).astype(np.int8), np.where(is_comment, stars, np.nan).astype(np.float32)


def _draw_dwell(behaviour: Behaviour, rng: np.random.Generator) -> pl.Series:
    """Seconds of views and clicks, longer for items that the user likes; null elsewhere."""
    seconds = np.round(rng.lognormal(2.8 + 0.35 * behaviour.liking, 0.7), 1).astype(np.float32)
    return pl.Series(np.where(behaviour.kinds <= 1, seconds, np.nan)).cast(pl.Float32).fill_nan(None)


def _write_comments(
    options: SimulatorOptions, catalogue: Catalogue, behaviour: Behaviour, sentiment: Int8s, rng: np.random.Generator
) -> pl.Series:
    """Texts of comments (null elsewhere) that name the item's thing and express the sentiment."""
    rows = np.flatnonzero(behaviour.kinds == _COMMENT)
    texts = load_texts(options.language)
    main, noun = catalogue.main[behaviour.items[rows]], catalogue.noun[behaviour.items[rows]]
    feeling = sentiment[rows]
    templates = texts.comments[feeling, rng.integers(0, texts.n_comments[feeling])]
    aspect = rng.integers(0, texts.aspects.shape[1], len(rows))
    words = pl.DataFrame({"noun": texts.nouns[main, noun], "aspect": texts.aspects[main, aspect]})
    comments = fill_templates(pl.Series(templates, dtype=pl.String), words)
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(behaviour.kinds)).scatter(rows, comments)
