from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.plots.scale import Scale, choose_ticks, choose_time_ticks, count_decimals, format_day, round_up

DAY = 86400


def test_scale_maps_ends_to_ends() -> None:
    scale = Scale(0, 0.2, 100, 300)
    assert (scale(0), scale(0.2), scale(0.05)) == (100, 300, 150)
    np.testing.assert_allclose(scale.many(np.array([0, 0.1])), [100, 200])
    assert Scale(1, 1, 5, 9)(1) == 5


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 10))
def test_ticks_are_inside_evenly_spaced_and_about_as_many_as_wanted(low: float, span: float, count: int) -> None:
    marks = np.array(choose_ticks(low, low + span, count))
    assert (marks >= low - span * 1e-6).all() and (marks <= low + span * (1 + 1e-6)).all()
    assert len(marks) <= count + 1
    if len(marks) > 2:
        np.testing.assert_allclose(np.diff(marks), np.diff(marks)[0], rtol=1e-5)


@given(st.floats(1e-6, 1e9))
def test_an_axis_from_zero_holds_its_largest_value(value: float) -> None:
    assert value <= round_up(value) * (1 + 1e-9) <= value * 2


@pytest.mark.parametrize(("marks", "places"), [([0, 1, 2], 0), ([0.0, 0.05, 0.1], 2), ([0, 2.5, 5], 1)])
def test_decimals(marks: list[float], places: int) -> None:
    assert count_decimals(marks) == places


def _s(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("low", "high", "language", "words"),
    [
        (_s(2020, 9, 13, 12, 30), _s(2020, 9, 13, 18, 0), "en", ["13 Sep 14:00", "16:00", "18:00"]),
        (_s(2020, 9, 13, 12, 30), _s(2020, 9, 13, 18, 0), "zh", ["9月13日 14:00", "16:00", "18:00"]),
        (_s(2020, 12, 30), _s(2021, 1, 4), "en", ["30 Dec 2020", "1 Jan 2021", "3 Jan"]),
        (_s(2020, 11, 20), _s(2021, 8, 2), "zh", ["2021年1月", "4月", "7月"]),
        (_s(2000, 5, 1), _s(2003, 2, 1), "en", ["2001", "2002", "2003"]),
    ],
)
def test_time_ticks_speak_the_unit_of_the_span(low: float, high: float, language: str, words: list[str]) -> None:
    marks = choose_time_ticks(low, high, 4, language)
    assert [w for _, w in marks] == words
    assert all(low <= t <= high for t, _ in marks)


@given(st.integers(-5_000_000_000, 5_000_000_000), st.integers(1, 2_000_000_000))
def test_time_ticks_never_fail(low: int, span: int) -> None:
    marks = choose_time_ticks(low, low + span, 6, "en")
    assert len(marks) <= 13 and all(low <= t <= low + span for t, _ in marks)


def test_day() -> None:
    assert format_day(0.0, "zh") == "1970年1月1日"
    assert format_day(40 * DAY, "en") == "10 February 1970"
