"""Interests over real time: a ribbon whose bands are topics, with the events as ticks below."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import polars as pl

from penchant.arrays import Float64s, evenly_spaced
from penchant.messages import text
from penchant.plots.markup import Markup, join, tag
from penchant.plots.scale import Scale, choose_time_ticks
from penchant.plots.svg import (
    Labels,
    draw_label,
    draw_line,
    draw_svg,
    measure_text,
    measure_widest,
    shorten,
    spread,
    trace_band,
)

_SAMPLES = 220
_MOST_TICKS = 400
_STRONG = frozenset({"purchase", "like", "share", "comment"})


def draw_timeline(
    table: pl.DataFrame,
    events: pl.DataFrame,
    labels: Labels,
    *,
    language: str,
    order: Sequence[str] = (),
    most_topics: int = 6,
    width: float = 600,
) -> Markup:
    """The share of each topic after every event, over time; the largest topics are named at the right.

    `table` has `time_s`, `topic`, `weight` (one row per event and topic; negative weights count as none), `events` has
    `time_s`, `event`, `title`. Between two events interests do not change, so the bands step, with soft corners.
    Topics beyond `most_topics` are merged into "others". `order` lists topics by colour, so that a topic has the same
    one in several figures.
    """
    others = text("page.others", language)
    times, topics, shares = _compute_shares(table, most_topics, others)
    top, height = 8.0, 190.0 if width < 480 else 230.0
    right = width - min(150.0 if width > 480 else 104.0, measure_widest(topics) + 26)
    latest = events.get_column("time_s").max() if events.height else None
    last = max(float(times[-1]), float(latest) if isinstance(latest, int | float) else -np.inf)
    span = (last - float(times[0])) * 1.025 or 86400.0
    x = Scale(float(times[0]), float(times[0]) + span, 4, right)
    y = Scale(0, 1, top + height, top)
    grid, edges = _trace_edges(times, shares, x)
    parts: list[object] = []
    for number, (topic, colour) in enumerate(zip(topics, _assign_colours(topics, others, order), strict=True)):
        outline = trace_band(x.many(grid), y.many(edges[number]), y.many(edges[number + 1]))
        hint = f"{topic}: {shares[0, number] * 100:.0f} % → {shares[-1, number] * 100:.0f} %"
        parts.append(tag("path", tag("title", hint), d=outline, class_=f"c{colour} seam"))
    parts.append(_draw_names(topics, edges[:, -1], right, width, y))
    rug = top + height + 14
    parts += [_draw_rug(events, x, rug), draw_line(x.start, rug + 18, x.end, rug + 18, "zero")]
    for moment, words in choose_time_ticks(x.low, x.high, max(3, int((right - 4) / 105)), language):
        place, half = x(moment), measure_text(words) / 2
        parts.append(draw_line(place, rug + 18, place, rug + 22, "zero"))
        parts.append(draw_label(words, min(max(place, half), width - half), rug + 32, anchor="middle"))
    parts.append(draw_label(text("page.events", language), right + 8, rug + 8))
    return draw_svg(join(parts), width, rug + 44, labels, "timeline")


def _compute_shares(table: pl.DataFrame, most: int, others: str) -> tuple[Float64s, list[str], Float64s]:
    """Times `[T]`, topics and their shares `[T, K]`, the largest topic first, the rest merged into a last one."""
    weights = table.with_columns(pl.col("weight").cast(pl.Float64).fill_nan(0).fill_null(0).clip(lower_bound=0))
    wide = weights.pivot("topic", index="time_s", values="weight", aggregate_function="last")
    wide = wide.sort("time_s").fill_null(0)
    topics = [name for name in wide.columns if name != "time_s"]
    values = wide.select(topics).to_numpy().astype(np.float64)
    total = values.sum(axis=1, keepdims=True)
    values = np.where(total > 0, values / np.where(total > 0, total, 1), 1 / max(len(topics), 1))
    order = np.argsort(-values.mean(axis=0), kind="stable")
    kept, rest = order[:most], order[most:]
    names, shares = [topics[n] for n in kept], values[:, kept]
    if len(rest):
        names, shares = [*names, others], np.column_stack([shares, values[:, rest].sum(axis=1)])
    return wide.get_column("time_s").to_numpy().astype(np.float64), names, shares


def _assign_colours(topics: list[str], others: str, order: Sequence[str]) -> list[int]:
    """The category (1 to 8) of each topic: its place in `order` if free, else the next free; 0: others."""
    taken: dict[str, int] = {}
    for topic in topics:
        if topic == others and topic == topics[-1]:
            taken[topic] = 0
            continue
        wanted = list(order).index(topic) % 8 if topic in order else len(taken) % 8
        free = [n for n in range(8) if n + 1 not in taken.values()] or list(range(8))
        taken[topic] = 1 + (wanted if wanted in free else free[0])
    return [taken[topic] for topic in topics]


def _trace_edges(times: Float64s, shares: Float64s, x: Scale) -> tuple[Float64s, Float64s]:
    """Sample moments `[G]` and the lower edges of the bands, then the upper edge of the last: `[K + 1, G]`."""
    grid = np.linspace(x.low, x.high, _SAMPLES)
    rows = np.clip(np.searchsorted(times, grid, side="right") - 1, 0, len(times) - 1)
    window = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9
    stepped = np.pad(shares[rows], ((2, 2), (0, 0)), mode="edge")
    soft = np.stack([np.convolve(column, window, mode="valid") for column in stepped.T])
    soft = soft / soft.sum(axis=0)
    return grid, np.vstack([np.zeros(_SAMPLES), np.cumsum(soft, axis=0)])


def _draw_names(topics: list[str], edges: Float64s, right: float, width: float, y: Scale) -> Markup:
    middles = [y((low + high) / 2) for low, high in itertools.pairwise(edges)]
    places = spread(middles, 17, y.end + 8, y.start - 8)
    parts: list[object] = []
    for topic, middle, place in zip(topics, middles, places, strict=True):
        parts.append(tag("path", d=f"M{right + 1:.1f} {middle:.1f}L{right + 9:.1f} {place:.1f}h4", class_="leader"))
        parts.append(draw_label(shorten(topic, width - right - 18), right + 17, place, class_="name"))
    return join(parts)


def _draw_rug(events: pl.DataFrame, x: Scale, top: float) -> Markup:
    """A tick an event at its time, longer if the event is a stronger signal than a view."""
    table = events.filter(pl.col("time_s").is_not_null()).sort("time_s", maintain_order=True)
    if table.height > _MOST_TICKS:
        table = table[evenly_spaced(table.height, _MOST_TICKS, nearest=True).tolist()]
    parts = []
    for row in table.iter_rows(named=True):
        kind = str(row["event"] or "")
        hint = tag("title", f"{kind}: {row['title']}" if row["title"] else kind)
        place, strong = x(float(row["time_s"])), kind in _STRONG
        start, style = (top, "tick strong") if strong else (top + 6, "tick")
        parts.append(tag("line", hint, x1=place, x2=place, y1=start, y2=top + 16, class_=style))
    return join(parts)
