"""The simulated platform: everything drawn, as tables and truth, and written as a folder of the data contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.simulator.behaviour import draw_behaviour
from penchant.simulator.catalogue import Catalogue, draw_catalogue
from penchant.simulator.events import event_table
from penchant.simulator.interests import PATTERNS, Interests, Seasons, draw_interests
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.phrases import STYLES
from penchant.simulator.population import Leanings, draw_population
from penchant.simulator.schedule import draw_schedule, event_counts
from penchant.simulator.truth import Truth, topic_table

BLOCK_USERS: Final = 5_000
"""Users drawn together; part of what a seed means."""


@dataclass(frozen=True)
class Block:
    """Some users with all their events: published tables and, beside them, the truth."""

    users: pl.DataFrame
    events: pl.DataFrame
    user_truth: pl.DataFrame
    event_truth: pl.DataFrame


@dataclass(frozen=True)
class Simulation:
    """A simulated platform: the published tables, and the truth that no model may read."""

    options: SimulatorOptions
    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame
    truth: Truth

    def dataset(self) -> Dataset:
        """The published tables as a `Dataset`."""
        return Dataset.from_tables(self.events, self.items, self.users)

    def write(self, folder: str | Path) -> Path:
        """Write items, users and events as Parquet, a README, and the truth in the folder `truth`."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        for name, table in ((schema.ITEMS, self.items), (schema.USERS, self.users), (schema.EVENTS, self.events)):
            table.write_parquet(root / f"{name}.parquet", compression="zstd")
        (root / "README.md").write_text(_readme(self.options), encoding="utf-8")
        self.truth.write(root / "truth")
        return root


def simulate(options: SimulatorOptions | None = None) -> Simulation:
    """Draw a whole platform in memory; the same options give the same tables.

    >>> small = simulate(SimulatorOptions(users=20, items=100, events=200, seed=1))
    >>> small.items.height, small.users.height, small.events.height
    (100, 20, 200)
    """
    options = options or SimulatorOptions()
    catalogue = draw_catalogue(options, np.random.default_rng([options.seed, 0]))
    blocks = list(draw_blocks(options, catalogue))
    events = pl.concat([block.events for block in blocks]).with_row_index("n")
    events = events.with_columns(pl.format("e{}", pl.col("n") + 1).alias(schema.EVENT_ID)).drop("n")
    truth = Truth(
        topics=topic_table(options),
        items=_item_truth(catalogue),
        users=pl.concat([block.user_truth for block in blocks]),
        events=pl.concat(
            [events.select(schema.EVENT_ID), pl.concat([b.event_truth for b in blocks])], how="horizontal"
        ),
    )
    users = pl.concat([block.users for block in blocks])
    events = events.select(schema.EVENT_ID, pl.exclude(schema.EVENT_ID))
    return Simulation(options, catalogue.table, users, events, truth)


def draw_blocks(options: SimulatorOptions, catalogue: Catalogue) -> Iterator[Block]:
    """All users, block after block; each block has its own random numbers."""
    world = np.random.default_rng([options.seed, 1])
    seasons, leanings = Seasons.drawn(options, world), Leanings.drawn(options, world)
    counts = event_counts(options, np.random.default_rng([options.seed, 2]))
    for number, first in enumerate(range(0, options.users, BLOCK_USERS)):
        rng = np.random.default_rng([options.seed, 3, number])
        own = counts[first : first + BLOCK_USERS]
        population = draw_population(options, leanings, first, len(own), rng)
        schedule = draw_schedule(options, own, rng)
        first_s, last_s = schedule.times_s[schedule.offsets[:-1]], schedule.times_s[schedule.offsets[1:] - 1]
        interests = draw_interests(options, seasons, population.prior, first_s, last_s, rng)
        behaviour = draw_behaviour(options, catalogue, interests, schedule, rng)
        events, truth = event_table(options, catalogue, population, schedule, behaviour, first, rng)
        yield Block(population.table, events, _user_truth(options, population.table, interests), truth)


def _user_truth(options: SimulatorOptions, users: pl.DataFrame, interests: Interests) -> pl.DataFrame:
    steady = interests.pattern == 0
    return pl.DataFrame(
        {
            schema.USER_ID: users[schema.USER_ID],
            "pattern": pl.Series(np.asarray(PATTERNS)[interests.pattern]),
            "change_start_s": pl.Series(interests.change_start_s).set(pl.Series(steady), None),
            "change_end_s": pl.Series(interests.change_end_s).set(pl.Series(steady), None),
            "first": pl.Series(interests.first, dtype=pl.Array(pl.Float32, options.topics)),
            "last": pl.Series(interests.last, dtype=pl.Array(pl.Float32, options.topics)),
            "style": pl.Series(interests.style, dtype=pl.Array(pl.Float32, len(STYLES))),
            "label": pl.Series(["person"]).new_from_index(0, len(users)),
        }
    )


def _item_truth(catalogue: Catalogue) -> pl.DataFrame:
    return pl.DataFrame(
        {
            schema.ITEM_ID: catalogue.table[schema.ITEM_ID],
            "main": catalogue.main.astype(np.uint8),
            "style": pl.Series(np.asarray(STYLES)[catalogue.style]),
            "topics": pl.Series(catalogue.topics, dtype=pl.Array(pl.Float32, catalogue.topics.shape[1])),
        }
    )


def _readme(options: SimulatorOptions) -> str:
    return f"""# A simulated platform

{options.users} users, {options.items} items and {options.events} events in {options.days} days, language
`{options.language}`, seed {options.seed}. Nobody in it is real. `items`, `users` and `events` follow penchant's
data contract; `truth/` holds the interests that were planted and must not be read by a model.
"""
