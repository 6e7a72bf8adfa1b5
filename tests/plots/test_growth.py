from xml.etree import ElementTree

import polars as pl

from penchant.plots.growth import figure_growth, power_words

SVG = "{http://www.w3.org/2000/svg}"


def _drawn(table: pl.DataFrame) -> ElementTree.Element:
    return ElementTree.fromstring(figure_growth(table, title="t", desc="d", x_unit="x", y_unit="y", chosen="a"))


def test_powers_of_ten_stand_at_equal_distances_and_zero_is_the_ground() -> None:
    root = _drawn(pl.DataFrame({"series": ["a"] * 3, "x": [1e3, 1e4, 1e5], "y": [0.0, 50, 100]}))
    dots = [(float(e.get("cx") or 0), float(e.get("cy") or 0)) for e in root.iter(f"{SVG}circle")]
    assert dots[1][0] - dots[0][0] == dots[2][0] - dots[1][0] > 0
    assert dots[0][1] - dots[1][1] == dots[1][1] - dots[2][1] > 0
    words = [e.text for e in root.iter(f"{SVG}text")]
    assert {power_words(3), power_words(4), power_words(5)} <= set(words)
    assert power_words(6) not in words


def test_points_that_cannot_be_drawn_are_left_out() -> None:
    table = pl.DataFrame({"series": ["a", "a", "b"], "x": [10.0, 0.0, 100.0], "y": [1.0, 2.0, float("nan")]})
    root = _drawn(table)
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert "b" not in [e.text for e in root.iter(f"{SVG}text")]


def test_nothing_to_draw_is_an_empty_frame() -> None:
    empty = pl.DataFrame(schema={"series": pl.String, "x": pl.Float64, "y": pl.Float64})
    assert not list(_drawn(empty).iter(f"{SVG}circle"))
