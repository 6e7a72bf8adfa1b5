"""Anomaly injection, with labels: bots, spammers, account takeovers, corrupt rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Int64s, Ints
from penchant.data import schema
from penchant.simulator.catalogue import Catalogue
from penchant.simulator.options import DAY_S, SimulatorOptions
from penchant.simulator.population import DEVICES, format_session_ids, format_user_ids
from penchant.simulator.texts import fill_templates, load_texts

HUMAN: Final = "human"
BOT: Final = "bot"
SPAMMER: Final = "spammer"
TAKEOVER: Final = "takeover"
FAULTS: Final = ("no_user", "no_item", "no_time", "negative_time", "future_time", "infinite_value", "duplicate")


@dataclass(frozen=True)
class Pace:
    """The pace of an abuser: `events` (least, most), seconds `between` them, bursts of `burst` events."""

    events: tuple[int, int]
    between_s: tuple[int, int]
    burst: int


PACES: Final = {
    BOT: Pace((120, 320), (4, 6), 60),
    SPAMMER: Pace((50, 150), (5, 30), 25),
    TAKEOVER: Pace((20, 60), (3, 15), 1_000),
}


def draw_anomalies(
    options: SimulatorOptions, catalogue: Catalogue, label: str, users: Ints, begin_s: Int64s, rng: np.random.Generator
) -> pl.DataFrame:
    """Events of abusers (user numbers, each from `begin_s` on), with the label of the truth.

    Bots view and click five items at an even pace by day and night. Spammers post one advertisement under any
    item. An account takeover buys and shares fast, from a new device.
    """
    pace = PACES[label]
    counts = rng.integers(pace.events[0], pace.events[1] + 1, len(users))
    row_users = np.repeat(np.arange(len(users)), counts)
    if not len(row_users):
        return pl.DataFrame()
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    step = np.arange(len(row_users)) - np.repeat(first, counts)
    gap = rng.integers(pace.between_s[0], pace.between_s[1] + 1, len(row_users))
    gap = np.where(step % pace.burst == 0, rng.integers(DAY_S // 4, DAY_S, len(row_users)), gap)
    since = np.cumsum(gap)
    times_s = begin_s[row_users] + since - np.repeat(since[first], counts)
    items = _draw_targets(catalogue, label, row_users, len(users), rng)
    texts = {schema.TEXT: _write_advertisements(options, row_users, len(users), rng)} if label == SPAMMER else {}
    kinds = {BOT: ("view", "click"), SPAMMER: ("comment",), TAKEOVER: ("purchase", "share", "view")}[label]
    ids = format_user_ids(users[row_users])
    session = step // pace.burst + (1_000 if label == TAKEOVER else 0)
    dwell = np.where(label == BOT, 0.4 + 0.2 * rng.random(len(row_users)), np.nan).astype(np.float32)
    return pl.DataFrame(
        {
            schema.USER_ID: ids,
            schema.ITEM_ID: catalogue.table[schema.ITEM_ID].gather(items),
            schema.TIMESTAMP: times_s,
            schema.EVENT: rng.choice(kinds, len(row_users)),
            schema.DWELL_S: pl.Series(dwell).fill_nan(None),
            **texts,
            schema.SESSION_ID: format_session_ids(ids, session),
            schema.POSITION: np.zeros(len(row_users), dtype=np.int8),
            "context_device": rng.choice(DEVICES, len(users))[row_users],
            "topic": catalogue.main[items].astype(np.uint8),
            "source": label,
            "label": label,
        }
    )


def _draw_targets(catalogue: Catalogue, label: str, row_users: Int64s, users: int, rng: np.random.Generator) -> Int64s:
    """Items older than the log: five for each bot, any for the others."""
    old = np.sort(catalogue.old_by_topic.members)
    if label == BOT:
        chosen = rng.choice(old, size=(users, 5))
        return np.asarray(chosen[row_users, rng.integers(0, 5, len(row_users))], dtype=np.int64)
    return np.asarray(rng.choice(old, size=len(row_users)), dtype=np.int64)


def _write_advertisements(
    options: SimulatorOptions, row_users: Int64s, users: int, rng: np.random.Generator
) -> pl.Series:
    """One advertisement for each spammer, repeated."""
    texts = load_texts(options.language)
    templates = rng.choice(texts.spam, users)
    words = texts.nouns[rng.integers(0, options.topics, users), rng.integers(0, 12, users)]
    return fill_templates(pl.Series(templates), pl.DataFrame({"noun": words})).gather(row_users)


def corrupt_rows(
    options: SimulatorOptions, events: pl.DataFrame, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.Series]:
    """Damaged copies of some events (columns of the event table), and the fault of each (`FAULTS`).

    Only `duplicate` is an exact copy, `event_id` included; the others need new ids.
    """
    count = round(options.broken * events.height)
    copies = events[np.sort(rng.choice(events.height, size=count, replace=False))]
    fault = pl.Series("fault", np.asarray(FAULTS)[np.arange(count) % len(FAULTS)], dtype=pl.String)

    def when(name: str) -> pl.Expr:
        return pl.lit(fault) == name

    blank = pl.lit(None)
    damaged = copies.with_columns(
        pl.when(when("no_user")).then(blank).otherwise(pl.col(schema.USER_ID)).alias(schema.USER_ID),
        *(
            pl.when(when("no_item")).then(blank).otherwise(pl.col(name)).alias(name)
            for name in (schema.ITEM_ID, schema.TEXT, schema.IMAGE, schema.AUDIO)
            if name in copies.columns
        ),
        pl.when(when("no_time"))
        .then(blank)
        .when(when("negative_time"))
        .then(-pl.col(schema.TIMESTAMP))
        .when(when("future_time"))
        .then(pl.col(schema.TIMESTAMP) + 500 * 365 * DAY_S)
        .otherwise(pl.col(schema.TIMESTAMP))
        .alias(schema.TIMESTAMP),
        pl.when(when("infinite_value"))
        .then(pl.lit(float("inf"), dtype=pl.Float32))
        .otherwise(pl.col(schema.VALUE))
        .alias(schema.VALUE),
    )
    return damaged, fault
