"""The items of the simulated platform: topics, texts, attributes, popularity and neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Float32s, Float64s, Int8s, Int16s, Int32s, Int64s, Ints
from penchant.data import schema
from penchant.simulator.options import DAY_S, SimulatorOptions
from penchant.simulator.texts import STYLES, fill_templates, load_texts

NEIGHBOURS: Final = 8
_STYLE_PRICE: Final = (12.0, 90.0, 40.0, 30.0)
_SECOND_TOPIC: Final = 0.4
"""Share of items with a second topic; the second takes 20 to 40 % of the mixture."""


@dataclass(frozen=True)
class Catalogue:
    """N items. The platform publishes `table`; the other fields drive behaviour.

    `topics` `[N, K]` mixtures, `main` and `second` `[N]` topics (-1: no second), `noun` `[N]` the thing within the
    main topic, `style` `[N]`, `created_s` `[N]` (UTC seconds; may lie before the log), `popularity` `[N]` weights,
    `neighbours` `[N, 8]` items that users open after an item, best first.
    `by_topic` and `old_by_topic` draw items of a topic by popularity (the latter only items older than the log).
    """

    table: pl.DataFrame
    topics: Float32s
    main: Int16s
    second: Int16s
    noun: Int16s
    style: Int8s
    created_s: Int64s
    popularity: Float64s
    neighbours: Int32s
    by_topic: TopicDraw
    old_by_topic: TopicDraw

    def __len__(self) -> int:
        return len(self.main)


@dataclass(frozen=True)
class TopicDraw:
    """Draws members of a topic with probability proportional to their weights."""

    members: Int32s
    steps: Float64s

    @classmethod
    def of(cls, topics: Ints, members: Ints, weights: Float64s, k: int) -> TopicDraw:
        """From parallel arrays (topic, member, weight); every topic has a member."""
        order = np.argsort(topics, kind="stable")
        topics, weights = topics[order].astype(np.int64), weights[order]
        # Cumulative shares of each topic, offset by the topic number: one search over all topics draws a member.
        share = weights / np.bincount(topics, weights, minlength=k)[topics]
        running = np.cumsum(share)
        before = np.concatenate([[0.0], running])[np.searchsorted(topics, topics)]
        return cls(members[order].astype(np.int32), topics + np.minimum(running - before, 1.0))

    def draw(self, topics: Ints, chance: Float64s) -> Int32s:
        """Members for topics and uniform numbers in [0, 1) of the same shape."""
        index = np.searchsorted(self.steps, topics + chance * (1 - 1e-9), side="right")
        return self.members[np.minimum(index, len(self.members) - 1)]


def draw_catalogue(options: SimulatorOptions, rng: np.random.Generator) -> Catalogue:
    """N items; every topic has at least four, of which at least one is older than the log."""
    n, k = options.items, options.topics
    main = _draw_main_topics(n, k, rng)
    second = np.where(rng.random(n) < _SECOND_TOPIC, (main + rng.integers(1, k, n)) % k, -1).astype(np.int16)
    share = np.where(second >= 0, rng.uniform(0.2, 0.4, n), 0.0)
    topics = np.zeros((n, k), dtype=np.float32)
    topics[np.arange(n), main] = 1 - share
    both = np.flatnonzero(second >= 0)
    topics[both, second[both]] = share[both]
    noun = rng.integers(0, 12, n).astype(np.int16)
    style = rng.integers(0, len(STYLES), n).astype(np.int8)
    popularity = rng.lognormal(0.0, 0.9, n)
    created_s = _draw_creation_times(options, main, rng)
    old = np.flatnonzero(created_s < options.start_s)
    pairs = np.concatenate([np.arange(n), both])
    pair_topics = np.concatenate([main, second[both]])
    weights = popularity[pairs] * topics[pairs, pair_topics]
    return Catalogue(
        table=_build_table(options, main, second, noun, style, created_s, rng),
        topics=topics,
        main=main,
        second=second,
        noun=noun,
        style=style,
        created_s=created_s,
        popularity=popularity,
        neighbours=_draw_neighbours(main, noun, popularity, k, rng),
        by_topic=TopicDraw.of(pair_topics, pairs, weights, k),
        old_by_topic=TopicDraw.of(main[old], old, popularity[old], k),
    )


def _draw_main_topics(n: int, k: int, rng: np.random.Generator) -> Int16s:
    """Four items for every topic, the rest by unequal weights, in random order."""
    weights = rng.gamma(4.0, size=k)
    rest = rng.choice(k, size=n - 4 * k, p=weights / weights.sum())
    return rng.permutation(np.concatenate([np.tile(np.arange(k), 4), rest])).astype(np.int16)


def _draw_creation_times(options: SimulatorOptions, main: Int16s, rng: np.random.Generator) -> Int64s:
    """Most items are up to two years older than the log; a share appears during its first 95 %."""
    n = len(main)
    age = rng.integers(DAY_S, 730 * DAY_S, n)
    later = rng.integers(0, int(options.days * DAY_S * 0.95), n)
    fresh = rng.random(n) < options.fresh_items
    fresh[np.unique(main, return_index=True)[1]] = False
    return np.where(fresh, options.start_s + later, options.start_s - age)


def _draw_neighbours(main: Int16s, noun: Int16s, popularity: Float64s, k: int, rng: np.random.Generator) -> Int32s:
    """Eight other items of the main topic for each item: the same thing, popular, otherwise random (not symmetric)."""
    out = np.zeros((len(main), NEIGHBOURS), dtype=np.int32)
    for topic in range(k):
        members = np.flatnonzero(main == topic)
        width = min(NEIGHBOURS, len(members) - 1)
        for rows in np.array_split(np.arange(len(members)), max(1, len(members) // 1000)):
            same = noun[members[rows]][:, None] == noun[members][None, :]
            score = 1.5 * same + 0.5 * np.log(popularity[members])[None, :]
            # The largest scores plus Gumbel noise are a softmax draw without replacement (Gumbel top-k).
            score = score + rng.gumbel(size=score.shape).astype(np.float32)
            score[np.arange(len(rows)), rows] = -np.inf
            best = np.argpartition(-score, width - 1, axis=1)[:, :width]
            best = np.take_along_axis(best, np.argsort(-np.take_along_axis(score, best, 1), axis=1), 1)
            out[members[rows]] = members[best[:, np.arange(NEIGHBOURS) % width]]
    return out


def _build_table(
    options: SimulatorOptions,
    main: Int16s,
    second: Int16s,
    noun: Int16s,
    style: Int8s,
    created_s: Int64s,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """The published table: texts that (mostly) reveal the topic, attributes that reveal the style."""
    texts, n, k = load_texts(options.language), options.items, options.topics

    def draw_topics() -> Int16s:
        """The topic of a word of each item: main, second or, as noise, any."""
        topics = np.where((second >= 0) & (rng.random(n) < 0.35), second, main)
        return np.where(rng.random(n) < options.text_noise, rng.integers(0, k, n), topics).astype(np.int16)

    nouns, aspects = texts.nouns, texts.aspects
    form = rng.integers(0, len(texts.formats), n)
    title_topic = np.where(rng.random(n) < options.text_noise / 3, rng.integers(0, k, n), main)
    quality = rng.integers(0, aspects.shape[1], n)
    thing, tag = (noun + rng.integers(1, 6, n)) % 12, (noun + rng.integers(6, 12, n)) % 12
    words = pl.DataFrame(
        {
            "adj": texts.adjectives[style, rng.integers(0, 6, n)],
            "noun": nouns[title_topic, noun],
            "aspect": aspects[draw_topics(), quality],
            "aspect2": aspects[draw_topics(), (quality + rng.integers(1, aspects.shape[1], n)) % aspects.shape[1]],
            "other": nouns[draw_topics(), thing],
            "creator": texts.name_creators(_draw_creators(main, style, rng)),
            "format": texts.formats[form],
            "tag": nouns[draw_topics(), tag],
            "department": texts.departments[main],
        }
    )
    title = texts.number_repeats(fill_templates(pl.Series(texts.titles[form]), words))
    description = fill_templates(pl.Series(rng.choice(texts.descriptions, n)), words)
    price = np.round(np.asarray(_STYLE_PRICE)[style] * rng.lognormal(0, 0.5, n), 2)
    return pl.DataFrame(
        {
            schema.ITEM_ID: "i" + pl.Series(np.arange(1, n + 1)).cast(pl.String).str.zfill(6),
            schema.TITLE: title,
            schema.DESCRIPTION: description,
            schema.CATEGORIES: words.select(pl.concat_list("department", "format")).to_series(),
            "tags": words.select(
                pl.concat_list("noun", "other", "tag", "adj").list.unique(maintain_order=True)
            ).to_series(),
            schema.CREATOR: words["creator"],
            schema.PRICE: price,
            schema.CREATED_AT: pl.from_epoch(pl.Series(created_s), time_unit="s").dt.replace_time_zone("UTC"),
            "language": options.language,
        }
    )


def _draw_creators(main: Int16s, style: Int8s, rng: np.random.Generator) -> Int64s:
    """Numbers of creators. A creator works in one topic and one style, on about fifteen items."""
    variants = max(1, len(main) // (24 * 4 * 3))
    number = (main.astype(np.int64) * len(STYLES) + style) * variants + rng.integers(0, variants, len(main))
    return np.asarray(rng.permutation(int(number.max()) + 1)[number], dtype=np.int64)
