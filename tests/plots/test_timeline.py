from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from penchant.plots.svg import Labels
from penchant.plots.timeline import draw_timeline

SVG = "{http://www.w3.org/2000/svg}"
EVENTS = pl.DataFrame({"time_s": [0, 500, 1000], "event": ["view", "purchase", None], "title": ["a <b>", None, ""]})


def _draw(weights: list[list[float]], **more: object) -> str:
    times = [0, 500, 1000]
    topics = [f"t{n}" for n in range(len(weights[0]))]
    table = pl.DataFrame(
        {"time_s": np.repeat(times, len(topics)), "topic": topics * 3, "weight": np.array(weights, dtype=float).ravel()}
    )
    return draw_timeline(table, EVENTS, Labels("t", "d"), language="en", **more)  # type: ignore[arg-type]


def _bands(drawn: str) -> list[np.ndarray]:  # type: ignore[type-arg]
    paths = [e for e in ElementTree.fromstring(drawn).iter(f"{SVG}path") if "seam" in (e.get("class") or "")]
    return [np.array([p.split() for p in (e.get("d") or "")[1:-1].split("L")], dtype=float) for e in paths]


def test_bands_are_as_thick_as_shares_and_fill_the_height() -> None:
    bands = _bands(_draw([[3, 1], [3, 1], [1, 1]]))
    half = len(bands[0]) // 2
    thick = [np.abs(b[:half, 1] - b[half:, 1][::-1]) for b in bands]
    assert thick[0][0] == pytest.approx(3 * thick[1][0], rel=0.01)
    assert thick[0][-1] == pytest.approx(thick[1][-1], rel=0.01)
    np.testing.assert_allclose(thick[0] + thick[1], thick[0][0] + thick[1][0], atol=0.05)


def test_interests_stand_still_between_events() -> None:
    bands = _bands(_draw([[3, 1], [1, 3], [1, 3]]))
    quarter = bands[0][:100, 1]
    assert np.ptp(quarter) < 0.02


def test_events_are_ticks_at_their_time_with_their_title() -> None:
    root = ElementTree.fromstring(_draw([[1, 1]] * 3))
    marks = [e for e in root.iter(f"{SVG}line") if (e.get("class") or "").startswith("tick")]
    x = [float(e.get("x1") or 0) for e in marks]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.05)
    assert [e.get("class") for e in marks] == ["tick", "tick strong", "tick"]
    assert marks[0].find(f"{SVG}title").text == "view: a <b>"  # type: ignore[union-attr]


def test_small_topics_are_joined() -> None:
    drawn = _draw([[5, 4, 3, 2, 1]] * 3, most_topics=3)
    assert len(_bands(drawn)) == 4
    assert ">others<" in drawn and ">t4<" not in drawn


def test_a_topic_wears_the_colour_of_its_place_in_the_order() -> None:
    drawn = _draw([[1, 2]] * 3, order=["x", "t0", "t1"])
    classes = [
        e.get("class") for e in ElementTree.fromstring(drawn).iter(f"{SVG}path") if "seam" in (e.get("class") or "")
    ]
    assert classes == ["c3 seam", "c2 seam"]


@pytest.mark.parametrize("weights", [[[0, 0]] * 3, [[-1, float("nan")]] * 3])
def test_no_interest_at_all_is_drawn_even(weights: list[list[float]]) -> None:
    bands = _bands(_draw(weights))
    assert len(bands) == 2


def test_one_event_only() -> None:
    table = pl.DataFrame({"time_s": [7], "topic": ["a"], "weight": [1.0]})
    for width in (312.0, 940.0):
        drawn = draw_timeline(table, EVENTS.clear(), Labels("t", "d"), language="zh", width=width)
        ElementTree.fromstring(drawn)
