from xml.etree import ElementTree

import polars as pl
import pytest

from penchant.plots.ablation import figure_ablation

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("width", [360, 600])
def test_losses_stand_left_of_zero_in_the_colour_of_their_view(width: float) -> None:
    table = pl.DataFrame({"view": ["image", "text"], "mean": [0.01, -0.03], "low": [0.0, -0.04], "high": [0.02, -0.02]})
    drawn = figure_ablation(table, title="t", desc="d", unit="u", names={"text": "without text"}, width=width)
    root = ElementTree.fromstring(drawn)
    dots = {e.get("class"): float(e.get("cx") or 0) for e in root.iter(f"{SVG}circle")}
    (zero,) = [float(e.get("x1") or 0) for e in root.iter(f"{SVG}line") if e.get("class") == "zero"]
    assert dots["v-text"] < zero < dots["v-image"]
    assert (zero - dots["v-text"]) == pytest.approx(3 * (dots["v-image"] - zero), rel=1e-3)
    assert drawn.index("v-text") < drawn.index("v-image")
    assert "without text" in drawn and "−0.030" in drawn and "+0.010" in drawn
