"""Times in every usual form, against Python's own datetime."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.ingest.timestamps import (
    NEGATIVE,
    NOT_FINITE,
    OTHER_UNIT,
    TOO_LATE,
    UNREADABLE,
    TimeOptions,
    detect_unit,
    parse_times,
    to_seconds,
)
from penchant.errors import OptionError, SchemaError

NOON = 1_777_636_800  # 2026-05-01T12:00:00Z


@pytest.mark.parametrize(
    ("value", "sub_ns", "said"),
    [
        (NOON, 0, "numbers, seconds since 1970 (detected)"),
        (NOON * 1000 + 123, 123_000_000, "numbers, milliseconds since 1970 (detected)"),
        (NOON * 10**6 + 5, 5_000, "numbers, microseconds since 1970 (detected)"),
        (NOON * 10**9 + 7, 7, "numbers, nanoseconds since 1970 (detected)"),
        (NOON + 0.5, 500_000_000, "numbers, seconds since 1970 (detected)"),
        (NOON * 1000.0, 0, "numbers, milliseconds since 1970 (detected)"),
        (str(NOON), 0, "numbers, seconds since 1970 (detected)"),
        (f"{NOON}.25", 250_000_000, "numbers, seconds since 1970 (detected)"),
        ("2026-05-01T12:00:00Z", 0, "ISO 8601 text"),
        ("2026-05-01T12:00:00.250Z", 250_000_000, "ISO 8601 text"),
        ("2026-05-01T12:00:00,250Z", 250_000_000, "ISO 8601 text"),
        ("2026-05-01 20:00:00+08:00", 0, "ISO 8601 text"),
        ("2026-05-01T20:00:00+0800", 0, "ISO 8601 text"),
        ("2026-05-01T07:30:00-04:30", 0, "ISO 8601 text"),
        ("2026-05-01T20:00+08", 0, "ISO 8601 text"),
        ("2026-05-01 12:00:00 UTC", 0, "ISO 8601 text"),
        ("2026-05-01 12:00:00", 0, "ISO 8601 text without zone, taken as UTC"),
        ("2026/5/1 12:00", 0, "ISO 8601 text without zone, taken as UTC"),
        (datetime(2026, 5, 1, 12), 0, "datetimes without zone, taken as UTC"),
        (datetime(2026, 5, 1, 12, tzinfo=UTC), 0, "datetimes with zone UTC"),
    ],
)
def test_forms_of_one_moment(value: object, sub_ns: int, said: str) -> None:
    times = parse_times(pl.Series([value, None]))
    assert times.time_s.to_list() == [NOON, None]
    assert times.sub_ns.to_list() == [sub_ns, None]
    assert times.reason.to_list() == [None, None]
    assert times.format == said


def test_dates_are_midnight_utc() -> None:
    assert to_seconds(pl.Series([date(2026, 5, 1)])).to_list() == [NOON - 43_200]
    assert to_seconds(pl.Series(["2026-05-01"])).to_list() == [NOON - 43_200]


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ([NOON, -5], [None, NEGATIVE]),
        ([NOON, 5_000_000_000], [None, TOO_LATE]),
        ([float(NOON), float("nan"), float("inf")], [None, NOT_FINITE, NOT_FINITE]),
        ([NOON * 1000, NOON, NOON * 1000], [None, OTHER_UNIT, None]),
        ([NOON, NOON * 1000, NOON], [None, TOO_LATE, None]),
        (["2026-05-01", "yesterday", "2026-13-01"], [None, UNREADABLE, UNREADABLE]),
        ([str(NOON), "x", str(NOON)], [None, UNREADABLE, None]),
        ([datetime(1900, 1, 1), datetime(2200, 1, 1), datetime(2026, 5, 1)], [NEGATIVE, TOO_LATE, None]),
        ([2**63 - 1, -(2**63)], [TOO_LATE, NEGATIVE]),
    ],
)
def test_what_cannot_be_used_has_a_reason(values: list[object], reasons: list[str | None]) -> None:
    times = parse_times(pl.Series(values))
    assert times.reason.to_list() == reasons
    assert [time is None for time in times.time_s.to_list()] == [reason is not None for reason in reasons]


def test_unsigned_numbers_beyond_64_bits_are_too_late() -> None:
    times = parse_times(pl.Series([2**64 - 1, 2**64 - 1], dtype=pl.UInt64))
    assert times.reason.to_list() == [TOO_LATE, TOO_LATE]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31)), min_size=1, max_size=5), st.integers(-12, 14)
)
def test_iso_text_agrees_with_datetime(moments: list[datetime], hours: int) -> None:
    zoned = [moment.replace(tzinfo=timezone(timedelta(hours=hours))) for moment in moments]
    times = parse_times(pl.Series([moment.isoformat() for moment in zoned]))
    assert times.time_s.to_list() == [int(moment.timestamp() // 1) for moment in zoned]
    assert times.sub_ns.to_list() == [moment.microsecond * 1000 for moment in zoned]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1_000_000_000, 4_000_000_000), min_size=1, max_size=5),
    st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_the_unit_is_told_by_size(seconds: list[int], unit: str) -> None:
    per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    column = pl.Series([second * per for second in seconds])
    assert detect_unit(column) == unit
    assert to_seconds(column).to_list() == seconds


def test_options_overrule_detection() -> None:
    assert parse_times(pl.Series([5_000]), TimeOptions(unit="ms")).time_s.to_list() == [5]
    day = parse_times(pl.Series(["01/05/2026", "x"]), TimeOptions(format="%d/%m/%Y"))
    assert day.time_s.to_list() == [NOON - 43_200, None] and day.reason.to_list() == [None, UNREADABLE]
    shanghai = TimeOptions(timezone="Asia/Shanghai")
    for column in (pl.Series(["2026-05-01 20:00"]), pl.Series([datetime(2026, 5, 1, 20)])):
        assert parse_times(column, shanghai).time_s.to_list() == [NOON]
    assert parse_times(pl.Series(["2026-05-01T12:00:00Z"]), shanghai).time_s.to_list() == [NOON]


def test_wrong_options_and_types_are_refused() -> None:
    with pytest.raises(OptionError, match=r"timestamp_unit='sec' is not known. Allowed: s, ms, us, ns"):
        TimeOptions(unit="sec")
    with pytest.raises(OptionError, match=r"timezone='Mars/Base' .*Asia/Shanghai"):
        parse_times(pl.Series([datetime(2026, 5, 1)]), TimeOptions(timezone="Mars/Base"))
    with pytest.raises(SchemaError, match=r"'when' holds List.*ISO 8601"):
        parse_times(pl.Series("when", [[1]]))
    with pytest.raises(SchemaError, match="holds Boolean"):
        parse_times(pl.Series("when", [True]))
