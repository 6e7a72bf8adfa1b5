"""The small parts every figure is drawn from. Colours come from the page's CSS variables, through classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from penchant.arrays import Float64s
from penchant.options import Json
from penchant.plots.markup import Markup, format_short, join, tag
from penchant.plots.scale import Scale, count_decimals

SMALL = 13
MODALITIES = ("text", "image", "audio", "behaviour", "attributes")
_HATCH = {
    "image": "M-2 2l4-4M0 8l8-8M6 10l4-4",
    "audio": "M2 2h1.6v1.6h-1.6zM6 6h1.6v1.6h-1.6z",
    "behaviour": "M0 2h8M0 6h8",
    "attributes": "M2 0v8M6 0v8",
}


@dataclass(frozen=True)
class Labels:
    """The texts of a figure: its finding, its description for screen readers, the units of the axes."""

    title: str
    desc: str
    x_unit: str = ""
    y_unit: str = ""


def draw_svg(body: object, width: float, height: float, labels: Labels, kind: str = "") -> Markup:
    """A figure with its name and description; scales with its container."""
    return tag(
        "svg",
        tag("title", labels.title),
        tag("desc", labels.desc),
        body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {format_short(width)} {format_short(height)}",
        width=width,
        height=height,
        role="img",
        class_=f"chart {kind}".strip(),
    )


def draw_label(text: object, x: float, y: float, *, anchor: str = "start", class_: str = "muted") -> Markup:
    """One line of text; `y` is its middle."""
    return tag("text", text, x=float(x), y=float(y + SMALL * 0.35), text_anchor=anchor, class_=class_)


def draw_line(x1: float, y1: float, x2: float, y2: float, class_: str = "grid") -> Markup:
    """A straight line."""
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def draw_polyline(xs: Float64s, ys: Float64s, class_: str) -> Markup:
    """An open line through points `xs`, `ys` `[P]`."""
    return tag("path", d=f"M{_format_points(xs, ys)}", class_=class_, fill="none")


def trace_band(xs: Float64s, low: Float64s, high: Float64s) -> str:
    """The outline (`d`) of the area between two lines over `xs` `[P]`."""
    return f"M{_format_points(xs, high)}L{_format_points(xs[::-1], low[::-1])}Z"


def draw_marker(shape: int, x: float, y: float, class_: str, *, size: float = 5, name: object = "") -> Markup:
    """A point whose shape distinguishes the series without colour: disc, square, diamond, triangle."""
    hint = tag("title", name) if name else Markup("")
    if shape % 4 == 0:
        return tag("circle", hint, cx=float(x), cy=float(y), r=float(size), class_=class_)
    s = size * 1.15
    corners = [
        [(-s, -s), (s, -s), (s, s), (-s, s)],
        [(0, -s * 1.25), (s * 1.25, 0), (0, s * 1.25), (-s * 1.25, 0)],
        [(0, -s * 1.2), (s * 1.15, s), (-s * 1.15, s)],
    ][shape % 4 - 1]
    if shape % 4 == 1:
        corners = [(a * 0.85, b * 0.85) for a, b in corners]
    return tag(
        "polygon",
        hint,
        points=" ".join(f"{format_short(x + a)},{format_short(y + b)}" for a, b in corners),
        class_=class_,
    )


def draw_x_axis(
    scale: Scale, marks: Sequence[float], top: float, bottom: float, unit: str, *, percent: bool = False
) -> Markup:
    """Vertical grid lines with their numbers below, and the unit below these, at the right."""
    lines = [draw_line(scale(m), top, scale(m), bottom, "zero" if m == 0 else "grid") for m in marks]
    words = zip(marks, format_ticks(marks, percent=percent), strict=True)
    numbers = [draw_label(word, scale(m), bottom + 12, anchor="middle") for m, word in words]
    return join([*lines, *numbers, draw_label(unit, scale.end, bottom + 30, anchor="end", class_="muted unit")])


def draw_y_axis(
    scale: Scale, marks: Sequence[float], left: float, right: float, unit: str, *, percent: bool = False
) -> Markup:
    """Horizontal grid lines with their numbers at the left and the unit above."""
    lines = [draw_line(left, scale(m), right, scale(m), "zero" if m == 0 else "grid") for m in marks]
    words = zip(marks, format_ticks(marks, percent=percent), strict=True)
    numbers = [draw_label(word, left - 8, scale(m), anchor="end") for m, word in words]
    return join([*lines, *numbers, draw_label(unit, 0, scale.end - 16, class_="muted unit")])


def format_ticks(marks: Sequence[float], *, percent: bool = False) -> list[str]:
    """Numbers on an axis, all with the same decimals.

    >>> format_ticks([0, 0.05, 0.1]), format_ticks([0, 0.5])
    (['0', '0.05', '0.10'], ['0', '0.5'])
    """
    factor = 100 if percent else 1
    places = count_decimals([m * factor for m in marks])
    ending = "\u00a0%" if percent else ""
    words = ["0" + ending if m == 0 else f"{m * factor:,.{places}f}{ending}" for m in marks]
    return [word.replace("-", "−") for word in words]


def measure_text(text: str, size: float = SMALL) -> float:
    """About how wide a text is drawn; on the safe side.

    >>> measure_text("海海", 10)
    20.0
    """
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    big = sum(c.isupper() or c in "mwMW@%—" for c in text)
    return size * (wide * 1.0 + big * 0.72 + (len(text) - wide - big) * 0.54)


def measure_widest(texts: Iterable[str]) -> float:
    """The width of the widest of some texts; 0 where there is none."""
    return max((measure_text(text) for text in texts), default=0.0)


def shorten(text: str, width: float, size: float = SMALL) -> str:
    """The text, cut with an ellipsis where it would be wider than `width`.

    >>> shorten("a long title", 40, 10)
    'a long…'
    """
    text = " ".join(text.split())
    if measure_text(text, size) <= width:
        return text
    kept = next((n for n in range(min(len(text), 200), 0, -1) if measure_text(text[:n] + "…", size) <= width), 1)
    return text[:kept].rstrip() + "…"


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near as possible to the wanted ones, `gap` apart and inside `[low, high]`, order kept.

    >>> spread([10, 11], 10, 0, 100)
    [5.5, 15.5]
    """
    if not wanted:
        return []
    order = np.argsort(np.asarray(wanted, dtype=np.float64), kind="stable")
    shifts = np.arange(len(order)) * gap
    aims = np.asarray(wanted, dtype=np.float64)[order] - shifts
    groups: list[list[float]] = []
    for aim in aims:
        groups.append([float(aim)])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    flat = np.concatenate([np.full(len(g), np.mean(g)) for g in groups])
    placed = np.clip(flat, low, max(low, high - shifts[-1])) + shifts
    result = np.empty(len(order))
    result[order] = placed
    return [float(value) for value in result]


