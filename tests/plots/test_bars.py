from xml.etree import ElementTree

import polars as pl
import pytest

from penchant.plots.bars import draw_counts, draw_coverage_bars, draw_reasons
from penchant.plots.svg import Labels

SVG = "{http://www.w3.org/2000/svg}"
LABELS = Labels("t", "d", "u")


def _bars(drawn: str, class_: str) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(drawn)
    return [
        (float(e.get("x") or 0), float(e.get("width") or 0))
        for e in root.iter(f"{SVG}rect")
        if e.get("class") == class_
    ]


def test_a_reason_is_split_by_modality_left_and_right_of_zero() -> None:
    table = pl.DataFrame({"modality": ["behaviour", "text", "image"], "contribution": [2.0, 1.0, -1.0]})
    drawn = draw_reasons(table, LABELS, extent=(-1, 3), width=408)
    (text, _), (behaviour, _), (image, _) = (_bars(drawn, f"m-{v}") for v in ("text", "behaviour", "image"))
    zero = 4 + 100.0
    assert text == pytest.approx((zero + 0.75, 98.5))
    assert behaviour == pytest.approx((zero + 100.75, 198.5))
    assert image == pytest.approx((4.75, 98.5))
    assert "image −1.00" in drawn and "text +1.00" in drawn


def test_coverage_bars_begin_at_zero_and_are_as_long_as_their_share() -> None:
    table = pl.DataFrame({"modality": ["image", "text"], "share": [0.25, 1.0]})
    drawn = draw_coverage_bars(table, LABELS, names={"image": "图像"})
    ((text_x, text_width),) = _bars(drawn, "m-text")
    ((image_x, image_width),) = _bars(drawn, "m-image")
    assert text_x == image_x
    assert image_width == pytest.approx(text_width / 4, abs=0.02)
    assert drawn.index("m-text") < drawn.index("m-image")
    assert "图像" in drawn and "25\u00a0%" in drawn


def test_a_share_that_is_nearly_all_is_not_called_all() -> None:
    drawn = draw_coverage_bars(pl.DataFrame({"modality": ["text"], "share": [0.998]}), LABELS)
    assert "99.8\u00a0%" in drawn


def test_counts() -> None:
    table = pl.DataFrame({"name": ["view", "<i>"], "count": [1000, 500]})
    drawn = draw_counts(table, LABELS)
    (a, b) = _bars(drawn, "count")
    assert a[0] == b[0] and a[1] == pytest.approx(2 * b[1], abs=0.02)
    assert "1,000" in drawn and "&lt;i&gt;" in drawn
