"""Lines: ROC and precision-recall curves, training, calibration, how a cost grows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from penchant.arrays import Float64s, evenly_spaced
from penchant.plots.markup import Markup, join, tag
from penchant.plots.scale import Scale, choose_ticks, round_up
from penchant.plots.svg import (
    Labels,
    draw_label,
    draw_line,
    draw_marker,
    draw_polyline,
    draw_svg,
    draw_x_axis,
    draw_y_axis,
    measure_widest,
    shorten,
    spread,
)

_MOST_POINTS = 160


def draw_curves(
    table: pl.DataFrame,
    labels: Labels,
    *,
    chosen: str | None = None,
    diagonal: bool = False,
    y_end: float = 1.0,
    width: float = 440,
) -> Markup:
    """One line per model over the unit square, each with its name and note below the drawing.

    `table` has `model`, `x`, `y` (0 to 1, in drawing order) and `note` (such as the area). `diagonal` draws chance;
    `y_end` is the end of the upright axis, for curves that stay low.
    """
    table = _keep_finite(table, "x", "y")
    models = table.get_column("model").unique(maintain_order=True).to_list()
    x, y = _build_square_scales(width, 44.0, y_end, 1.0)
    parts: list[object] = [
        draw_y_axis(y, choose_ticks(0, y_end, 4), x.start, x.end, labels.y_unit),
        draw_x_axis(x, [0, 0.25, 0.5, 0.75, 1], y.end, y.start, labels.x_unit),
        draw_line(x(0), y(0), x(1), y(1), "guide") if diagonal else "",
    ]
    styles = _assign_styles(models, chosen)
    for model in sorted(models, key=lambda m: m == chosen):
        rows = _thin(table.filter(pl.col("model") == model))
        ys = rows.get_column("y").clip(upper_bound=y_end).to_numpy()
        parts.append(draw_polyline(x.many(rows.get_column("x").to_numpy()), y.many(ys), f"series {styles[model]}"))
    place = y.start + 54
    for model in models:
        note = table.filter(pl.col("model") == model).item(0, "note")
        parts.append(draw_line(x.start, place, x.start + 28, place, f"series {styles[model]}"))
        name = shorten(model, x.end - x.start - 110)
        parts.append(draw_label(name, x.start + 38, place, class_="accent" if model == chosen else ""))
        parts.append(draw_label(note, x.end, place, anchor="end"))
        place += 20
    return draw_svg(join(parts), width, place, labels, "curves")


def draw_training(
    table: pl.DataFrame, labels: Labels, *, validation_unit: str, best_words: str, width: float = 600
) -> Markup:
    """Two panels over the epochs: the loss, and the validation measure with its best epoch (of equals the last).

    `table` has `epoch`, `loss`, `validation`; empty values are left out of their line. `labels.y_unit` names the loss.
    """
    beside = width >= 560
    panel, height = (width - 40) / 2 if beside else width, 230.0
    loss = _draw_panel(table, "loss", labels.y_unit, labels.x_unit, panel)
    validation = _draw_panel(table, "validation", validation_unit, labels.x_unit, panel, best_words=best_words)
    move = f"translate({panel + 40:.0f} 0)" if beside else f"translate(0 {height + 24:.0f})"
    body = join([loss, tag("g", validation, transform=move)])
    return draw_svg(body, width, height if beside else 2 * height + 24, labels, "training")


def draw_calibration(table: pl.DataFrame, labels: Labels, *, ideal: str, width: float = 420) -> Markup:
    """Predicted against observed: on the diagonal the two agree; a larger point stands for more cases.

    `table` has `predicted`, `observed` (0 to 1) and `count`.
    """
    table = _keep_finite(table, "predicted", "observed").sort("predicted")
    end = round_up(max(_find_largest(table, "predicted"), _find_largest(table, "observed")), 4)
    x, y = _build_square_scales(width, 48.0, end, end)
    marks = choose_ticks(0, end, 4)
    xs, ys = table.get_column("predicted").to_numpy(), table.get_column("observed").to_numpy()
    counts = table.get_column("count").cast(pl.Float64).to_numpy()
    sizes = 3 + 5 * np.sqrt(counts / max(float(counts.max(initial=1.0)), 1.0))
    spots = np.array([0.2, 0.45, 0.7]) * end  # of the label, on the diagonal: far from every point
    near = np.abs(spots[:, None] - xs) + np.abs(spots[:, None] - ys)
    free = float(spots[np.argmax(near.min(axis=1, initial=np.inf))])
    parts: list[object] = [
        draw_y_axis(y, marks, x.start, x.end, labels.y_unit, percent=True),
        draw_x_axis(x, marks, y.end, y.start, labels.x_unit, percent=True),
        draw_line(x(0), y(0), x(end), y(end), "guide"),
        draw_label(ideal, x(free) + 8, y(free) + 14, class_="muted halo"),
        draw_polyline(x.many(xs), y.many(ys), "series chosen"),
    ]
    for px, py, size, count in zip(xs, ys, sizes, counts, strict=True):
        hint = f"{px * 100:.1f} % → {py * 100:.1f} % (n = {count:.0f})"
        parts.append(draw_marker(0, x(float(px)), y(float(py)), "dot chosen", size=float(size), name=hint))
    return draw_svg(join(parts), width, y.start + 42, labels, "calibration")


def draw_growth(table: pl.DataFrame, labels: Labels, *, chosen: str | None = None, width: float = 600) -> Markup:
    """A cost over a size that spans powers of ten: one line per series, its points marked, its name at the end.

    `table` has `series`, `x` (above zero), `y`, which is drawn from zero.
    """
    table = _keep_finite(table, "x", "y").filter(pl.col("x") > 0).with_columns(power=pl.col("x").log10())
    names = table.get_column("series").unique(maintain_order=True).to_list()
    powers = table.get_column("power").to_numpy()
    low, high = math.floor(powers.min(initial=9) + 1e-9), math.ceil(powers.max(initial=0) - 1e-9)
    top, bottom, right = 32.0, 260.0, width - min(140.0, measure_widest(names) + 20)
    x, y = Scale(low, max(high, low + 1), 56.0, right), Scale(0, round_up(_find_largest(table, "y")), bottom, top)
    parts: list[object] = [draw_y_axis(y, choose_ticks(0, y.high, 4), x.start, right, labels.y_unit)]
    for power in range(int(x.low), int(x.high) + 1):
        parts.append(draw_line(x(power), bottom, x(power), bottom + 4))
        parts.append(draw_label(format_power(power), x(power), bottom + 14, anchor="middle"))
    parts.append(draw_label(labels.x_unit, right, bottom + 34, anchor="end", class_="muted unit"))
    ends, styles = [], _assign_styles(names, chosen)
    for number, name in enumerate(names):
        rows = table.filter(pl.col("series") == name).sort("x", maintain_order=True)
        xs, ys = x.many(rows.get_column("power").to_numpy()), y.many(rows.get_column("y").to_numpy())
        parts.append(draw_polyline(xs, ys, f"series {styles[name]}"))
        ends.append(float(ys[-1]))
        for px, py, row in zip(xs, ys, rows.iter_rows(named=True), strict=True):
            hint = f"{name}: {row['y']:,.4g} at {row['x']:,.0f}"
            style = f"dot {styles[name].split()[0]}"
            parts.append(draw_marker(number, float(px), float(py), style, size=4, name=hint))
    for name, place in zip(names, spread(ends, 17, top, bottom), strict=True):
        style = "accent" if name == chosen else ""
        parts.append(draw_label(shorten(name, width - right - 10), right + 8, place, class_=style))
    return draw_svg(join(parts), width, bottom + 46, labels, "growth")


def format_power(power: int) -> str:
    """A power of ten as an axis label.

    >>> [format_power(n) for n in (2, 3, 5, 6, 9)]
    ['100', '1\xa0k', '100\xa0k', '1\xa0M', '1\xa0G']
    """
    unit = min(max(power // 3, 0), 3)
    return f"{10 ** (power - 3 * unit):,}" + ("", "\u00a0k", "\u00a0M", "\u00a0G")[unit]


def _draw_panel(
    table: pl.DataFrame, column: str, unit: str, x_unit: str, width: float, *, best_words: str | None = None
) -> Markup:
    """One measure over the epochs; with `best_words` the measure begins at zero and its best epoch is marked."""
    rows = table.filter(pl.col(column).is_finite())
    thin = _thin(rows)
    xs = thin.get_column("epoch").cast(pl.Float64).to_numpy()
    ys = thin.get_column(column).cast(pl.Float64).to_numpy()
    top, bottom = 32.0, 190.0
    first, last = (float(xs.min(initial=1)), float(xs.max(initial=1)))
    x = Scale(first, max(last, first + 1), 48.0, width - 10)
    low, high = _find_range(ys, zero=best_words is not None)
    y = Scale(low, high, bottom, top)
    style = "series s0" if best_words is None else "series chosen"
    parts: list[object] = [
        draw_y_axis(y, choose_ticks(low, high, 4), x.start, x.end, unit),
        draw_x_axis(x, [m for m in choose_ticks(first, x.high, 5) if m == int(m)], bottom, bottom, x_unit),
        draw_polyline(x.many(xs), y.many(ys), style) if len(xs) else "",
    ]
    if best_words is not None and rows.height:
        best = rows.sort(column, "epoch", descending=True).row(0, named=True)
        at_end = best["epoch"] > (first + last) / 2
        px, py = x(float(best["epoch"])), y(float(best[column]))
        place = py + 20 if py + 20 < bottom - 8 else py - 14
        parts.append(draw_marker(0, px, py, "dot chosen", name=best_words))
        parts.append(draw_line(px, py + 8, px, bottom, "guide"))
        shift, anchor = (-8, "end") if at_end else (8, "start")
        parts.append(draw_label(best_words, px + shift, place, anchor=anchor, class_="accent halo"))
    return join(parts)


def _build_square_scales(width: float, left: float, y_end: float, x_end: float) -> tuple[Scale, Scale]:
    """The two scales of a drawing that is nearly as high as wide."""
    top, side = 32.0, width - left - 12
    return Scale(0, x_end, left, left + side), Scale(0, y_end, top + side * 0.8, top)


def _find_range(values: Float64s, *, zero: bool) -> tuple[float, float]:
    if zero or not len(values):
        return 0.0, round_up(float(values.max(initial=0.0)), 4)
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _assign_styles(names: Sequence[str], chosen: str | None) -> Mapping[str, str]:
    """Colour and dash of each line: the accent for the chosen one, the categories for the others."""
    others = [name for name in names if name != chosen]
    styles = {name: f"s{number % 7 + 1} dash{number % 4}" for number, name in enumerate(others)}
    return styles if chosen is None else {**styles, chosen: "chosen"}


def _keep_finite(table: pl.DataFrame, *columns: str) -> pl.DataFrame:
    return table.filter(*(pl.col(column).is_finite() for column in columns))


def _thin(table: pl.DataFrame) -> pl.DataFrame:
    """At most `_MOST_POINTS` rows, evenly taken, the first and the last among them."""
    if table.height <= _MOST_POINTS:
        return table
    return table[evenly_spaced(table.height, _MOST_POINTS, nearest=True)]


def _find_largest(table: pl.DataFrame, column: str) -> float:
    value = table.get_column(column).max()
    return float(value) if isinstance(value, int | float) else 1.0
