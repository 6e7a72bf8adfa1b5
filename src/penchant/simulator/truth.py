"""The truth about a simulated platform, which no model may read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from penchant.arrays import Float32s
from penchant.data import schema
from penchant.errors import DataError
from penchant.messages import LANGUAGES
from penchant.simulator.catalogue import Catalogue
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.texts import STYLES, load_texts


@dataclass(frozen=True)
class Truth:
    """Five tables; topics are numbers below K in all of them.

    - `topics`: `topic`, `en`, `zh`.
    - `items`: `item_id`, `main` topic, `style`, `topics` (mixture `[K]`).
    - `users`: `user_id`, `pattern` (steady, drift, jump), `change_start_s` and `change_end_s` (null: steady),
      `first` and `last` mixtures `[K]` without season, `style` (taste), `label` (human, bot, spammer, takeover) and
      its start `label_start_s`.
    - `events`: `event_id`, the intended `topic`, `source` (topic, neighbour, exploring, user content, or the abuser),
      `liking`, `sentiment` of comments, `interests`: the mixture `[K]` of that moment, `label`.
    - `broken`: rows of the event table that were damaged: `row`, `event_id`, `fault`.
    """

    topics: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame
    broken: pl.DataFrame

    @classmethod
    def load(cls, folder: str | Path) -> Truth:
        """Read the truth of a written simulation: its folder, or the folder `truth` in it."""
        root = Path(folder)
        root = root / "truth" if (root / "truth").is_dir() else root
        files = {
            f.name: sorted([*root.glob(f"{f.name}.parquet"), *root.glob(f"{f.name}/*.parquet")]) for f in fields(cls)
        }
        missing = [name for name, paths in files.items() if not paths]
        if missing:
            raise DataError(
                f"{root} contains no truth of a simulation: no {', '.join(missing)}.parquet.",
                remedy="Give a folder written by `penchant simulate`.",
            )
        return cls(**{name: pl.read_parquet(paths) for name, paths in files.items()})

    def write(self, folder: Path) -> None:
        """One Parquet file a table."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            getattr(self, field.name).write_parquet(folder / f"{field.name}.parquet", compression="zstd")

    def interests(self, event_ids: pl.Series | list[str]) -> Float32s:
        """True mixtures `[E, K]` at events, in the given order."""
        requested = pl.DataFrame({schema.EVENT_ID: event_ids})
        mixtures = requested.join(
            self.events.select(schema.EVENT_ID, "interests"), on=schema.EVENT_ID, how="left", maintain_order="left"
        )["interests"]
        if mixtures.null_count():
            lost = requested[schema.EVENT_ID].filter(mixtures.is_null())[0]
            raise DataError(
                f"The truth has no event {lost!r} ({mixtures.null_count()} are missing).",
                remedy="Give events of the simulation that this truth belongs to.",
            )
        return mixtures.to_numpy()

    def item_topics(self) -> Float32s:
        """Topic mixtures of items `[N, K]`, in the order of the item table."""
        return self.items["topics"].to_numpy()


def build_item_truth(catalogue: Catalogue) -> pl.DataFrame:
    """The table `items` of the truth."""
    return pl.DataFrame(
        {
            schema.ITEM_ID: catalogue.table[schema.ITEM_ID],
            "main": catalogue.main.astype(np.uint8),
            "style": pl.Series(np.asarray(STYLES)[catalogue.style]),
            "topics": pl.Series(catalogue.topics, dtype=pl.Array(pl.Float32, catalogue.topics.shape[1])),
        }
    )


def build_topic_table(options: SimulatorOptions) -> pl.DataFrame:
    """Numbers and names of the topics in use."""
    return pl.DataFrame(
        {
            "topic": np.arange(options.topics, dtype=np.uint8),
            **{language: load_texts(language).topics[: options.topics] for language in LANGUAGES},
        }
    )
