"""Bots: users who are too fast, too regular, active around the clock, or fixed on one item.

The rule flags them and drops them only on request: a human who rates page after page looks fast too (4,559 of the
6,040 users of MovieLens-1M have five or more events in one second).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.arrays import Float64s, Int64s, Ints
from penchant.cleaning.finding import Finding
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.options import require_range

SIGNALS = ("fast", "regular", "sleepless", "repetitive")


@dataclass(frozen=True)
class BotOptions:
    """Thresholds of the signals of bots."""

    min_events: int = 30
    """Events below which a user is never flagged. 1 or more."""
    per_hour: int = 1_000
    """Events in one hour above which a user is fast. 1 or more."""
    gap_entropy: float = 2.0
    """Entropy of the time gaps between different moments below which a user is regular, bits. 0 or more; a timer has 0,
    humans 4 and more."""
    hours_awake: int = 20
    """Minimum number of hours with events in any 24 hours that makes a user sleepless. 1 or more."""
    same_item: float = 0.6
    """Share of the most frequent item above which a user is repetitive. Above 0, at most 1."""
    signals: int = 1
    """Minimum number of signals that make a user a bot. 1 or more."""

    def __post_init__(self) -> None:
        require_range(self, "min_events", "per_hour", "hours_awake", "signals", least=1)
        require_range(self, "gap_entropy", least=0)
        require_range(self, "same_item", above=0, most=1)


def measure_users(dataset: Dataset) -> pl.DataFrame:
    """Measurements of every user, row = user code: `events`, `per_hour`, `gap_entropy`, `hours_awake`, `same_item`.

    `gap_entropy` is null where a user has fewer than 20 different moments.
    """
    users = dataset.events[schema.USER].to_numpy()
    times = dataset.sequences().times_s
    counts = np.bincount(users, minlength=dataset.n_users)
    hours = np.unique(np.stack([users.astype(np.int64), times // 3600]), axis=1)
    return pl.DataFrame(
        {
            schema.USER_ID: dataset.users[schema.USER_ID],
            "events": counts,
            "per_hour": _count_most_within(users, times, 3600, dataset.n_users),
            "gap_entropy": _measure_gap_entropy(users, times, dataset.n_users),
            "hours_awake": _count_most_within(hours[0], hours[1], 24, dataset.n_users),
            "same_item": _measure_top_share(dataset, counts),
        }
    ).with_columns(pl.col("gap_entropy").fill_nan(None))


def find_bots(dataset: Dataset, options: BotOptions = BotOptions()) -> Finding:
    """Flag users with at least `options.signals` signals; `details` has the measurements and the names of signals."""
    table = measure_users(dataset)
    flags = table.select(
        fast=pl.col("per_hour") > options.per_hour,
        regular=(pl.col("gap_entropy") < options.gap_entropy).fill_null(False),
        sleepless=pl.col("hours_awake") >= options.hours_awake,
        repetitive=pl.col("same_item") > options.same_item,
    ).with_columns(pl.all() & pl.Series(table["events"] >= options.min_events))
    is_bot = flags.select(pl.sum_horizontal(pl.all().cast(pl.Int32)) >= options.signals).to_series()
    rows = np.flatnonzero(is_bot.to_numpy())
    names = flags.select(
        pl.concat_str(
            *(pl.when(pl.col(name)).then(pl.lit(name)) for name in SIGNALS), separator=", ", ignore_nulls=True
        ).alias("signals")
    )
    details = pl.concat([table, names], how="horizontal")[rows]
    return Finding("bots", schema.USERS, "behaves like a bot", rows, details)


def _count_most_within(users: Ints, ticks: Int64s, span: int, n_users: int) -> Int64s:
    """The most rows of each user in any `span` ticks; rows are sorted by user and tick."""
    out = np.zeros(n_users, dtype=np.int64)
    if not len(users):
        return out
    low = int(ticks.min())
    width = int(ticks.max()) - low + span + 1
    # One sorted key for user and tick: a search finds the first row of the window that ends at each row.
    keys = users.astype(np.int64) * width + (ticks - low)
    inside = (
        np.arange(len(keys)) - np.searchsorted(keys, np.maximum(keys - span + 1, users.astype(np.int64) * width)) + 1
    )
    np.maximum.at(out, users, inside)
    return out


def _measure_gap_entropy(users: Ints, times: Int64s, n_users: int) -> Float64s:
    """Shannon entropy in bits of each user's gaps, in bins a tenth of an octave wide; gaps of zero do not count."""
    gaps = np.diff(times)
    use = (np.diff(users) == 0) & (gaps > 0)
    gap_users = users[1:][use].astype(np.int64)
    bins = np.round(10 * np.log2(gaps[use])).astype(np.int64)
    width = int(bins.max(initial=0)) + 1
    keys, counts = np.unique(gap_users * width + bins, return_counts=True)
    total = np.bincount(gap_users, minlength=n_users).astype(np.float64)
    key_users = keys // width
    share = counts / total[key_users]
    entropy = np.bincount(key_users, weights=-share * np.log2(share), minlength=n_users)
    return np.where(total >= 20, entropy, np.nan)


def _measure_top_share(dataset: Dataset, counts: Int64s) -> Float64s:
    """Share of each user's events that are on their most frequent item."""
    top = (
        dataset.events.drop_nulls(schema.ITEM)
        .group_by(schema.USER, schema.ITEM)
        .len()
        .group_by(schema.USER)
        .agg(pl.col("len").max())
    )
    out = np.zeros(len(counts))
    out[top[schema.USER].to_numpy()] = top["len"].to_numpy()
    return np.asarray(out / np.maximum(counts, 1))
