"""Draw the platform in blocks of users, so that any number of them fits into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.arrays import Float32s, Int64s
from penchant.data import schema
from penchant.simulator.anomalies import BOT, HUMAN, SPAMMER, TAKEOVER, corrupt_rows, draw_anomalies
from penchant.simulator.behaviour import draw_behaviour
from penchant.simulator.catalogue import Catalogue, draw_catalogue
from penchant.simulator.events import TRUTH_COLUMNS, build_event_table
from penchant.simulator.interests import PATTERNS, Interests, Seasons, draw_interests
from penchant.simulator.media import empty_media
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.population import Leanings, draw_population
from penchant.simulator.schedule import draw_event_counts, draw_schedule
from penchant.simulator.texts import STYLES
from penchant.simulator.user_content import draw_user_content

BLOCK_USERS: Final = 5_000
"""Users drawn together; part of what a seed means."""


@dataclass(frozen=True)
class World:
    """Shared by all users: items, seasons of topics, and preferences of age groups."""

    options: SimulatorOptions
    catalogue: Catalogue
    seasons: Seasons
    leanings: Leanings

    @classmethod
    def draw(cls, options: SimulatorOptions) -> World:
        """The world of these options; the same each time."""
        rng = np.random.default_rng([options.seed, 1])
        catalogue = draw_catalogue(options, np.random.default_rng([options.seed, 0]))
        return cls(options, catalogue, Seasons.draw(options, rng), Leanings.draw(options, rng))


@dataclass(frozen=True)
class Block:
    """Some users with all their events.

    `users` and `events` are published; `user_truth`, `event_truth` (rows by `event_id`) and `broken` (row in the event
    table, `event_id`, `fault`) are not. `files` lists images and sounds to write; `mean` `[B, K]` are mean mixtures.
    """

    users: pl.DataFrame
    events: pl.DataFrame
    user_truth: pl.DataFrame
    event_truth: pl.DataFrame
    broken: pl.DataFrame
    files: pl.DataFrame
    mean: Float32s


def draw_blocks(world: World) -> Iterator[Block]:
    """All users in blocks, bots and spammers in the last; each block draws from a generator by its number."""
    options = world.options
    counts = draw_event_counts(options, np.random.default_rng([options.seed, 2]))
    row = 0
    for first in range(0, options.users, BLOCK_USERS):
        block = _draw_humans(world, counts[first : first + BLOCK_USERS], first, row)
        row += block.events.height
        yield block
    bots, spammers = round(options.bots * options.users), round(options.spammers * options.users)
    if bots + spammers:
        yield _draw_abusers(world, bots, spammers, row)


def _draw_humans(world: World, counts: Int64s, first: int, row: int) -> Block:
    options, number = world.options, first // BLOCK_USERS
    rng = np.random.default_rng([options.seed, 3, number])
    population = draw_population(options, world.leanings, first, len(counts), rng)
    schedule = draw_schedule(options, counts, rng)
    last_s = schedule.times_s[schedule.offsets[1:] - 1]
    interests = draw_interests(
        options, world.seasons, population.prior, schedule.times_s[schedule.offsets[:-1]], last_s, rng
    )
    behaviour = draw_behaviour(options, world.catalogue, interests, schedule, rng)
    events = build_event_table(options, world.catalogue, population, schedule, behaviour, first, rng)
    later = np.random.default_rng([options.seed, 8, number])
    content, files = draw_user_content(options, events, interests, schedule, row, later)
    taken = np.flatnonzero(later.random(len(counts)) < options.takeovers)
    stolen = draw_anomalies(options, world.catalogue, TAKEOVER, first + taken, last_s[taken] + 86_400, later)
    labels = np.full(len(counts), HUMAN, dtype="<U8")
    labels[taken] = TAKEOVER
    truth = _build_user_truth(
        options, population.table, interests, labels, np.where(labels == TAKEOVER, last_s + 86_400, -1)
    )
    return _build_block(options, population.table, truth, [events, content, stolen], files, row, later)


def _draw_abusers(world: World, bots: int, spammers: int, row: int) -> Block:
    """Bots and spammers. They have no interests, so their mixtures are uniform."""
    options, count = world.options, bots + spammers
    rng = np.random.default_rng([options.seed, 9])
    table = draw_population(options, world.leanings, options.users, count, rng).table
    begin_s = options.start_s + rng.integers(0, options.days * 86_400 * 3 // 4, count)
    numbers = options.users + np.arange(count)
    events = [
        draw_anomalies(options, world.catalogue, BOT, numbers[:bots], begin_s[:bots], rng),
        draw_anomalies(options, world.catalogue, SPAMMER, numbers[bots:], begin_s[bots:], rng),
    ]
    uniform = np.full((count, options.topics), 1 / options.topics, dtype=np.float32)
    none = Interests(
        uniform,
        uniform,
        np.full(count, options.end_s),
        np.full(count, options.end_s),
        np.zeros(count, dtype=np.int8),
        np.full((count, len(STYLES)), 1 / len(STYLES), dtype=np.float32),
        world.seasons,
    )
    labels = np.repeat([BOT, SPAMMER], [bots, spammers])
    truth = _build_user_truth(options, table, none, labels, begin_s)
    return _build_block(options, table, truth, events, empty_media(), row, rng)


def _build_block(
    options: SimulatorOptions,
    users: pl.DataFrame,
    user_truth: pl.DataFrame,
    parts: list[pl.DataFrame],
    files: pl.DataFrame,
    row: int,
    rng: np.random.Generator,
) -> Block:
    """All events in order of time with ids from `row + 1` on, followed by corrupt rows."""
    wide = pl.concat([part for part in parts if part.height], how="diagonal")
    wide = _complete_columns(options, wide).sort(schema.TIMESTAMP, schema.USER_ID, maintain_order=True)
    wide = wide.select(pl.format("e{}", pl.int_range(pl.len()) + row + 1).alias(schema.EVENT_ID), pl.all())
    events = wide.drop(TRUTH_COLUMNS)
    copies, fault = corrupt_rows(options, events, rng)
    broken = pl.DataFrame({"row": row + wide.height + np.arange(len(fault)), "fault": fault})
    ids = pl.when(pl.lit(fault) == "duplicate").then(schema.EVENT_ID).otherwise(pl.format("e{}", broken["row"] + 1))
    copies = copies.with_columns(ids.alias(schema.EVENT_ID))
    return Block(
        users=users,
        events=pl.concat([events, copies]),
        user_truth=user_truth,
        event_truth=wide.select(schema.EVENT_ID, *TRUTH_COLUMNS),
        broken=broken.insert_column(1, copies[schema.EVENT_ID]),
        files=files,
        mean=np.asarray((user_truth["first"].to_numpy() + user_truth["last"].to_numpy()) / 2, dtype=np.float32),
    )


def _complete_columns(options: SimulatorOptions, wide: pl.DataFrame) -> pl.DataFrame:
    """The same columns in the same order for every block."""
    mixture = pl.Array(pl.Float32, options.topics)
    columns: dict[str, type[pl.DataType] | pl.DataType] = {
        **{schema.USER_ID: pl.String, schema.ITEM_ID: pl.String, schema.TIMESTAMP: pl.Int64, schema.EVENT: pl.String},
        **{schema.VALUE: pl.Float32, schema.DWELL_S: pl.Float32, schema.TEXT: pl.String},
        **({schema.IMAGE: pl.String, schema.AUDIO: pl.String} if options.uploads else {}),
        **{schema.SESSION_ID: pl.String, schema.POSITION: pl.Int8, "context_device": pl.String},
        **{"topic": pl.UInt8, "source": pl.String, "liking": pl.Float32, "sentiment": pl.String},
        **{"interests": mixture, "label": pl.String},
    }
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in columns.items() if name not in wide.columns]
    wide = wide.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in columns.items())
    uniform = pl.lit(pl.Series([[1 / options.topics] * options.topics], dtype=mixture))
    return wide.with_columns(pl.col("interests").fill_null(uniform.first()))


def _build_user_truth(
    options: SimulatorOptions,
    users: pl.DataFrame,
    interests: Interests,
    labels: npt.NDArray[np.str_],
    label_start_s: Int64s,
) -> pl.DataFrame:
    steady = pl.Series(interests.pattern == 0)
    return pl.DataFrame(
        {
            schema.USER_ID: users[schema.USER_ID],
            "pattern": pl.Series(np.asarray(PATTERNS)[interests.pattern]),
            "change_start_s": pl.Series(interests.change_start_s).set(steady, None),
            "change_end_s": pl.Series(interests.change_end_s).set(steady, None),
            "first": pl.Series(interests.first, dtype=pl.Array(pl.Float32, options.topics)),
            "last": pl.Series(interests.last, dtype=pl.Array(pl.Float32, options.topics)),
            "style": pl.Series(interests.style, dtype=pl.Array(pl.Float32, len(STYLES))),
            "label": pl.Series(labels, dtype=pl.String),
            "label_start_s": pl.Series(label_start_s).set(pl.Series(labels == HUMAN), None),
        }
    )
