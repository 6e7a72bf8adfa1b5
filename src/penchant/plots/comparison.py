"""Dots with intervals: models compared for all users and by slice, and the loss without a modality."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from penchant.options import Json
from penchant.plots.markup import Markup, join, tag
from penchant.plots.scale import Scale, choose_ticks, round_up
from penchant.plots.svg import (
    Labels,
    draw_label,
    draw_line,
    draw_marker,
    draw_svg,
    draw_x_axis,
    get_modality_class,
    measure_text,
    measure_widest,
    shorten,
    sort_by_modality,
)

_NAMES: Mapping[str, str] = {}
_ROW = 34.0
_NARROW_ROW = 46.0
_SLICE_ROW = 19.0
_DIGITS = 3


def draw_model_comparison(
    table: pl.DataFrame, labels: Labels, *, chosen: str | None = None, width: float = 600
) -> Markup:
    """One row per model: a dot at the mean, a line over its interval, the number beside it; the axis begins at zero.

    `table` has `model`, `mean`, `low`, `high` (`low` and `high` may be null), drawn from the best down.
    """
    rows = table.filter(pl.col("mean").is_finite()).sort("mean", descending=True, maintain_order=True).to_dicts()
    narrow = width < 480
    left = 4.0 if narrow else min(200.0, measure_widest(row["model"] for row in rows) + 24)
    height = _NARROW_ROW if narrow else _ROW
    scale = Scale(0, round_up(_find_furthest(rows)), left, width - 56)
    stripes, dots = [], []
    for number, row in enumerate(rows):
        y = 8.0 + height * (number + 0.5)
        style = "accent" if row["model"] == chosen else ""
        if style:
            stripes.append(tag("rect", x=0.0, y=y - height / 2, width=width, height=height, rx=6, class_="stripe"))
        if narrow:
            dots.append(draw_label(shorten(row["model"], width - 20), 8, y - 11, class_=f"{style} halo".strip()))
        else:
            dots.append(
                draw_label(shorten(row["model"], left - 24), left - 16, y, anchor="end", class_=style or "name")
            )
        y += 9 if narrow else 0
        dots.append(_draw_dot(row, scale, y, chosen=bool(style)))
        end = row["mean"] if row["high"] is None else row["high"]
        dots.append(draw_label(f"{row['mean']:.{_DIGITS}f}", scale(end) + 10, y, class_=f"{style} halo".strip()))
    bottom = 8.0 + height * max(len(rows), 1)
    axis = draw_x_axis(scale, choose_ticks(0, scale.high, 3 if narrow else 6), 8.0, bottom, labels.x_unit)
    return draw_svg(join([*stripes, axis, *dots]), width, bottom + 40, labels, "comparison")


def draw_slices(table: pl.DataFrame, labels: Labels, *, chosen: str | None = None, width: float = 600) -> Markup:
    """Groups of users or items below each other, each with one line per model: dot, interval, and in the first group
    the name.

    `table` has `slice`, `note` (how many are in it), `model`, `mean`, `low`, `high`, in the order to draw.
    """
    table = table.filter(pl.col("mean").is_finite())
    groups = table.get_column("slice").unique(maintain_order=True).to_list()
    models = table.get_column("model").unique(maintain_order=True).to_list()
    models.sort(key=lambda model: model != chosen)
    narrow = width < 480
    left = 4.0 if narrow else min(220.0, measure_widest(groups) + 24)
    right = width - (measure_widest(models) or 40) - 20
    scale = Scale(0, round_up(_find_furthest(table.to_dicts())), left, max(right, left + 100))
    parts: list[object] = []
    y = 8.0
    for number, group in enumerate(groups):
        rows = table.filter(pl.col("slice") == group).to_dicts()
        head = 22.0 if narrow else 0.0
        if number:
            parts.append(draw_line(0, y - 6, width, y - 6, "grid"))
        parts += _draw_group_name(group, str(rows[0].get("note") or ""), (left, y, width), narrow=narrow)
        for place, row in enumerate(rows):
            middle = y + head + _SLICE_ROW * (place + 0.5)
            is_chosen = row["model"] == chosen
            parts.append(_draw_dot(row, scale, middle, chosen=is_chosen, shape=models.index(row["model"])))
            if number == 0:
                end = scale(max(row["high"] or row["mean"], row["mean"]))
                parts.append(
                    draw_label(row["model"], end + 12, middle, class_="accent halo" if is_chosen else "muted halo")
                )
        y += head + max(_SLICE_ROW * len(rows), 0 if narrow else 40) + 12
    axis = draw_x_axis(scale, choose_ticks(0, scale.high, 3 if narrow else 5), 4, y - 6, labels.x_unit)
    return draw_svg(join([axis, *parts]), width, y + 34, labels, "slices")


def draw_ablation(
    table: pl.DataFrame, labels: Labels, *, names: Mapping[str, str] = _NAMES, width: float = 600
) -> Markup:
    """One row per modality: a dot at the difference that leaving it out makes, a line over its interval, around zero.

    `table` has `modality`, `mean`, `low`, `high`: the score without the modality minus the score with all of them
    (below zero: the modality is missed). `names` gives the words of a row.
    """
    rows = sort_by_modality(table.filter(pl.col("mean").is_finite()).to_dicts())
    words = [names.get(row["modality"], row["modality"]) for row in rows]
    narrow = width < 480
    left = 8.0 if narrow else min(200.0, measure_widest(words) + 44)
    height = _NARROW_ROW if narrow else _ROW
    low, high = min([0.0, *(row["low"] for row in rows)]), max([0.0, *(row["high"] for row in rows)])
    margin = 0.04 * ((high - low) or 1.0)
    scale = Scale(low - margin, high + margin, left + 8, width - 60)
    bottom = 8.0 + height * max(len(rows), 1)
    parts: list[object] = [
        draw_x_axis(scale, choose_ticks(scale.low, scale.high, 3 if narrow else 5), 8.0, bottom, labels.x_unit)
    ]
    for number, (row, word) in enumerate(zip(rows, words, strict=True)):
        y = 8.0 + height * (number + 0.5)
        x, name_y, room = (8.0, y - 11, width - 36) if narrow else (4.0, y, left - 32)
        colour = get_modality_class(row["modality"])
        parts.append(tag("rect", x=x, y=name_y - 6, width=12, height=12, class_=colour))
        parts.append(draw_label(shorten(word, room), x + 18, name_y, class_="halo" if narrow else "name"))
        y += 9 if narrow else 0
        mean, *ends = (_format_signed(row[key]) for key in ("mean", "low", "high"))
        parts.append(draw_line(scale(row["low"]), y, scale(row["high"]), y, "range"))
        parts.append(draw_marker(0, scale(row["mean"]), y, colour, size=6, name=f"{word}: {mean} ({' … '.join(ends)})"))
        parts.append(draw_label(mean, scale(row["high"]) + 8, y, class_="halo strong"))
    return draw_svg(join(parts), width, bottom + 40, labels, "ablation")


def _find_furthest(rows: list[Json]) -> float:
    return max((row["high"] if row["high"] is not None else row["mean"] for row in rows), default=1.0) or 0.0


def _draw_group_name(group: str, note: str, place: tuple[float, float, float], *, narrow: bool) -> list[Markup]:
    left, y, width = place
    if narrow:
        name = draw_label(shorten(group, width - measure_text(note) - 16), 8, y + 9, class_="strong halo")
        return [name, draw_label(note, width, y + 9, anchor="end", class_="muted halo")]
    return [draw_label(shorten(group, left - 20), 0, y + 10, class_="strong"), draw_label(note, 0, y + 28)]


def _draw_dot(row: Json, scale: Scale, y: float, *, chosen: bool, shape: int | None = None) -> Markup:
    """The mean and its interval; where models have shapes, every other one of those not chosen is hollow."""
    mean, low, high = row["mean"], row["low"], row["high"]
    style = " chosen" if chosen else ""
    spoken = f"{row['model']}: {mean:.{_DIGITS}f}"
    interval = ""
    if low is not None and high is not None:
        interval = draw_line(scale(max(low, 0)), y, scale(high), y, f"range{style}")
        spoken += f" ({low:.{_DIGITS}f}–{high:.{_DIGITS}f})"
    hollow = " hollow" if shape is not None and shape % 2 == 0 and not chosen else ""
    return join([interval, draw_marker(shape or 0, scale(mean), y, f"dot{style}{hollow}", name=spoken)])


def _format_signed(value: float) -> str:
    return f"{value:+.{_DIGITS}f}".replace("-", "−")
