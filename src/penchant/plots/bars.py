"""Bars from zero: the contribution of each modality to a recommendation, and the share of items that have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from penchant.plots.markup import Markup, join, tag
from penchant.plots.scale import Scale, choose_ticks
from penchant.plots.svg import (
    Labels,
    draw_label,
    draw_line,
    draw_modality_bar,
    draw_svg,
    draw_x_axis,
    measure_text,
    measure_widest,
    shorten,
    sort_by_modality,
)

_NAMES: Mapping[str, str] = {}
_ROW = 30.0
_BAR = 18.0


def draw_reasons(
    table: pl.DataFrame,
    labels: Labels,
    *,
    extent: tuple[float, float],
    names: Mapping[str, str] = _NAMES,
    width: float = 340,
) -> Markup:
    """One horizontal bar split by modality; positive contributions go right from zero, negative ones left.

    `table` has `modality`, `contribution`. `extent` is the scale's low and high end, so that bars of one list
    compare. `names` gives the words for the modalities. The values stand in words below the bar.
    """
    scale = Scale(min(extent[0], 0.0), max(extent[1], 0.0) or 1.0, 4, width - 4)
    parts: list[object] = [_draw_track(scale, 4)]
    right = left = 0.0
    x, y = 4.0, 38.0
    for row in sort_by_modality(table.filter(pl.col("contribution").is_finite()).to_dicts()):
        value, modality = float(row["contribution"]), str(row["modality"])
        words = f"{names.get(modality, modality)} {value:+.2f}".replace("-", "−")
        begin = right if value >= 0 else left + value
        right, left = (right + value, left) if value >= 0 else (right, left + value)
        length = scale(begin + abs(value)) - scale(begin)
        parts.append(draw_modality_bar(scale(begin) + 0.75, 4, length - 1.5, _BAR, modality, words))
        if x > 4 and x + 16 + measure_text(words) > width:
            x, y = 4.0, y + 18
        parts += [draw_modality_bar(x, y - 10, 10, 10, modality, words), draw_label(words, x + 15, y - 5)]
        x += 29 + measure_text(words)
    parts.append(draw_line(scale(0), 1, scale(0), 25, "zero"))
    return draw_svg(join(parts), width, y + 12, labels, "reasons")


def draw_coverage_bars(
    table: pl.DataFrame, labels: Labels, *, names: Mapping[str, str] = _NAMES, width: float = 600
) -> Markup:
    """One bar per modality: the share of items (or events) that have it, from 0 to 100 %.

    `table` has `modality` and `share` (0 to 1).
    """
    rows = sort_by_modality(table.to_dicts())
    words = [names.get(row["modality"], row["modality"]) for row in rows]
    shares = [float(row["share"]) for row in rows]
    ends = [_format_percent(share) for share in shares]

    def draw(number: int, scale: Scale, y: float) -> Markup:
        length = scale(shares[number]) - scale.start
        spoken = f"{words[number]}: {shares[number] * 100:.1f} %"
        return join(
            [_draw_track(scale, y), draw_modality_bar(scale.start, y, length, _BAR, rows[number]["modality"], spoken)]
        )

    scale = Scale(0, 1, _find_left(words), width - 64)
    axis = draw_x_axis(
        scale, choose_ticks(0, 1, 4 if width > 480 else 2), 4, 8 + _ROW * len(rows), labels.x_unit, percent=True
    )
    drawn = _draw_rows(words, shares, ends, scale, draw)
    return draw_svg(join([axis, *drawn]), width, 48 + _ROW * len(rows), labels, "coverage")


def draw_counts(table: pl.DataFrame, labels: Labels, *, width: float = 600) -> Markup:
    """One plain bar per name, in the order given, with the number at its end. `table` has `name` and `count`."""
    words, counts = table["name"].cast(pl.String).to_list(), [float(count) for count in table["count"]]
    ends = [f"{count:,.0f}" for count in counts]

    def draw(number: int, scale: Scale, y: float) -> Markup:
        length = max(scale(counts[number]) - scale.start, 1.0)
        return tag("rect", x=scale.start, y=y, width=length, height=_BAR, class_="count")

    scale = Scale(0, max(counts, default=1.0) or 1.0, _find_left(words), width - measure_widest(ends) - 14)
    bottom = 8 + _ROW * len(words)
    below = [
        draw_line(scale.start, 2, scale.start, bottom, "zero"),
        draw_label(labels.x_unit, width, bottom + 14, anchor="end", class_="muted unit"),
    ]
    return draw_svg(join([*_draw_rows(words, counts, ends, scale, draw), *below]), width, bottom + 26, labels, "counts")


def _draw_rows(
    words: Sequence[str],
    values: Sequence[float],
    ends: Sequence[str],
    scale: Scale,
    draw: Callable[[int, Scale, float], Markup],
) -> list[Markup]:
    """Bars below each other: the name at the left, what `draw` makes of the row, the value in words at the end."""
    parts = []
    for number, (word, value, end) in enumerate(zip(words, values, ends, strict=True)):
        y = 4 + _ROW * number + (_ROW - _BAR) / 2
        middle = y + _BAR / 2
        name = draw_label(shorten(word, scale.start - 16), scale.start - 12, middle, anchor="end", class_="name")
        parts += [name, draw(number, scale, y), draw_label(end, scale(value) + 8, middle, class_="halo strong")]
    return parts


def _find_left(words: Sequence[str]) -> float:
    return min(180.0, measure_widest(words) + 20)


def _draw_track(scale: Scale, y: float) -> Markup:
    return tag("rect", x=scale.start, y=y, width=scale.end - scale.start, height=_BAR, class_="track")


def _format_percent(share: float) -> str:
    words = f"{share * 100:.0f}"
    if words in {"0", "100"} and share not in {0.0, 1.0}:
        words = f"{share * 100:.1f}"
    return f"{words}\u00a0%"
