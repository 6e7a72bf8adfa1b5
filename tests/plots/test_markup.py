import math
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.plots.markup import Markup, format_short, join, mark_language, tag, to_markup


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_comes_back_as_text_and_opens_no_element(text: str) -> None:
    parser = _Text()
    parser.feed(tag("p", text, title=text))
    parser.close()
    assert parser.tags == ["p"]
    ElementTree.fromstring(tag("p", text, title=text))


def test_escapes_once() -> None:
    assert to_markup(to_markup("<&>")) == "&lt;&amp;&gt;"
    assert join(["<", Markup("<br>")], between="&") == "&lt;&amp;<br>"


def test_attribute_cannot_be_left() -> None:
    assert tag("a", class_='" onclick="x') == '<a class="&quot; onclick=&quot;x"></a>'


def test_attributes() -> None:
    assert tag("text", "a", text_anchor="end", x=1.0, y=0.333, hidden=False, open=True) == (
        '<text text-anchor="end" x="1" y="0.33" open>a</text>'
    )


def test_control_characters_go() -> None:
    assert to_markup("a\x00b\x1fc\ud800") == "abc"


def test_chinese_is_marked_in_an_english_page_only() -> None:
    assert mark_language("海边", "en") == '<bdi lang="zh">海边</bdi>'
    assert mark_language("海边", "zh") == "<bdi>海边</bdi>"
    assert mark_language("sea", "en") == "<bdi>sea</bdi>"


def test_a_coordinate_must_be_finite() -> None:
    with pytest.raises(ValueError, match=r"nan.*must be finite: drop empty values"):
        format_short(math.nan)
