"""Content of users: searches, uploaded images and voice notes, as events without an item."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.arrays import Int16s, Int64s
from penchant.data import schema
from penchant.simulator.behaviour import draw_rows
from penchant.simulator.interests import Interests
from penchant.simulator.media import MEDIA_COLUMNS, empty_media
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.schedule import Schedule
from penchant.simulator.texts import fill_templates, load_texts

SEARCH: Final = "search"
UPLOAD: Final = "upload"
VOICE_NOTE: Final = "voice_note"
_FIRST_NUMBER: Final = 1_000_000_000
"""Numbers of event files start here, above the numbers of item files."""


def draw_user_content(
    options: SimulatorOptions,
    events: pl.DataFrame,
    interests: Interests,
    schedule: Schedule,
    first_event: int,
    rng: np.random.Generator,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Searches, image uploads and voice notes: rows for the event table (with truth) and their files.

    Each follows one of the block's `events` (in the schedule's order) within two minutes and before the next;
    its topic is drawn from the user's mixture at that moment.
    """
    total = len(schedule.times_s)
    searches, uploads = round(options.searches * total), round(options.uploads * total)
    base, times_s = _draw_moments(schedule, searches + uploads, rng)
    if not len(base):
        return events.clear(), empty_media()
    users = schedule.users[base]
    mixture = interests.at(users, times_s)
    topics = draw_rows(mixture, rng.random(len(base)))
    style = draw_rows(interests.style[users], rng.random(len(base)))
    noun = rng.integers(0, 12, len(base))
    kinds = np.full(len(base), SEARCH, dtype="<U10")
    kinds[rng.permutation(len(base))[: min(uploads, len(base))]] = UPLOAD
    kinds[(kinds == UPLOAD) & (rng.random(len(base)) < 0.4)] = VOICE_NOTE
    numbers = np.arange(len(base)) + _FIRST_NUMBER + first_event
    paths = pl.DataFrame({"n": numbers - _FIRST_NUMBER + 1, "kind": kinds}).select(
        pl.when(pl.col("kind") == UPLOAD).then(pl.format("images/uploads/{}.png", "n")).alias(schema.IMAGE),
        pl.when(pl.col("kind") == VOICE_NOTE).then(pl.format("audio/notes/{}.wav", "n")).alias(schema.AUDIO),
    )
    rows = pl.DataFrame(
        {
            schema.USER_ID: events[schema.USER_ID].gather(base),
            schema.TIMESTAMP: times_s,
            schema.EVENT: kinds,
            schema.TEXT: _write_texts(options, kinds, topics, noun, style, rng),
            schema.SESSION_ID: events[schema.SESSION_ID].gather(base),
            "context_device": events["context_device"].gather(base),
            "topic": topics.astype(np.uint8),
            "source": "user",
            "interests": pl.Series(mixture, dtype=pl.Array(pl.Float32, options.topics)),
            "label": "human",
        }
    )
    shown = {"number": numbers, "topic": topics.astype(np.int64), "noun": noun, "style": style.astype(np.int64)}
    files = pl.DataFrame(shown).with_columns(path=pl.Series(paths.select(pl.coalesce(pl.all())).to_series()))
    if uploads:
        rows = rows.hstack(paths)
    return rows, files.drop_nulls("path").select(MEDIA_COLUMNS)


def _draw_moments(schedule: Schedule, count: int, rng: np.random.Generator) -> tuple[Int64s, Int64s]:
    """Preceding events, and times strictly between each of them and the user's next event."""
    gap = np.append(np.diff(schedule.times_s), 0)
    gap[schedule.offsets[1:] - 1] = 120
    room = np.flatnonzero(gap >= 3)
    base = np.sort(rng.choice(room, size=min(count, len(room)), replace=False))
    spare = np.minimum(gap[base], 120) - 1
    return base, schedule.times_s[base] + 1 + np.floor(rng.random(len(base)) * spare).astype(np.int64)


def _write_texts(
    options: SimulatorOptions,
    kinds: npt.NDArray[np.str_],
    topics: Int16s,
    noun: Int64s,
    style: Int16s,
    rng: np.random.Generator,
) -> pl.Series:
    """Queries of searches, and captions of 60 % of the uploads."""
    count, texts = len(kinds), load_texts(options.language)
    words = pl.DataFrame(
        {
            "noun": texts.nouns[topics, noun],
            "aspect": texts.aspects[topics, rng.integers(0, texts.aspects.shape[1], count)],
            "adj": texts.adjectives[style, rng.integers(0, 6, count)],
        }
    )
    templates = np.where(kinds == SEARCH, rng.choice(texts.queries, count), rng.choice(texts.captions, count))
    silent = (kinds == VOICE_NOTE) | ((kinds == UPLOAD) & (rng.random(count) < 0.4))
    return fill_templates(pl.Series(templates, dtype=pl.String), words).set(pl.Series(silent), None)
