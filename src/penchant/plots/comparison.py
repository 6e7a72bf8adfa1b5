"""Dots with intervals: models beside each other, over everybody and slice by slice."""

from __future__ import annotations

import polars as pl

from penchant.plots.markup import Markup, join, tag
from penchant.plots.scale import Scale, round_up, ticks
from penchant.plots.svg import label, line, marker, shorten, svg, text_width, x_axis

_ROW = 34.0
_SLICE_ROW = 19.0


def figure_comparison(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    unit: str,
    chosen: str | None = None,
    digits: int = 3,
    width: float = 600,
) -> Markup:
    """One row a model: a dot at the mean, a line over its interval, the number beside it; the axis begins at zero.

    `table` has `model`, `mean`, `low`, `high` (`low` and `high` may be null), drawn from the best down.
    """
    rows = table.filter(pl.col("mean").is_finite()).sort("mean", descending=True, maintain_order=True).to_dicts()
    names_above = width < 480
    left = 4.0 if names_above else min(200.0, max((text_width(r["model"]) for r in rows), default=0) + 24)
    row_height = 46.0 if names_above else _ROW
    top, bottom = 8.0, 8.0 + row_height * max(len(rows), 1)
    scale = Scale(0, round_up(_furthest(rows)), left, width - 56)
    parts: list[object] = []
    for number, row in enumerate(rows):
        y = top + row_height * (number + 0.5)
        if row["model"] == chosen:
            parts.append(
                tag("rect", x=0.0, y=y - row_height / 2, width=width, height=row_height, rx=6, class_="stripe")
            )
    parts.append(x_axis(scale, ticks(0, scale.high, 3 if names_above else 6), top, bottom, unit))
    for number, row in enumerate(rows):
        y = top + row_height * (number + 0.5)
        is_chosen = row["model"] == chosen
        parts.append(_name(row["model"], is_chosen, left, y, width, above=names_above))
        parts.append(_dot(row, scale, y + (9 if names_above else 0), is_chosen, 0 if is_chosen else 1, digits))
    return svg(join(parts), width, bottom + 40, title=title, desc=desc, kind="comparison")


def figure_slices(
    table: pl.DataFrame,
    *,
    title: str,
    desc: str,
    unit: str,
    chosen: str | None = None,
    digits: int = 3,
    width: float = 600,
) -> Markup:
    """Groups of users or items below each other; in each, one line a model: dot, interval, and the name in the first.

    `table` has `slice`, `note` (how many are in it), `model`, `mean`, `low`, `high`, in the order to draw.
    """
    table = table.filter(pl.col("mean").is_finite())
    groups = table.get_column("slice").unique(maintain_order=True).to_list()
    models = table.get_column("model").unique(maintain_order=True).to_list()
    models.sort(key=lambda model: model != chosen)
    names_above = width < 480
    left = 4.0 if names_above else min(220.0, max((text_width(g) for g in groups), default=0) + 24)
    right = width - max((text_width(m) for m in models), default=40) - 20
    scale = Scale(0, round_up(_furthest(table.to_dicts())), left, max(right, left + 100))
    parts: list[object] = []
    y = 8.0
    for number, group in enumerate(groups):
        rows = table.filter(pl.col("slice") == group).to_dicts()
        head = 22.0 if names_above else 0.0
        note = str(rows[0].get("note") or "")
        if number:
            parts.append(line(0, y - 6, width, y - 6, "grid"))
        parts.append(_group_name(group, note, left, y, width, above=names_above))
        for place, row in enumerate(rows):
            middle = y + head + _SLICE_ROW * (place + 0.5)
            is_chosen = row["model"] == chosen
            parts.append(_dot(row, scale, middle, is_chosen, models.index(row["model"]), digits, words=False))
            if number == 0:
                end = scale(max(row["high"] or row["mean"], row["mean"]))
                parts.append(label(row["model"], end + 12, middle, class_="accent halo" if is_chosen else "muted halo"))
        y += head + max(_SLICE_ROW * len(rows), 0 if names_above else 40) + 12
    bottom = y - 6
    axis = x_axis(scale, ticks(0, scale.high, 3 if names_above else 5), 4, bottom, unit)
    return svg(join([axis, *parts]), width, bottom + 40, title=title, desc=desc, kind="slices")


def _furthest(rows: list[dict[str, float | None]]) -> float:
    return max((row["high"] if row["high"] is not None else row["mean"] or 0.0 for row in rows), default=1.0) or 0.0


def _name(name: str, is_chosen: bool, left: float, y: float, width: float, *, above: bool) -> Markup:
    class_ = "accent" if is_chosen else ""
    if above:
        return label(shorten(name, width - 20), 8, y - 11, class_=f"{class_} halo".strip())
    return label(shorten(name, left - 24), left - 16, y, anchor="end", class_=class_ or "name")


def _group_name(group: str, note: str, left: float, y: float, width: float, *, above: bool) -> Markup:
    if above:
        room = width - text_width(note) - 16
        return join(
            [
                label(shorten(group, room), 8, y + 9, class_="strong halo"),
                label(note, width, y + 9, anchor="end", class_="muted halo"),
            ]
        )
    return join([label(shorten(group, left - 20), 0, y + 10, class_="strong"), label(note, 0, y + 28)])


def _dot(
    row: dict[str, float | None],
    scale: Scale,
    y: float,
    is_chosen: bool,
    shape: int,
    digits: int,
    *,
    words: bool = True,
) -> Markup:
    mean = row["mean"] or 0.0
    low, high = row["low"], row["high"]
    chosen = " chosen" if is_chosen else ""
    parts: list[object] = []
    spoken = f"{row['model']}: {mean:.{digits}f}"
    end = mean
    if low is not None and high is not None:
        parts.append(line(scale(max(low, 0)), y, scale(high), y, f"range{chosen}"))
        spoken += f" ({low:.{digits}f}–{high:.{digits}f})"
        end = high
    hollow = " hollow" if shape % 2 == 0 and not is_chosen else ""
    shape_index = shape if not words else 0
    parts.append(marker(shape_index, scale(mean), y, f"dot{chosen}{hollow if not words else ''}", name=spoken))
    if words:
        style = "accent halo" if is_chosen else "halo"
        parts.append(label(f"{mean:.{digits}f}", scale(end) + 10, y, class_=style))
    return join(parts)
