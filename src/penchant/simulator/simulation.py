"""The simulated platform as tables and truth, in memory or as a folder of the data contract."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from penchant.arrays import Float32s, Progress
from penchant.artifacts.atomic import atomic_folder
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.simulator.blocks import Block, World, draw_blocks
from penchant.simulator.media import list_item_media, publish_items, write_media
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.population import draw_follows
from penchant.simulator.truth import Truth, build_item_truth, build_topic_table


@dataclass(frozen=True)
class Simulation:
    """A simulated platform: the published tables, and the truth that no model may read.

    `relations` is None without follows; `files` lists the images and sounds that `write` creates.
    """

    options: SimulatorOptions
    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame
    truth: Truth
    relations: pl.DataFrame | None
    files: pl.DataFrame
    world: World

    def dataset(self) -> Dataset:
        """The published tables as a `Dataset` (without images and sounds, which `write` creates)."""
        return Dataset.from_tables(self.events, self.items, self.users, self.relations)

    def write(self, folder: str | Path) -> Path:
        """Write the tables as Parquet, images, sounds, a README, and the truth in the folder `truth`.

        The folder must be new or empty (`UsageError`); it appears when it is complete.
        """
        tables = {schema.ITEMS: self.items, schema.USERS: self.users, schema.EVENTS: self.events}
        with atomic_folder(folder) as root:
            for name, table in tables.items():
                table.write_parquet(root / f"{name}.parquet", compression="zstd")
            if self.relations is not None:
                self.relations.write_parquet(root / f"{schema.RELATIONS}.parquet", compression="zstd")
            write_media(self.options, self.files, root)
            self.truth.write(root / "truth")
            _write_readme(self.options, self.events.height, root)
        return Path(folder)


def simulate(options: SimulatorOptions | None = None) -> Simulation:
    """Draw a platform in memory; the same options give the same tables.

    >>> small = simulate(SimulatorOptions(users=20, items=100, events=200, seed=1))
    >>> small.items.height, small.users.height, small.events.height
    (100, 20, 200)
    """
    options = options or SimulatorOptions()
    world = World.draw(options)
    blocks = list(draw_blocks(world))
    items = publish_items(options, world.catalogue)
    truth = Truth(
        topics=build_topic_table(options),
        items=build_item_truth(world.catalogue),
        users=pl.concat([block.user_truth for block in blocks]),
        events=pl.concat([block.event_truth for block in blocks]),
        broken=pl.concat([block.broken for block in blocks]),
    )
    return Simulation(
        options=options,
        items=items,
        users=pl.concat([block.users for block in blocks]),
        events=pl.concat([block.events for block in blocks]),
        truth=truth,
        relations=_draw_relations(options, [block.mean for block in blocks]),
        files=pl.concat([list_item_media(items, world.catalogue), *(block.files for block in blocks)]),
        world=world,
    )


def stream(options: SimulatorOptions, folder: str | Path, progress: Progress | None = None) -> Path:
    """Write a platform of any size in blocks: the same rows as `simulate(options).write(folder)`.

    `users` and `events` become folders of Parquet parts, and so do these tables of the truth. `progress` is called
    with the phase and the share done (0 to 1).
    """
    world = World.draw(options)
    with atomic_folder(folder) as root:
        truth = root / "truth"
        for name in (schema.USERS, schema.EVENTS):
            (root / name).mkdir()
            (truth / name).mkdir(parents=True)
        items = publish_items(options, world.catalogue)
        items.write_parquet(root / f"{schema.ITEMS}.parquet", compression="zstd")
        write_media(options, list_item_media(items, world.catalogue), root)
        build_topic_table(options).write_parquet(truth / "topics.parquet", compression="zstd")
        build_item_truth(world.catalogue).write_parquet(truth / "items.parquet", compression="zstd")
        rows, users, means, broken = 0, 0, [], []
        for number, block in enumerate(draw_blocks(world)):
            _write_part(block, root, number)
            write_media(options, block.files, root)
            rows, users = rows + block.events.height, users + block.users.height
            means.append(block.mean)
            broken.append(block.broken)
            if progress is not None:
                progress("simulating users", min(users / options.users, 1.0))
        pl.concat(broken).write_parquet(truth / "broken.parquet", compression="zstd")
        relations = _draw_relations(options, means)
        if relations is not None:
            relations.write_parquet(root / f"{schema.RELATIONS}.parquet", compression="zstd")
        _write_readme(options, rows, root)
    return Path(folder)


def _write_part(block: Block, root: Path, number: int) -> None:
    part = f"part-{number:05d}.parquet"
    for folder, table in (
        (root / schema.USERS, block.users),
        (root / schema.EVENTS, block.events),
        (root / "truth" / schema.USERS, block.user_truth),
        (root / "truth" / schema.EVENTS, block.event_truth),
    ):
        table.write_parquet(folder / part, compression="zstd")


def _draw_relations(options: SimulatorOptions, means: list[Float32s]) -> pl.DataFrame | None:
    return draw_follows(options, np.concatenate(means)[: options.users]) if options.follows else None


def _write_readme(options: SimulatorOptions, events: int, folder: Path) -> None:
    text = f"""# A simulated platform

{options.users:,} users, {options.items:,} items and {events:,} events in {options.days} days, language
`{options.language}`, seed {options.seed}. All users are invented.

| table | content |
|---|---|
| `items` | titles, descriptions, tags, categories, creator, price, created_at{", media" * options.media} |
| `users` | age, gender, city, device |
| `events` | who did what with which item and when; comments with text and stars (`value`); position in the list |
| `relations` | who follows whom (absent without follows) |
| `truth/` | true interests at every event, topics of items, times of change, labels |

The first four follow penchant's data contract. A model must not read `truth/`. `penchant.simulator.Truth.load`
reads it, to measure how well a model recovers the true interests.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")
