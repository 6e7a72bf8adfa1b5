from xml.etree import ElementTree

import polars as pl
import pytest

from penchant.plots.comparison import draw_ablation, draw_model_comparison, draw_slices
from penchant.plots.svg import Labels

SVG = "{http://www.w3.org/2000/svg}"
LABELS = Labels("t", "d", "u")
TABLE = pl.DataFrame(
    {
        "model": ["popularity", "transformer", "<b>&", "empty"],
        "mean": [0.1, 0.2, 0.05, float("nan")],
        "low": [0.09, 0.19, None, 0.0],
        "high": [0.11, 0.2, None, 0.0],
    }
)


def _dots(drawn: str) -> list[ElementTree.Element]:
    return [e for e in ElementTree.fromstring(drawn).iter(f"{SVG}circle") if "dot" in (e.get("class") or "")]


@pytest.mark.parametrize("width", [312, 940])
def test_dots_stand_on_an_axis_from_zero_best_first(width: float) -> None:
    drawn = draw_model_comparison(TABLE, LABELS, chosen="transformer", width=width)
    dots = _dots(drawn)
    assert [dot.find(f"{SVG}title").text.split(":")[0] for dot in dots] == ["transformer", "popularity", "<b>&"]  # type: ignore[union-attr]
    x = [float(dot.get("cx") or 0) for dot in dots]
    zero = next(e for e in ElementTree.fromstring(drawn).iter(f"{SVG}line") if e.get("class") == "zero")
    start = float(zero.get("x1") or 0)
    assert (x[0] - start) == pytest.approx(2 * (x[1] - start), abs=0.05)
    assert max(x) <= width


def test_the_interval_is_drawn_where_there_is_one() -> None:
    root = ElementTree.fromstring(draw_model_comparison(TABLE, LABELS, chosen="transformer"))
    ranges = [e for e in root.iter(f"{SVG}line") if "range" in (e.get("class") or "")]
    assert len(ranges) == 2
    assert float(ranges[0].get("x2") or 0) == pytest.approx(
        float(_dots(ElementTree.tostring(root).decode())[0].get("cx") or 0), abs=0.01
    )


def test_nothing_to_draw_is_a_figure_still() -> None:
    ElementTree.fromstring(draw_model_comparison(TABLE.clear(), LABELS))


def test_slices_name_models_once_and_groups_each() -> None:
    table = pl.DataFrame(
        {
            "slice": ["new", "new", "old", "old"],
            "note": ["10", "10", "20", "20"],
            "model": ["a", "b"] * 2,
            "mean": [0.1, 0.2, 0.3, 0.4],
            "low": [None, 0.1, 0.2, 0.3],
            "high": [None, 0.3, 0.4, 0.5],
        }
    )
    for width in (312.0, 940.0):
        root = ElementTree.fromstring(draw_slices(table, LABELS, chosen="b", width=width))
        texts = [e.text for e in root.iter(f"{SVG}text")]
        assert [texts.count(word) for word in ("a", "b", "new", "old", "10", "20")] == [1] * 6


@pytest.mark.parametrize("width", [360, 600])
def test_losses_stand_left_of_zero_in_the_colour_of_their_modality(width: float) -> None:
    table = pl.DataFrame(
        {"modality": ["image", "text"], "mean": [0.01, -0.03], "low": [0.0, -0.04], "high": [0.02, -0.02]}
    )
    drawn = draw_ablation(table, LABELS, names={"text": "without text"}, width=width)
    root = ElementTree.fromstring(drawn)
    dots = {e.get("class"): float(e.get("cx") or 0) for e in root.iter(f"{SVG}circle")}
    (zero,) = [float(e.get("x1") or 0) for e in root.iter(f"{SVG}line") if e.get("class") == "zero"]
    assert dots["m-text"] < zero < dots["m-image"]
    assert (zero - dots["m-text"]) == pytest.approx(3 * (dots["m-image"] - zero), rel=1e-3)
    assert drawn.index("m-text") < drawn.index("m-image")
    assert "without text" in drawn and "−0.030" in drawn and "+0.010" in drawn
