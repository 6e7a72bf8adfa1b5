import re
from xml.etree import ElementTree

import polars as pl
import pytest

from penchant.plots.bars import draw_coverage_bars
from penchant.plots.svg import MODALITIES, Labels
from penchant.reports import page

BLOCKS = re.findall(r":root \{(.*?)\}", page.read_stylesheet(), re.DOTALL)
LIGHT, DARK = (dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in BLOCKS)


def _light(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(first: str, second: str) -> float:
    low, high = sorted((_light(first), _light(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, LIGHT | DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "muted", "accent"])
@pytest.mark.parametrize("ground", ["ground", "surface", "sunken", "accent-soft"])
def test_text_stands_out_from_every_ground(colours: dict[str, str], ink: str, ground: str) -> None:
    assert _contrast(colours[ink], colours[ground]) >= 4.5


def test_contrast_as_the_standard_computes_it() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_modalities_keep_their_colours_in_the_dark() -> None:
    assert set(MODALITIES) <= set(LIGHT) and not set(DARK) & set(MODALITIES)
    assert {"light": LIGHT["ground"], "dark": DARK["ground"]} == page.GROUND
    assert page.read_stylesheet().count("{") == page.read_stylesheet().count("}")


def test_a_figure_is_drawn_once_for_each_width() -> None:
    table = pl.DataFrame({"modality": ["text"], "share": [0.5]})
    markup = page.render_figure("T", lambda width: draw_coverage_bars(table, Labels("t", "d"), width=width))
    assert [f'class="{name} chart' in markup for name in page.WIDTHS] == [True] * 3
    assert [f'width="{width:.0f}"' in markup for width in page.WIDTHS.values()] == [True] * 3


def test_a_table_names_its_rows_and_columns() -> None:
    markup = page.render_data_table("N", ["m", "<x>"], [["a", "1"], ["b", 2]], chosen=1)
    root = ElementTree.fromstring(markup)
    assert (root.get("tabindex"), root.get("role"), root.get("aria-label")) == ("0", "region", "N")
    assert [e.get("scope") for e in root.iter("th")] == ["col", "col", "row", "row"]
    assert [e.get("class") for e in root.iter("tr")] == [None, None, "chosen"]
    assert [e.text for e in root.iter("td")] == ["1", "2"]


def test_a_page_has_its_landmarks_and_escapes_its_title() -> None:
    markup = page.render_page(
        title="<t>", language="zh", kind="k", hero=page.render_hero("s", []), body="<b>", footer="f", jump={"a": "甲"}
    )
    for part in (
        '<html lang="zh-Hans">',
        "<title>&lt;t&gt;</title>",
        "<header",
        "<nav",
        "<main",
        "<footer",
        "跳到正文",
    ):
        assert part in markup
    assert "&lt;b&gt;" in markup and '<a href="#a">甲</a>' in markup


def test_a_separate_figure_has_its_colours() -> None:
    table = pl.DataFrame({"modality": ["image"], "share": [0.5]})
    alone = page.make_standalone(draw_coverage_bars(table, Labels("t", "d")))
    ElementTree.fromstring(alone)
    assert "--image: #d9822b" in alone and 'id="hatch-image"' in alone


def test_empty_state_says_what_to_type() -> None:
    markup = page.render_empty_state("Nothing", "Do this:", "penchant check DATA")
    assert "<strong>Nothing</strong><p>Do this:</p><pre><code>penchant check DATA</code></pre>" in markup