def sort_by_modality(rows: list[Json]) -> list[Json]:
    """Rows with a `modality`, in the fixed order of modalities; unknown ones last."""
    return sorted(rows, key=lambda row: _get_position(row["modality"]))


def get_modality_class(modality: str) -> str:
    """The CSS class with the colour of a modality; unknown modalities have the colour of attributes."""
    return f"m-{_get_known(modality)}"


def draw_hatches() -> Markup:
    """Patterns, one per modality, that distinguish the modalities in grey print; a page holds them once."""
    box = {"width": 8, "height": 8, "patternUnits": "userSpaceOnUse"}
    drawn = [
        tag("pattern", tag("path", d=d, class_="hatch"), id=f"hatch-{modality}", **box)
        for modality, d in _HATCH.items()
    ]
    return tag("defs", *drawn)


def draw_modality_bar(x: float, y: float, width: float, height: float, modality: str, name: str) -> Markup:
    """A bar in a modality's colour and pattern."""
    box = {"x": float(x), "y": float(y), "width": float(max(width, 0.0)), "height": float(height)}
    plain = tag("rect", tag("title", name), **box, class_=get_modality_class(modality))
    known = _get_known(modality)
    if known not in _HATCH:
        return plain
    return join([plain, tag("rect", **box, fill=f"url(#hatch-{known}) none", pointer_events="none")])


def _get_known(modality: str) -> str:
    return modality if modality in MODALITIES else "attributes"


def _get_position(modality: str) -> int:
    return MODALITIES.index(modality) if modality in MODALITIES else len(MODALITIES)


def _format_points(xs: Float64s, ys: Float64s) -> str:
    return "L".join(f"{format_short(float(x))} {format_short(float(y))}" for x, y in zip(xs, ys, strict=True))
