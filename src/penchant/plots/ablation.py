"""What is lost without a view: differences around zero, each in the colour of its view."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from penchant.plots.markup import Markup, join, tag
from penchant.plots.scale import Scale, ticks
from penchant.plots.svg import VIEWS, label, line, marker, shorten, svg, text_width, view_class, x_axis

_NAMES: Mapping[str, str] = {}
_ROW = 36.0


def figure_ablation(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    unit: str,
    names: Mapping[str, str] = _NAMES,
    width: float = 600,
) -> Markup:
    """One row a view: a dot at the difference that leaving it out makes, a line over its interval, around zero.

    `table` has `view`, `mean`, `low`, `high`: of the score without the view minus that with all (below zero: the view
    is missed). `names` gives the words of a row.
    """
    rows = table.filter(pl.col("mean").is_finite()).to_dicts()
    rows.sort(key=lambda row: VIEWS.index(row["view"]) if row["view"] in VIEWS else len(VIEWS))
    words = [names.get(row["view"], row["view"]) for row in rows]
    above = width < 480
    left = 8.0 if above else min(200.0, max((text_width(word) for word in words), default=0) + 44)
    height = 46.0 if above else _ROW
    scale = _scale(rows, left + 8, width - 60)
    bottom = 8.0 + height * max(len(rows), 1)
    parts: list[object] = [x_axis(scale, ticks(scale.low, scale.high, 3 if above else 5), 8.0, bottom, unit)]
    for number, (row, word) in enumerate(zip(rows, words, strict=True)):
        y = 8.0 + height * (number + 0.5)
        if above:
            parts.append(tag("rect", x=8.0, y=y - 17, width=12, height=12, class_=view_class(row["view"])))
            parts.append(label(shorten(word, width - 36), 26, y - 11, class_="halo"))
        else:
            parts.append(tag("rect", x=4.0, y=y - 6, width=12, height=12, class_=view_class(row["view"])))
            parts.append(label(shorten(word, left - 32), 22, y, class_="name"))
        parts.append(_dot(row, scale, y + (9 if above else 0), word))
    return svg(join(parts), width, bottom + 40, title=title, desc=desc, kind="ablation")


def _scale(rows: list[dict[str, float]], start: float, end: float) -> Scale:
    low = min([0.0, *(row["low"] for row in rows)])
    high = max([0.0, *(row["high"] for row in rows)])
    span = (high - low) or 1.0
    return Scale(low - 0.04 * span, high + 0.04 * span, start, end)


def _dot(row: dict[str, float], scale: Scale, y: float, word: str) -> Markup:
    told = _signed(row["mean"])
    spoken = f"{word}: {told} ({_signed(row['low'])} … {_signed(row['high'])})"
    return join(
        [
            line(scale(row["low"]), y, scale(row["high"]), y, "range"),
            marker(0, scale(row["mean"]), y, view_class(str(row["view"])), size=6, name=spoken),
            label(told, scale(row["high"]) + 8, y, class_="halo strong"),
        ]
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
