from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from penchant.plots.curves import draw_calibration, draw_curves, draw_growth, draw_training, format_power
from penchant.plots.svg import Labels

SVG = "{http://www.w3.org/2000/svg}"
LABELS = Labels("t", "d", "x", "y")


def _paths(drawn: str, class_: str) -> list[np.ndarray]:  # type: ignore[type-arg]
    paths = [e for e in ElementTree.fromstring(drawn).iter(f"{SVG}path") if class_ in (e.get("class") or "").split()]
    return [np.array([p.split() for p in (e.get("d") or "").lstrip("M").split("L")], dtype=float) for e in paths]


def test_curves_run_from_corner_to_corner_and_are_thinned() -> None:
    x = np.linspace(0, 1, 1000)
    table = pl.DataFrame({"model": ["m"] * 1000, "x": x, "y": x**0.5, "note": ["AUC 0.667"] * 1000})
    drawn = draw_curves(table, LABELS, chosen="m", diagonal=True)
    (points,) = [p for p in _paths(drawn, "chosen") if len(p) > 2]
    guide = next(e for e in ElementTree.fromstring(drawn).iter(f"{SVG}line") if e.get("class") == "guide")
    assert points[0].tolist() == [float(guide.get("x1") or 0), float(guide.get("y1") or 0)]
    assert points[-1].tolist() == [float(guide.get("x2") or 0), float(guide.get("y2") or 0)]
    assert len(points) <= 160
    assert "AUC 0.667" in drawn


def test_curves_tell_models_apart_without_colour() -> None:
    table = pl.DataFrame({"model": ["a", "a", "b", "b", "c", "c"], "x": [0.0, 1] * 3, "y": [0.0, 1] * 3, "note": "n"})
    drawn = draw_curves(table, LABELS, chosen="a")
    styles = {e.get("class") for e in ElementTree.fromstring(drawn).iter(f"{SVG}path")}
    assert len({style.split()[-1] for style in styles if style}) == 3


@pytest.mark.parametrize(("width", "second"), [(312, 0.1), (940, 0.3)])
def test_training_marks_its_best_epoch_the_later_of_equals(width: float, second: float) -> None:
    table = pl.DataFrame({"epoch": [1, 2, 3, 4], "loss": [3.0, 2, 1.5, 1], "validation": [0.1, second, 0.3, 0.2]})
    drawn = draw_training(table, LABELS, validation_unit="v", best_words="best 0.3", width=width)
    (line,) = _paths(drawn, "chosen")
    dot = next(ElementTree.fromstring(drawn).iter(f"{SVG}circle"))
    assert [float(dot.get("cx") or 0), float(dot.get("cy") or 0)] == line[2].tolist()
    assert "best 0.3" in drawn


def test_training_without_validation() -> None:
    table = pl.DataFrame({"epoch": [1], "loss": [3.0], "validation": pl.Series([None], dtype=pl.Float64)})
    drawn = draw_training(table, LABELS, validation_unit="v", best_words="")
    assert not list(ElementTree.fromstring(drawn).iter(f"{SVG}circle"))


def test_calibration_on_the_diagonal() -> None:
    table = pl.DataFrame({"predicted": [0.1, 0.4], "observed": [0.1, 0.4], "count": [100, 25]})
    drawn = draw_calibration(table, LABELS, ideal="as predicted")
    guide = next(e for e in ElementTree.fromstring(drawn).iter(f"{SVG}line") if e.get("class") == "guide")
    dots = list(ElementTree.fromstring(drawn).iter(f"{SVG}circle"))
    assert float(dots[1].get("cx") or 0) == float(guide.get("x2") or 0)
    assert float(dots[1].get("cy") or 0) == float(guide.get("y2") or 0)
    assert float(dots[0].get("r") or 0) - 3 == pytest.approx(2 * (float(dots[1].get("r") or 0) - 3))


def test_lines_are_named_at_their_ends() -> None:
    table = pl.DataFrame({"series": ["a", "a", "b", "b"], "x": [1.0, 2, 1, 2], "y": [1.0, 2, 1, 2.01]})
    root = ElementTree.fromstring(draw_growth(table, LABELS, chosen="a"))
    places = {e.text: float(e.get("y") or 0) for e in root.iter(f"{SVG}text") if e.text in {"a", "b"}}
    assert abs(places["a"] - places["b"]) >= 17


def _powers(table: pl.DataFrame) -> ElementTree.Element:
    return ElementTree.fromstring(draw_growth(table, LABELS, chosen="a"))


def test_powers_of_ten_stand_at_equal_distances_and_zero_is_the_ground() -> None:
    root = _powers(pl.DataFrame({"series": ["a"] * 3, "x": [1e3, 1e4, 1e5], "y": [0.0, 50, 100]}))
    dots = [(float(e.get("cx") or 0), float(e.get("cy") or 0)) for e in root.iter(f"{SVG}circle")]
    assert dots[1][0] - dots[0][0] == dots[2][0] - dots[1][0] > 0
    assert dots[0][1] - dots[1][1] == dots[1][1] - dots[2][1] > 0
    words = [e.text for e in root.iter(f"{SVG}text")]
    assert {format_power(3), format_power(4), format_power(5)} <= set(words)
    assert format_power(6) not in words


def test_points_that_cannot_be_drawn_are_left_out() -> None:
    table = pl.DataFrame({"series": ["a", "a", "b"], "x": [10.0, 0.0, 100.0], "y": [1.0, 2.0, float("nan")]})
    root = _powers(table)
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert "b" not in [e.text for e in root.iter(f"{SVG}text")]


def test_nothing_to_draw_is_an_empty_frame() -> None:
    empty = pl.DataFrame(schema={"series": pl.String, "x": pl.Float64, "y": pl.Float64})
    assert not list(_powers(empty).iter(f"{SVG}circle"))
