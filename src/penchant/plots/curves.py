"""Lines: ROC and precision-recall curves, training, calibration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.plots.markup import Markup, join
from penchant.plots.scale import Scale, round_up, ticks
from penchant.plots.svg import label, line, marker, polyline, shorten, spread, svg, text_width, x_axis, y_axis

_MOST_POINTS = 160


def figure_curves(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    x_unit: str,
    y_unit: str,
    chosen: str | None = None,
    diagonal: bool = False,
    y_end: float = 1.0,
    width: float = 440,
) -> Markup:
    """One line a model over the unit square, each with its name and note below the drawing.

    `table` has `model`, `x`, `y` (0 to 1, in drawing order) and `note` (such as the area). `diagonal` draws chance;
    `y_end` is the end of the upright axis, for curves that stay low.
    """
    table = table.filter(pl.col("x").is_finite() & pl.col("y").is_finite())
    models = table.get_column("model").unique(maintain_order=True).to_list()
    left, top = 44.0, 32.0
    side = width - left - 12
    x, y = Scale(0, 1, left, left + side), Scale(0, y_end, top + side * 0.8, top)
    parts: list[object] = [
        y_axis(y, ticks(0, y_end, 4), left, x.end, y_unit),
        x_axis(x, [0, 0.25, 0.5, 0.75, 1], top, y.start, x_unit),
    ]
    if diagonal:
        parts.append(line(x(0), y(0), x(1), y(1), "guide"))
    legend_top = y.start + 54
    others = [model for model in models if model != chosen]
    styles = {model: _style(False, number) for number, model in enumerate(others)} | {chosen: _style(True, 0)}
    for model in sorted(models, key=lambda m: m == chosen):
        rows = _thin(table.filter(pl.col("model") == model))
        xs, ys = rows.get_column("x").to_numpy(), rows.get_column("y").clip(upper_bound=y_end).to_numpy()
        parts.append(polyline(x.many(xs), y.many(ys), styles[model]))
    for number, model in enumerate(models):
        style = styles[model]
        place = legend_top + number * 20
        note = table.filter(pl.col("model") == model).item(0, "note")
        parts.append(line(left, place, left + 28, place, style))
        name = shorten(model, side - 110)
        parts.append(label(name, left + 38, place, class_="accent" if model == chosen else ""))
        parts.append(label(note, left + side, place, anchor="end", class_="muted"))
    return svg(join(parts), width, legend_top + 20 * len(models), title=title, desc=desc, kind="curves")


def figure_training(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    x_unit: str,
    loss_unit: str,
    validation_unit: str,
    best_words: str,
    width: float = 600,
) -> Markup:
    """Two panels over the epochs: the loss, and the validation measure with its best epoch (of equals the last).

    `table` has `epoch`, `loss`, `validation`; empty values are left out of their line.
    """
    beside = width >= 560
    panel = (width - 40) / 2 if beside else width
    height = 230.0
    loss = _panel(table, "loss", panel, loss_unit, x_unit, "series s0", zero=False)
    best = table.filter(pl.col("validation").is_finite()).sort("validation", "epoch", descending=True)
    mark = (float(best.item(0, "epoch")), float(best.item(0, "validation"))) if best.height else None
    validation = _panel(
        table, "validation", panel, validation_unit, x_unit, "series chosen", zero=True, mark=mark, words=best_words
    )
    move = f"translate({panel + 40:.0f} 0)" if beside else f"translate(0 {height + 24:.0f})"
    body = join([loss, Markup(f'<g transform="{move}">'), validation, Markup("</g>")])
    return svg(body, width, height if beside else 2 * height + 24, title=title, desc=desc, kind="training")


def figure_calibration(
    table: pl.DataFrame, *, title: str, desc: str, x_unit: str, y_unit: str, ideal: str, width: float = 420
) -> Markup:
    """What was predicted against what came out: on the diagonal the two agree; a larger point stands for more cases.

    `table` has `predicted`, `observed` (0 to 1) and `count`.
    """
    table = table.filter(pl.col("predicted").is_finite() & pl.col("observed").is_finite()).sort("predicted")
    left, top = 48.0, 32.0
    side = width - left - 12
    largest = max(_largest(table, "predicted"), _largest(table, "observed"))
    end = round_up(largest, 4)
    x, y = Scale(0, end, left, left + side), Scale(0, end, top + side * 0.8, top)
    marks = ticks(0, end, 4)
    xs, ys = table.get_column("predicted").to_numpy(), table.get_column("observed").to_numpy()
    counts = table.get_column("count").cast(pl.Float64).to_numpy()
    sizes = 3 + 5 * np.sqrt(counts / max(float(counts.max(initial=1.0)), 1.0))
    spots = np.array([0.2, 0.45, 0.7]) * end  # of the label, on the diagonal: far from every point
    near = np.abs(spots[:, None] - xs) + np.abs(spots[:, None] - ys)
    free = float(spots[np.argmax(near.min(axis=1, initial=np.inf))])
    parts: list[object] = [
        y_axis(y, marks, left, x.end, y_unit, percent=True),
        x_axis(x, marks, top, y.start, x_unit, percent=True),
        line(x(0), y(0), x(end), y(end), "guide"),
        label(ideal, x(free) + 8, y(free) + 14, class_="muted halo"),
        polyline(x.many(xs), y.many(ys), "series chosen"),
    ]
    for px, py, size, count in zip(xs, ys, sizes, counts, strict=True):
        hint = f"{px * 100:.1f} % → {py * 100:.1f} % (n = {count:.0f})"
        parts.append(marker(0, x(float(px)), y(float(py)), "dot chosen", size=float(size), name=hint))
    return svg(join(parts), width, y.start + 42, title=title, desc=desc, kind="calibration")


def figure_lines(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    x_unit: str,
    y_unit: str,
    chosen: str | None = None,
    width: float = 600,
) -> Markup:
    """Any measure over a number, one line a series with its name at the end: learning curves, cost against quality.

    `table` has `series`, `x`, `y`.
    """
    table = table.filter(pl.col("x").is_finite() & pl.col("y").is_finite())
    names = table.get_column("series").unique(maintain_order=True).to_list()
    left, top, bottom = 48.0, 32.0, 260.0
    right = width - min(140.0, max((text_width(n) for n in names), default=0) + 20)
    low, high = (
        (float(v) for v in table.select(pl.col("x").min(), low2=pl.col("x").max()).row(0)) if names else (0.0, 1.0)
    )
    x = Scale(low, high, left, right)
    y = Scale(0, round_up(_largest(table, "y")), bottom, top)
    parts: list[object] = [
        y_axis(y, ticks(0, y.high, 4), left, right, y_unit),
        x_axis(x, ticks(low, high, 5), bottom, bottom, x_unit),
    ]
    ends = []
    for number, name in enumerate(names):
        rows = table.filter(pl.col("series") == name)
        xs, ys = x.many(rows.get_column("x").to_numpy()), y.many(rows.get_column("y").to_numpy())
        parts.append(polyline(xs, ys, _style(name == chosen, number)))
        ends.append(float(ys[-1]))
    for name, place in zip(names, spread(ends, 17, top, bottom), strict=True):
        parts.append(
            label(shorten(name, width - right - 10), right + 8, place, class_="accent" if name == chosen else "")
        )
    return svg(join(parts), width, bottom + 42, title=title, desc=desc, kind="lines")


def _panel(
    table: pl.DataFrame,
    column: str,
    width: float,
    unit: str,
    x_unit: str,
    style: str,
    *,
    zero: bool,
    mark: tuple[float, float] | None = None,
    words: str = "",
) -> Markup:
    rows = _thin(table.filter(pl.col(column).is_finite()))
    xs = rows.get_column("epoch").cast(pl.Float64).to_numpy()
    ys = rows.get_column(column).cast(pl.Float64).to_numpy()
    left, top, bottom = 48.0, 32.0, 190.0
    first, last = (float(xs.min(initial=1)), float(xs.max(initial=1)))
    x = Scale(first, max(last, first + 1), left, width - 10)
    low, high = _range(ys, zero=zero)
    y = Scale(low, high, bottom, top)
    parts: list[object] = [
        y_axis(y, ticks(low, high, 4), left, x.end, unit),
        x_axis(x, [m for m in ticks(first, x.high, 5) if m == int(m)], bottom, bottom, x_unit),
        polyline(x.many(xs), y.many(ys), style) if len(xs) else "",
    ]
    if mark is not None:
        at_end = mark[0] > (first + last) / 2
        parts.append(marker(0, x(mark[0]), y(mark[1]), "dot chosen", name=words))
        parts.append(line(x(mark[0]), y(mark[1]) + 8, x(mark[0]), bottom, "guide"))
        place = y(mark[1]) + 20 if y(mark[1]) + 20 < bottom - 8 else y(mark[1]) - 14
        shift = -8 if at_end else 8
        anchor = "end" if at_end else "start"
        parts.append(label(words, x(mark[0]) + shift, place, anchor=anchor, class_="accent halo"))
    return join(parts)


def _range(values: npt.NDArray[np.float64], *, zero: bool) -> tuple[float, float]:
    if zero or not len(values):
        return 0.0, round_up(float(values.max(initial=0.0)), 4)
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _style(is_chosen: bool, number: int) -> str:
    """Colour and dash of a line: the accent for the chosen model, the categories for the others."""
    if is_chosen:
        return "series chosen"
    colour = (5, 6, 7, 1, 3, 2, 8)[number % 7]
    return f"series s{colour} dash{number % 4}"


def _thin(table: pl.DataFrame) -> pl.DataFrame:
    """At most `_MOST_POINTS` rows, evenly taken, the first and the last among them."""
    if table.height <= _MOST_POINTS:
        return table
    return table[np.unique(np.linspace(0, table.height - 1, _MOST_POINTS).round().astype(np.int64))]


def _largest(table: pl.DataFrame, column: str) -> float:
    value = table.get_column(column).max()
    return float(value) if isinstance(value, int | float) else 1.0
