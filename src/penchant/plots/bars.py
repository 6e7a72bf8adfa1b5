"""Bars from zero: what a recommendation rests on, view by view, and how many items have each view."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from penchant.plots.markup import Markup, join, tag
from penchant.plots.scale import Scale, ticks
from penchant.plots.svg import VIEWS, label, line, shorten, svg, text_width, view_bar, x_axis

_NAMES: Mapping[str, str] = {}


def figure_reasons(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    extent: tuple[float, float],
    names: Mapping[str, str] = _NAMES,
    unit: str = "",
    width: float = 340,
) -> Markup:
    """One horizontal bar an item, split by view; what speaks for it goes right from zero, what speaks against it left.

    `table` has `item` (may be empty: no heading), `view`, `contribution`. `extent` is the scale's low and high end, so
    that bars of one list compare. `names` gives the words for the views.
    """
    items = table.get_column("item").unique(maintain_order=True).to_list()
    scale = Scale(min(extent[0], 0.0), max(extent[1], 0.0) or 1.0, 4, width - 4)
    parts: list[object] = []
    y = 4.0
    for item in items:
        if item:
            parts.append(label(shorten(item, width - 8), 4, y + 8, class_="strong"))
            y += 22
        rows = table.filter((pl.col("item") == item) & pl.col("contribution").is_finite())
        drawn, height = _split_bar(rows, scale, y, names, width)
        parts.append(drawn)
        y += height
    if unit:
        parts.append(label(unit, width - 4, y + 4, anchor="end", class_="muted unit"))
        y += 18
    return svg(join(parts), width, y, title=title, desc=desc, kind="reasons")


def figure_coverage(
    table: pl.DataFrame, *, title: str, desc: str, unit: str, names: Mapping[str, str] = _NAMES, width: float = 600
) -> Markup:
    """One bar a view: the share of items (or events) that have it, from 0 to 100 %.

    `table` has `view` and `share` (0 to 1).
    """
    rows = sorted(table.to_dicts(), key=lambda row: VIEWS.index(row["view"]) if row["view"] in VIEWS else len(VIEWS))
    words = [names.get(row["view"], row["view"]) for row in rows]
    left = min(180.0, max((text_width(w) for w in words), default=0) + 20)
    scale = Scale(0, 1, left, width - 64)
    bottom = 8 + 34.0 * len(rows)
    count = 4 if width > 480 else 2
    parts: list[object] = [x_axis(scale, ticks(0, 1, count), 4, bottom, unit, percent=True)]
    for number, (row, word) in enumerate(zip(rows, words, strict=True)):
        y = 8 + 34.0 * number + 7
        share = float(row["share"])
        spoken = f"{word}: {share * 100:.1f} %"
        parts.append(tag("rect", x=left, y=y, width=scale.end - left, height=20, class_="track"))
        parts.append(label(shorten(word, left - 16), left - 12, y + 10, anchor="end", class_="name"))
        parts.append(view_bar(left, y, scale(share) - left, 20, row["view"], spoken))
        parts.append(label(_percent(share), scale(share) + 8, y + 10, class_="halo strong"))
    return svg(join(parts), width, bottom + 40, title=title, desc=desc, kind="coverage")


def figure_counts(table: pl.DataFrame, *, title: str, desc: str, unit: str, width: float = 600) -> Markup:
    """One plain bar a name, longest first as given, with the number at its end.

    `table` has `name` and `count`.
    """
    rows = table.to_dicts()
    largest = max((float(row["count"]) for row in rows), default=1.0) or 1.0
    left = min(180.0, max((text_width(str(r["name"])) for r in rows), default=0) + 20)
    words = [f"{row['count']:,}" for row in rows]
    scale = Scale(0, largest, left, width - max((text_width(w) for w in words), default=0) - 14)
    parts: list[object] = []
    for number, (row, word) in enumerate(zip(rows, words, strict=True)):
        y = 4 + 28.0 * number
        end = scale(float(row["count"]))
        parts.append(label(shorten(str(row["name"]), left - 16), left - 12, y + 10, anchor="end", class_="name"))
        parts.append(tag("rect", x=left, y=y + 2, width=max(end - left, 1.0), height=16, class_="c0"))
        parts.append(label(word, end + 8, y + 10))
    bottom = 8 + 28.0 * len(rows)
    parts.append(line(left, 2, left, bottom, "zero"))
    parts.append(label(unit, width, bottom + 14, anchor="end", class_="muted unit"))
    return svg(join(parts), width, bottom + 26, title=title, desc=desc, kind="counts")


def _split_bar(
    rows: pl.DataFrame, scale: Scale, y: float, names: Mapping[str, str], width: float
) -> tuple[Markup, float]:
    order = {view: place for place, view in enumerate(VIEWS)}
    parts: list[object] = [tag("rect", x=scale.start, y=y, width=scale.end - scale.start, height=18, class_="track")]
    right = left = 0.0
    keys: list[tuple[str, str]] = []
    for row in sorted(rows.to_dicts(), key=lambda r: order.get(r["view"], len(order))):
        value = float(row["contribution"])
        word = f"{names.get(row['view'], row['view'])} {value:+.2f}".replace("-", "−")
        begin = right if value >= 0 else left + value
        right, left = (right + value, left) if value >= 0 else (right, left + value)
        length = scale(begin + abs(value)) - scale(begin)
        parts.append(view_bar(scale(begin) + 0.75, y, length - 1.5, 18, row["view"], word))
        keys.append((row["view"], word))
    parts.append(line(scale(0), y - 3, scale(0), y + 21, "zero"))
    place, height = 4.0, 34.0
    for view, word in keys:
        if place > 4 and place + 16 + text_width(word) > width:
            place, height = 4.0, height + 18
        parts.append(view_bar(place, y + height - 10, 10, 10, view, word))
        parts.append(label(word, place + 15, y + height - 5))
        place += 15 + text_width(word) + 14
    return join(parts), height + 12


def _percent(share: float) -> str:
    words = f"{share * 100:.0f}"
    if words in {"0", "100"} and share not in {0.0, 1.0}:
        words = f"{share * 100:.1f}"
    return f"{words}\u00a0%"
