"""From data to coordinates: linear scales, round ticks on numbers and on time, and the words on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from penchant.arrays import Float64s

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_FIXED_STEPS = [
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 4, 7, 14)),
]
_MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True)
class Scale:
    """Maps `[low, high]` of the data onto `[start, end]` of the drawing.

    >>> Scale(0, 10, 100, 200)(2.5)
    125.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The coordinate of one value."""
        span = self.high - self.low
        return self.start if span == 0 else self.start + (value - self.low) / span * (self.end - self.start)

    def many(self, values: Float64s) -> Float64s:
        """The same for an array of any shape."""
        span = (self.high - self.low) or 1.0
        return self.start + (values - self.low) / span * (self.end - self.start)


def choose_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers that lie in `[low, high]`.

    >>> choose_ticks(0, 0.19, 4)
    [0.0, 0.05, 0.1, 0.15]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(n * step, 12) + 0.0 for n in range(first, last + 1)]


def round_up(value: float, count: int = 5) -> float:
    """The end of an axis that begins at zero: the first round tick not below `value`.

    >>> round_up(0.187)
    0.2
    """
    if not math.isfinite(value) or value <= 0:
        return 1.0
    marks = choose_ticks(0, value, count)
    step = marks[1] - marks[0] if len(marks) > 1 else value
    return round(math.ceil(value / step - 1e-9) * step, 12)


def count_decimals(marks: list[float]) -> int:
    """The number of decimals that distinguishes the ticks.

    >>> count_decimals([0.0, 0.05, 0.1])
    2
    """
    return next((n for n in range(7) if all(abs(m - round(m, n)) < 1e-9 for m in marks)), 6)


def choose_time_ticks(low_s: float, high_s: float, count: int, language: str) -> list[tuple[float, str]]:
    """Round moments (UTC) in `[low_s, high_s]` with their words; the step is minutes to decades, as the span asks.

    >>> choose_time_ticks(0, 86400 * 365, 4, "en")
    [(0.0, 'Jan 1970'), (15638400.0, 'Jul'), (31536000.0, 'Jan 1971')]
    """
    span = high_s - low_s
    if span <= 0:
        return [(low_s, format_day(low_s, language))]
    step = next((s for s in _FIXED_STEPS if span / s <= count), None)
    if step is not None:
        first = math.ceil(low_s / step) * step
        moments = [float(t) for t in range(first, int(high_s) + 1, step)]
    else:
        moments = _choose_month_ticks(low_s, high_s, count)
    return [(t, _format_time_tick(t, moments, n, step, language)) for n, t in enumerate(moments)]


def format_day(time_s: float, language: str) -> str:
    """The day of a moment, in words.

    >>> format_day(0, "en"), format_day(0, "zh")
    ('1 January 1970', '1970年1月1日')
    """
    moment = datetime.fromtimestamp(time_s, tz=UTC)
    if language == "zh":
        return f"{moment.year}年{moment.month}月{moment.day}日"
    return f"{moment.day} {moment:%B} {moment.year}"


def _choose_month_ticks(low_s: float, high_s: float, count: int) -> list[float]:
    start, end = (datetime.fromtimestamp(t, tz=UTC) for t in (low_s, high_s))
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    step = next((s for s in _MONTH_STEPS if months / s <= count), _MONTH_STEPS[-1])
    first = start.year * 12 + start.month - 1
    numbers = range(-(-first // step) * step, end.year * 12 + end.month, step)
    moments = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC).timestamp() for n in numbers if 12 <= n < 9999 * 12]
    return [t for t in moments if low_s <= t <= high_s]


def _format_time_tick(time_s: float, moments: list[float], n: int, step: int | None, language: str) -> str:
    moment = datetime.fromtimestamp(time_s, tz=UTC)
    before = datetime.fromtimestamp(moments[n - 1], tz=UTC) if n else None
    new_year = before is None or before.year != moment.year
    new_day = before is None or before.date() != moment.date()
    if step is not None and step < _DAY:
        clock = f"{moment:%H:%M}"
        if not new_day:
            return clock
        return f"{moment.month}月{moment.day}日 {clock}" if language == "zh" else f"{_format_date(moment)} {clock}"
    if step is not None:
        words = f"{moment.month}月{moment.day}日" if language == "zh" else _format_date(moment)
        if not new_year:
            return words
        return f"{moment.year}年{words}" if language == "zh" else f"{words} {moment.year}"
    if all(datetime.fromtimestamp(t, tz=UTC).month == 1 for t in moments) and len(moments) > 1:
        return f"{moment.year}年" if language == "zh" else str(moment.year)
    if language == "zh":
        return f"{moment.year}年{moment.month}月" if new_year else f"{moment.month}月"
    return f"{_MONTHS[moment.month - 1]} {moment.year}" if new_year else _MONTHS[moment.month - 1]


def _format_date(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]}"
