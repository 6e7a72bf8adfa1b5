"""How a cost grows: lines over a number that spans powers of ten."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from penchant.plots.markup import Markup, join
from penchant.plots.scale import Scale, round_up, ticks
from penchant.plots.svg import label, line, marker, polyline, shorten, spread, svg, text_width, y_axis


def figure_growth(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    x_unit: str,
    y_unit: str,
    chosen: str | None = None,
    width: float = 600,
) -> Markup:
    """One line a series with its measured points, `y` from zero, over `x` in powers of ten; its name at the end.

    `table` has `series`, `x` (above zero), `y`.
    """
    table = table.filter((pl.col("x") > 0) & pl.col("x").is_finite() & pl.col("y").is_finite())
    names = table.get_column("series").unique(maintain_order=True).to_list()
    powers = table.get_column("x").log10().to_numpy()
    low = math.floor(float(powers.min()) + 1e-9) if len(powers) else 0
    high = math.ceil(float(powers.max()) - 1e-9) if len(powers) else 1
    left, top, bottom = 56.0, 32.0, 260.0
    right = width - min(140.0, max((text_width(n) for n in names), default=0) + 20)
    x = Scale(low, max(high, low + 1), left, right)
    largest = table.get_column("y").max()
    y = Scale(0, round_up(float(largest)) if isinstance(largest, int | float) else 1.0, bottom, top)
    parts: list[object] = [y_axis(y, ticks(0, y.high, 4), left, right, y_unit)]
    for power in range(int(x.low), int(x.high) + 1):
        parts.append(line(x(power), bottom, x(power), bottom + 4))
        parts.append(label(power_words(power), x(power), bottom + 14, anchor="middle"))
    parts.append(label(x_unit, right, bottom + 34, anchor="end", class_="muted unit"))
    ends = []
    for number, name in enumerate(names):
        rows = table.filter(pl.col("series") == name).sort("x")
        xs, ys = x.many(np.log10(rows.get_column("x").to_numpy())), y.many(rows.get_column("y").to_numpy())
        style = "chosen" if name == chosen else f"s{(5, 6, 7, 1, 3, 2, 8)[number % 7]}"
        parts.append(polyline(xs, ys, f"series {style}" + ("" if name == chosen else f" dash{number % 4}")))
        for px, py, value in zip(xs, ys, rows.iter_rows(named=True), strict=True):
            hint = f"{name}: {value['y']:,.4g} at {value['x']:,.0f}"
            parts.append(marker(number, float(px), float(py), f"dot {style}", size=4, name=hint))
        ends.append(float(ys[-1]))
    for name, place in zip(names, spread(ends, 17, top, bottom), strict=True):
        words = shorten(name, width - right - 10)
        parts.append(label(words, right + 8, place, class_="accent" if name == chosen else ""))
    return svg(join(parts), width, bottom + 46, title=title, desc=desc, kind="growth")


def power_words(power: int) -> str:
    """A power of ten as it is said on an axis.

    >>> [power_words(n) for n in (2, 3, 5, 6, 9)]
    ['100', '1\xa0k', '100\xa0k', '1\xa0M', '1\xa0G']
    """
    unit = min(max(power // 3, 0), 3)
    return f"{10 ** (power - 3 * unit):,}" + ("", "\u00a0k", "\u00a0M", "\u00a0G")[unit]
