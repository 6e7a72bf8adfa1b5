"""The planted interests: for every user a sparse mixture over topics that moves through time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penchant.arrays import Float32s, Float64s, Int8s, Int64s, Ints
from penchant.simulator.options import DAY_S, SimulatorOptions
from penchant.simulator.texts import STYLES

PATTERNS: Final = ("steady", "drift", "jump")
_MOST_TOPICS: Final = 4
_KEPT: Final = (1.0, 0.3, 0.15)
"""Share of the first mixture in the last one, by pattern."""


@dataclass(frozen=True)
class Seasons:
    """Seasonal strength of topics: factor `1 + amplitude[k] * cos(2 pi (t / period - phase[k]))`."""

    amplitude: Float64s
    phase: Float64s
    period_s: float

    @classmethod
    def draw(cls, options: SimulatorOptions, rng: np.random.Generator) -> Seasons:
        """Every second topic is seasonal."""
        k = options.topics
        amplitude = np.where(np.arange(k) % 2 == 0, options.season, 0.0)
        return cls(amplitude, rng.random(k), options.season_days * DAY_S)

    def factors(self, times_s: Int64s) -> Float32s:
        """`[E, K]`, above 0."""
        turn = times_s[:, None] / self.period_s - self.phase
        return (1.0 + np.minimum(self.amplitude, 0.999) * np.cos(2 * np.pi * turn)).astype(np.float32)


@dataclass(frozen=True)
class Interests:
    """Interests of B users over K topics: `first` and `last` mixtures `[B, K]` (rows sum to 1).

    Between `change_start_s` and `change_end_s` `[B]` the first turns into the last, linearly. A jump has equal times; a
    steady user has both at the end of the log. `pattern` `[B]` indexes `PATTERNS`; `style` `[B, S]` is the lasting
    taste. Seasonal factors multiply the mixture of each moment, then it is normalised.
    """

    first: Float32s
    last: Float32s
    change_start_s: Int64s
    change_end_s: Int64s
    pattern: Int8s
    style: Float32s
    seasons: Seasons

    def at(self, users: Ints, times_s: Int64s) -> Float32s:
        """Mixtures `[E, K]` of users (rows of this block) at times; rows sum to 1."""
        begin, end = self.change_start_s[users], self.change_end_s[users]
        moved = (times_s - begin) / np.maximum(end - begin, 1)
        share = np.where(begin == end, (times_s >= begin) * 1.0, np.clip(moved, 0, 1)).astype(np.float32)[:, None]
        mixture = (1 - share) * self.first[users] + share * self.last[users]
        mixture *= self.seasons.factors(times_s)
        return np.asarray(mixture / mixture.sum(axis=1, keepdims=True), dtype=np.float32)


def draw_interests(
    options: SimulatorOptions,
    seasons: Seasons,
    prior: Float64s,
    first_s: Int64s,
    last_s: Int64s,
    rng: np.random.Generator,
) -> Interests:
    """Interests for B users with a topic prior `[B, K]`, active from `first_s` to `last_s` `[B]`.

    Changes begin after 30 to 60 % of a user's active time; a drift takes 20 to 40 % of it.
    """
    count = len(prior)
    chance = rng.random(count)
    pattern = np.where(chance < options.drifting, 1, np.where(chance < options.drifting + options.jumping, 2, 0))
    first, fresh = _draw_mixtures(prior, rng), _draw_mixtures(prior, rng)
    kept = np.asarray(_KEPT, dtype=np.float32)[pattern][:, None]
    length = np.maximum(last_s - first_s, 1)
    begin = first_s + (length * rng.uniform(0.3, 0.6, count)).astype(np.int64)
    taken = np.maximum((length * rng.uniform(0.2, 0.4, count)).astype(np.int64), 1)
    end = np.where(pattern == 1, begin + taken, begin)
    style = rng.gamma(0.5, size=(count, len(STYLES))) + 1e-6
    return Interests(
        first=first,
        last=np.asarray(kept * first + (1 - kept) * fresh, dtype=np.float32),
        change_start_s=np.where(pattern == 0, options.end_s, begin),
        change_end_s=np.where(pattern == 0, options.end_s, end),
        pattern=pattern.astype(np.int8),
        style=(style / style.sum(axis=1, keepdims=True)).astype(np.float32),
        seasons=seasons,
    )


def _draw_mixtures(prior: Float64s, rng: np.random.Generator) -> Float32s:
    """Two to four topics a user, drawn without replacement by the prior, with Dirichlet(1) weights."""
    count, k = prior.shape
    most = min(_MOST_TOPICS, k)
    # Gumbel top-k: the largest log weights plus Gumbel noise are a draw without replacement by weight.
    keys = np.log(prior) + rng.gumbel(size=(count, k))
    chosen = np.argsort(-keys, axis=1, kind="stable")[:, :most]
    used = np.arange(most) < rng.integers(2, most + 1, size=count)[:, None]
    weights = (rng.exponential(size=(count, most)) + 0.05) * used
    out = np.zeros((count, k))
    np.put_along_axis(out, chosen, weights / weights.sum(axis=1, keepdims=True), axis=1)
    return out.astype(np.float32)
