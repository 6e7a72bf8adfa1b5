"""Times of simulated events: sessions with gaps, hours of the day, seconds between events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penchant.arrays import Bools, Int32s, Int64s
from penchant.simulator.options import DAY_S, SimulatorOptions

_HOURS: Final = np.asarray([2, 1, 1, 1, 1, 2, 4, 6, 7, 6, 6, 7, 9, 8, 6, 6, 7, 8, 10, 13, 15, 14, 9, 5], dtype=float)
"""Relative activity of each hour of the day."""
_PAUSE_S: Final = 1_800


@dataclass(frozen=True)
class Schedule:
    """Times of E events of B users, strictly increasing for each user.

    `offsets` `[B + 1]`, `times_s` `[E]` UTC seconds, `session` `[E]` (0, 1, … for each user), `opening` `[E]`:
    the first event of its session.
    """

    offsets: Int64s
    times_s: Int64s
    session: Int32s
    opening: Bools

    @property
    def users(self) -> Int64s:
        """Row of the user of each event `[E]`."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def draw_event_counts(options: SimulatorOptions, rng: np.random.Generator) -> Int64s:
    """Events of each user `[users]`: at least 3, log-normal, adding up to `options.events` exactly."""
    weight = np.minimum(rng.lognormal(0, 0.8, options.users), 12.0)
    spare = options.events - 3 * options.users
    exact = weight / weight.sum() * spare
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: spare - int(counts.sum())]] += 1
    return np.asarray(counts + 3, dtype=np.int64)


def draw_schedule(options: SimulatorOptions, counts: Int64s, rng: np.random.Generator) -> Schedule:
    """Times for B users with `counts` `[B]` events each (at least 1)."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total, users = int(offsets[-1]), np.repeat(np.arange(len(counts)), counts)
    opening = rng.random(total) < 1 / options.session_length
    opening[offsets[:-1]] = True
    step = np.minimum(np.ceil(rng.lognormal(3.8, 1.0, total)), 1_500).astype(np.int64)
    step[opening] = 0
    since = np.cumsum(step)
    starts = np.flatnonzero(opening)
    index = np.cumsum(opening) - 1
    within = since - since[starts][index]
    session_users = users[starts]
    ends = np.append(starts[1:], total) - 1
    begin = _draw_session_starts(options, session_users, within[ends], len(counts), rng)
    first = np.searchsorted(session_users, np.arange(len(counts)))
    return Schedule(offsets, begin[index] + within, (index - first[users]).astype(np.int32), opening)


def _draw_session_starts(
    options: SimulatorOptions, session_users: Int64s, length_s: Int64s, users: int, rng: np.random.Generator
) -> Int64s:
    """Start of each session, at least 30 minutes after the end of the session before."""
    joined = rng.beta(1.0, 2.5, users) * options.days * 0.7
    left = joined + (options.days - joined) * rng.beta(3.0, 1.0, users)
    day = np.floor(rng.uniform(joined[session_users], left[session_users])).astype(np.int64)
    hour = rng.choice(24, size=len(session_users), p=_HOURS / _HOURS.sum())
    start = options.start_s + day * DAY_S + hour * 3_600 + rng.integers(0, 3_600, len(session_users))
    start = start[np.lexsort((start, session_users))]
    # Pushing overlapping sessions apart is a running maximum of start minus the time used up before, user by user.
    used = np.cumsum(length_s + _PAUSE_S) - (length_s + _PAUSE_S)
    lift = session_users * (10 * options.days * DAY_S + int(used[-1]) + 1)
    return np.maximum.accumulate(start - used + lift) - lift + used
