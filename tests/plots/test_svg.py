import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.plots.svg import Labels, draw_svg, format_ticks, get_modality_class, measure_text, shorten, spread


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_spread_keeps_order_distance_and_bounds(wanted: list[float]) -> None:
    placed = np.array(spread(wanted, 10, 0, 100))
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= 10 - 1e-9).all()
    assert placed.min() >= -1e-9 and placed.max() <= 100 + 1e-9


def test_spread_leaves_alone_what_does_not_touch() -> None:
    assert spread([80, 10, 40], 10, 0, 100) == [80, 10, 40]
    assert spread([], 10, 0, 100) == []


@given(st.text(), st.integers(30, 300))
def test_shortened_text_fits(text: str, width: int) -> None:
    short = shorten(text, width)
    assert measure_text(short) <= width
    assert short == " ".join(text.split()) or short.endswith("…")


def test_tick_words_share_their_decimals() -> None:
    assert format_ticks([0, 0.025, 0.05]) == ["0", "0.025", "0.050"]


def test_an_unknown_modality_has_a_colour() -> None:
    assert (get_modality_class("image"), get_modality_class("video")) == ("m-image", "m-attributes")


def test_figures_are_named_for_those_who_cannot_see_them() -> None:
    drawn = draw_svg("", 10, 10, Labels("T <1>", "D"))
    assert 'role="img"' in drawn and "<title>T &lt;1&gt;</title><desc>D</desc>" in drawn
