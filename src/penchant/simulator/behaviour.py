"""Choices of simulated users: the next item, given interests, session, neighbours, taste and age of items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penchant.arrays import Bools, Float32s, Float64s, Floats, Int8s, Int16s, Int32s, Int64s
from penchant.simulator.catalogue import NEIGHBOURS, Catalogue
from penchant.simulator.interests import Interests
from penchant.simulator.options import DAY_S, SimulatorOptions
from penchant.simulator.schedule import Schedule

KINDS: Final = ("view", "click", "like", "purchase", "comment", "share", "hide", "dislike")
_BASE: Final = (0.42, 0.26, 0.10, 0.06, 0.08, 0.03, 0.03, 0.02)
_LIKING: Final = (0.0, 0.4, 1.0, 1.0, 0.4, 0.8, -1.4, -1.4)
"""The gain of each kind (in log odds) from one unit of liking."""
_EXAMINED: Final = (0.0, -0.08, -0.05, -0.05, 0.0, 0.0, 0.0, 0.0)
"""The change of each kind (in log odds) from one position further down the list."""
SOURCES: Final = ("topic", "neighbour", "exploring")
POSITIONS: Final = 10
_CANDIDATES: Final = 4
_NEW_S: Final = 14 * DAY_S
_RANKS: Final = np.cumsum(0.65 ** np.arange(NEIGHBOURS) / np.sum(0.65 ** np.arange(NEIGHBOURS)))


@dataclass(frozen=True)
class Behaviour:
    """E choices: `items`, `topics` (the intended one), `sources`, `kinds`, `positions` (in the list, from 0), `liking`
    (about -2 to 3: match of interests and taste), `interests` `[E, K]`: the mixture at that moment.
    """

    items: Int32s
    topics: Int16s
    sources: Int8s
    kinds: Int8s
    positions: Int8s
    liking: Float32s
    interests: Float32s


def draw_behaviour(
    options: SimulatorOptions, catalogue: Catalogue, interests: Interests, schedule: Schedule, rng: np.random.Generator
) -> Behaviour:
    """Choices at every time of the schedule.

    Within a session the topic stays with probability `staying`, otherwise it is drawn from the mixture of that moment,
    so topics follow the mixtures in the long run. With probability `near` the next item is a neighbour of an item just
    seen, otherwise it is drawn from the topic by popularity. No user sees an item before it exists. A user sees an item
    twice only if they know all candidates of the draw.
    """
    mixture = interests.at(schedule.users, schedule.times_s)
    topics = _draw_topics(options, mixture, schedule, rng)
    exploring = rng.random(len(topics)) < options.exploring
    items, sources = _Walk(options, catalogue, interests, schedule, topics, exploring).run(rng)
    chance = 0.8 ** np.arange(POSITIONS)
    positions = rng.choice(POSITIONS, size=len(items), p=chance / chance.sum()).astype(np.int8)
    liking = _draw_liking(catalogue, interests, schedule.users, mixture, items, rng)
    logits = np.log(_BASE) + liking[:, None] * np.asarray(_LIKING) + positions[:, None] * np.asarray(_EXAMINED)
    kinds = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1).astype(np.int8)
    return Behaviour(items, topics, sources, kinds, positions, liking, mixture)


def draw_rows(weights: Floats, chance: Float64s) -> Int16s:
    """One column for each row of weights `[E, K]`, with probability proportional to the weight."""
    # Inverse of the cumulative distribution; the factor below 1 keeps rounding from passing the last column.
    running = np.cumsum(weights, axis=1)
    passed = running <= (chance * (1 - 1e-6) * running[:, -1])[:, None]
    return np.asarray(passed.sum(axis=1), dtype=np.int16)


def _draw_topics(options: SimulatorOptions, mixture: Float32s, schedule: Schedule, rng: np.random.Generator) -> Int16s:
    # A running maximum of the last row with a new topic carries that topic forward.
    fresh = draw_rows(mixture, rng.random(len(mixture)))
    anew = schedule.opening | (rng.random(len(mixture)) >= options.staying)
    return np.asarray(fresh[np.maximum.accumulate(np.where(anew, np.arange(len(anew)), 0))], dtype=np.int16)


def _draw_liking(
    catalogue: Catalogue,
    interests: Interests,
    users: Int64s,
    mixture: Float32s,
    items: Int32s,
    rng: np.random.Generator,
) -> Float32s:
    match = np.einsum("ek,ek->e", mixture, catalogue.topics[items])
    taste = interests.style[users, catalogue.style[items]]
    noise = rng.normal(0, 0.5, len(items))
    return np.asarray(3 * (match - 0.3) + 1.5 * (taste - 0.25) + noise, dtype=np.float32)


class _Walk:
    """The users of one block walk through their events side by side, one step of all users at a time."""

    def __init__(
        self,
        options: SimulatorOptions,
        catalogue: Catalogue,
        interests: Interests,
        schedule: Schedule,
        topics: Int16s,
        exploring: Bools,
    ) -> None:
        self.options, self.catalogue, self.schedule = options, catalogue, schedule
        self.topics, self.exploring = topics, exploring
        counts = np.diff(schedule.offsets)
        self.order = np.argsort(-counts, kind="stable")
        self.active = len(counts) - np.searchsorted(np.sort(counts), np.arange(counts.max(initial=0)), side="right")
        self.past = np.full((len(counts), int(counts.max(initial=0))), -1, dtype=np.int32)
        self.style = np.log(interests.style[self.order] + 0.05)
        self.popular = np.cumsum(catalogue.popularity) / catalogue.popularity.sum()

    def run(self, rng: np.random.Generator) -> tuple[Int32s, Int8s]:
        """Items and sources `[E]`."""
        items = np.zeros(len(self.topics), dtype=np.int32)
        sources = np.zeros(len(self.topics), dtype=np.int8)
        for step, active in enumerate(self.active.tolist()):
            rows = self.schedule.offsets[self.order[:active]] + step
            chosen, source = self._draw_step(step, rows, rng)
            self.past[:active, step] = chosen
            items[rows], sources[rows] = chosen, source
        return items, sources

    def _draw_step(self, step: int, rows: Int64s, rng: np.random.Generator) -> tuple[Int32s, Int8s]:
        shape = (len(rows), _CANDIDATES)
        topics = self.topics[rows]
        drawn = self.catalogue.by_topic.draw(np.broadcast_to(topics[:, None], shape), rng.random(shape))
        source = np.zeros(len(rows), dtype=np.int8)
        if step:
            anchor = self._pick_anchor(step, rows, rng)
            near = (anchor >= 0) & (rng.random(len(rows)) < self.options.near)
            near &= self.catalogue.main[anchor] == topics
            ranks = np.minimum(np.searchsorted(_RANKS, rng.random(shape)), NEIGHBOURS - 1)
            drawn = np.where(near[:, None], self.catalogue.neighbours[anchor[:, None], ranks], drawn)
            source[near] = 1
        exploring = self.exploring[rows]
        popular = np.searchsorted(self.popular, rng.random(shape) * (1 - 1e-9), side="right")
        drawn = np.where(exploring[:, None], popular, drawn).astype(np.int32)
        source[exploring] = 2
        chosen, stuck = self._pick_best(step, rows, drawn, rng)
        if stuck.any():
            retry = np.flatnonzero(stuck)
            chosen[retry] = self._draw_second(step, rows, retry, rng)
            source[retry] = 0
        return chosen, source

    def _pick_anchor(self, step: int, rows: Int64s, rng: np.random.Generator) -> Int32s:
        """The item before in this session (three times of four) or the one before that; -1 at its opening."""
        last = self.past[: len(rows), step - 1]
        back = self.past[: len(rows), max(step - 2, 0)]
        older = (rng.random(len(rows)) < 0.25) & ~self.schedule.opening[rows - 1]
        return np.asarray(np.where(self.schedule.opening[rows], -1, np.where(older, back, last)), dtype=np.int32)

    def _pick_best(self, step: int, rows: Int64s, drawn: Int32s, rng: np.random.Generator) -> tuple[Int32s, Bools]:
        """The candidate `[A, C]` with the best taste and novelty, and which users have no allowed candidate."""
        age = self.schedule.times_s[rows][:, None] - self.catalogue.created_s[drawn]
        seen = (self.past[: len(rows), None, :step] == drawn[:, :, None]).any(axis=2)
        taste = self.style[np.arange(len(rows))[:, None], self.catalogue.style[drawn]]
        score = self.options.style / 2 * taste + self.options.freshness * np.exp(-np.maximum(age, 0) / _NEW_S)
        score = np.where(seen | (age < 0), -np.inf, score + rng.gumbel(size=drawn.shape))
        best = np.argmax(score, axis=1)[:, None]
        return np.take_along_axis(drawn, best, 1)[:, 0], np.isneginf(np.take_along_axis(score, best, 1)[:, 0])

    def _draw_second(self, step: int, rows: Int64s, retry: Int64s, rng: np.random.Generator) -> Int32s:
        """Eight more draws from the topic, then an old item of it, seen or not."""
        topics = np.broadcast_to(self.topics[rows[retry]][:, None], (len(retry), 8))
        drawn = self.catalogue.by_topic.draw(topics, rng.random(topics.shape))
        old = self.catalogue.old_by_topic.draw(topics[:, 0], rng.random(len(retry)))
        age = self.schedule.times_s[rows[retry]][:, None] - self.catalogue.created_s[drawn]
        fine = (age >= 0) & ~(self.past[retry, None, :step] == drawn[:, :, None]).any(axis=2)
        first = np.argmax(fine, axis=1)
        return np.where(fine.any(axis=1), drawn[np.arange(len(retry)), first], old).astype(np.int32)
