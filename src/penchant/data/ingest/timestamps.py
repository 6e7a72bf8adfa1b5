"""Parses times in common formats into UTC seconds; the format is detected and reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import polars as pl

from penchant.data.read_report import NO_TIMES
from penchant.errors import OptionError, SchemaError

Unit = Literal["s", "ms", "us", "ns"]

LATEST_S: Final = 4_102_444_800
"""2100-01-01: a later time is rejected."""

_LIMITS: Final = (1e11, 1e14, 1e17)
"""Numbers below are seconds, milliseconds, microseconds."""

_PER_SECOND: Final[dict[str, int]] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_WORDS: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

UNREADABLE: Final = "timestamp cannot be read"
NOT_FINITE: Final = "timestamp is not finite"
NEGATIVE: Final = "timestamp before 1970"
TOO_LATE: Final = "timestamp after 2100"
OTHER_UNIT: Final = "timestamp in another unit than the rest"


@dataclass(frozen=True)
class TimeOptions:
    """Options of times in dataset.toml."""

    unit: str = ""
    """Unit of numbers. Empty detects it."""
    format: str = ""
    """Format of text (strftime, as polars and Python write it). Empty detects it."""
    timezone: str = ""
    """IANA name of the time zone of times that carry none. Empty is UTC."""

    def __post_init__(self) -> None:
        if self.unit and self.unit not in get_args(Unit):
            raise OptionError("timestamp_unit", self.unit, allowed=get_args(Unit))


@dataclass(frozen=True)
class Times:
    """Times of N rows: `time_s` Int64 UTC seconds and `sub_ns` Int32 nanoseconds inside the second (null: none).

    `reason` (String) says why a row has no usable time; null where the time is usable or missing. `format` describes
    what was detected.
    """

    time_s: pl.Series
    sub_ns: pl.Series
    reason: pl.Series
    format: str


def parse_times(column: pl.Series, options: TimeOptions = TimeOptions(), *, detected: Unit | None = None) -> Times:
    """Read a column of times: numbers (s, ms, µs, ns), ISO 8601 text, datetimes or dates.

    The size of the median decides the unit of numbers (10^11 seconds would be the year 5138). `detected` is the unit
    of the table where `column` is a piece of it. Text and datetimes without a zone are taken as UTC, or as
    `options.timezone`. Raises `SchemaError` for a type without times.

    >>> t = parse_times(pl.Series(["2026-05-01T08:00:00+08:00", "soon", None]))
    >>> t.time_s.to_list(), t.reason.to_list(), t.format
    ([1777593600, None, None], [None, 'timestamp cannot be read', None], 'ISO 8601 text')
    """
    kind = column.dtype
    if column.null_count() == len(column):
        return _finish_times(column, pl.lit(None, pl.Int64), pl.lit(None, pl.Int32), pl.lit(None, pl.String), NO_TIMES)
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return _parse_text(column.cast(pl.String), options)
    if kind.is_numeric():
        return _parse_numbers(column, options, detected=detected)
    if kind == pl.Date:
        column = column.cast(pl.Datetime("us"))
        return _parse_datetimes(column, options, "dates")
    if isinstance(kind, pl.Datetime):
        return _parse_datetimes(column, options, "datetimes")
    raise SchemaError(
        f"The column of times {column.name!r} holds {kind}.",
        remedy="Give numbers since 1970, ISO 8601 text, datetimes or dates.",
    )


def to_seconds(column: pl.Series) -> pl.Series:
    """UTC seconds (Int64) of a column of times; null where a cell has no usable time."""
    return parse_times(column).time_s


def detect_unit(column: pl.Series) -> Unit:
    """The unit of numbers since 1970, by the size of their median.

    >>> detect_unit(pl.Series([1777593600123, 1777593600456]))
    'ms'
    """
    counts = column.alias("x").to_frame().select(*count_units("x")).row(0, named=True)
    return choose_unit(counts)


def count_units(column: str) -> list[pl.Expr]:
    """Counts of the `known` (finite) numbers of a column, and of those too small for each unit."""
    size = pl.col(column).cast(pl.Float64).abs()
    known = size.is_finite()
    return [
        known.sum().alias("known"),
        *((known & (size < limit)).sum().alias(unit) for unit, limit in zip(("s", "ms", "us"), _LIMITS, strict=True)),
    ]


def choose_unit(counts: Mapping[str, int]) -> Unit:
    """The unit in which the median lies, from sums of `count_units` over the pieces of a column."""
    units: tuple[Unit, ...] = ("s", "ms", "us")
    return next((unit for unit in units if 2 * counts[unit] > counts["known"] or not counts["known"]), "ns")


def _finish_times(column: pl.Series, time_s: pl.Expr, sub_ns: pl.Expr, reason: pl.Expr, form: str) -> Times:
    frame = column.alias("x").to_frame().with_columns(time_s.alias("t"), sub_ns.alias("sub"), reason.alias("reason"))
    frame = frame.with_columns(
        pl.coalesce(
            "reason",
            pl.when(pl.col("t") < 0).then(pl.lit(NEGATIVE)).when(pl.col("t") >= LATEST_S).then(pl.lit(TOO_LATE)),
        )
    ).with_columns(pl.when(pl.col("reason").is_null()).then(pl.col("t", "sub")))
    return Times(frame["t"].cast(pl.Int64), frame["sub"].cast(pl.Int32), frame["reason"].cast(pl.String), form)


def _parse_numbers(
    column: pl.Series, options: TimeOptions, *, words: str = "numbers", detected: Unit | None = None
) -> Times:
    x = pl.col("x")
    finite = pl.lit(True)
    if column.dtype.is_float():
        column = column.cast(pl.Float64)
        finite = x.is_finite()
        known = column.filter(column.is_finite().fill_null(False))
    else:
        integers = column.cast(pl.Int64, strict=False)
        fits = column.dtype.is_integer() and integers.null_count() == column.null_count()
        column = integers if fits else column.cast(pl.Float64)
        known = column.drop_nulls()
    unit: str = options.unit or detected or detect_unit(known)
    per = _PER_SECOND[unit]
    bad = pl.when(x.is_null()).then(None).when(~finite).then(pl.lit(NOT_FINITE))
    if not options.unit and unit != "s":
        low = {"ms": 1e11, "us": 1e14, "ns": 1e17}[unit]
        bad = bad.when((x >= 0) & (x < low)).then(pl.lit(OTHER_UNIT))
    bad = bad.when(x.abs() > 9.2e18).then(pl.lit(TOO_LATE))
    safe = pl.when(finite & (x.abs() <= 9.2e18)).then(x)
    if column.dtype.is_integer():
        seconds, sub = safe // per, (safe % per) * (1_000_000_000 // per)
    else:
        seconds = (safe / per).floor()
        sub = ((safe - seconds * per) * (1_000_000_000 / per)).round().clip(0, 999_999_999)
    form = f"{words}, {_WORDS[unit]} since 1970" + ("" if options.unit else " (detected)")
    return _finish_times(column, seconds.cast(pl.Int64, strict=False), sub.cast(pl.Int32, strict=False), bad, form)


def _parse_datetimes(column: pl.Series, options: TimeOptions, words: str) -> Times:
    zone = getattr(column.dtype, "time_zone", None)
    if zone:
        form = f"{words} with zone {zone}"
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    elif options.timezone:
        form = f"{words} without zone, taken as {options.timezone}"
        column = _localise(column, options.timezone)
    else:
        form = f"{words} without zone, taken as UTC"
    unit = getattr(column.dtype, "time_unit", "us")
    per = _PER_SECOND[unit]
    x = pl.col("x").cast(pl.Int64)
    lost = pl.lit(None, pl.String)
    return _finish_times(column, x // per, ((x % per) * (1_000_000_000 // per)).cast(pl.Int32), lost, form)


def _localise(column: pl.Series, zone: str) -> pl.Series:
    try:
        local = column.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    except pl.exceptions.ComputeError:
        raise OptionError("timezone", zone, remedy="Give an IANA name such as 'Asia/Shanghai'.") from None
    return local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _parse_text(column: pl.Series, options: TimeOptions) -> Times:
    text = column.str.strip_chars()
    text = text.set(text == "", None)
    given = text.is_not_null()
    if options.format:
        parsed = text.str.to_datetime(options.format, strict=False, time_unit="us")
        times = _parse_datetimes(parsed, options, f"text as {options.format!r}")
    else:
        numbers = text.cast(pl.Float64, strict=False)
        if given.any() and int(numbers.is_not_null().sum()) * 2 > int(given.sum()):
            integers = text.cast(pl.Int64, strict=False)
            exact = int(integers.is_not_null().sum()) == int(numbers.is_not_null().sum())
            times = _parse_numbers(integers if exact else numbers, options, words="numbers")
        else:
            times = _parse_iso(text, options)
    lost = given & times.time_s.is_null() & times.reason.is_null()
    reason = times.reason.set(lost, UNREADABLE) if lost.any() else times.reason
    return Times(times.time_s, times.sub_ns, reason, times.format)


def _parse_iso(text: pl.Series, options: TimeOptions) -> Times:
    """ISO 8601: date, date and time, with or without fraction and zone."""
    x = pl.col("x")
    plain = x.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "$1-$2-$3").str.replace(r"(\d)[Tt ]\s*(\d)", "$1 $2")
    plain = plain.str.replace(r"\s*([Zz]|UTC|GMT)$", "+00:00").str.replace(r",(\d+)", ".$1")
    frame = text.alias("x").to_frame().select(plain)
    offset = r"^(.*\d:\d\d.*?)\s*([+-])(\d\d):?(\d\d)?$"
    frame = frame.with_columns(
        base=pl.coalesce(x.str.extract(offset, 1), x),
        zone_s=pl.when(x.str.contains(offset)).then(
            (x.str.extract(offset, 3).cast(pl.Int64) * 3600 + x.str.extract(offset, 4).cast(pl.Int64).fill_null(0) * 60)
            * pl.when(x.str.extract(offset, 2) == "-").then(-1).otherwise(1)
        ),
    )
    forms = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d %H%M%S")
    base = pl.col("base").str
    parsed = frame.select(
        pl.coalesce(*(base.to_datetime(form, strict=False, time_unit="us") for form in forms)).alias("x"), "zone_s"
    )
    naive = parsed["zone_s"].is_null()
    local = _parse_datetimes(parsed["x"], options, "ISO 8601 text")
    utc = _parse_datetimes(parsed["x"], TimeOptions(), "ISO 8601 text")
    seconds = pl.select(pl.when(naive).then(local.time_s).otherwise(utc.time_s - parsed["zone_s"])).to_series()
    form = local.format if (naive & parsed["x"].is_not_null()).any() else "ISO 8601 text"
    reason = pl.select(pl.when(naive).then(local.reason).otherwise(utc.reason)).to_series()
    return Times(seconds, utc.sub_ns, reason, form)
