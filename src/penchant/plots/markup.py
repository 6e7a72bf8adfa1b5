"""HTML and SVG text that is escaped unless it is already markup.

>>> tag("p", "a < b", class_="note")
'<p class="note">a &lt; b</p>'
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3000-\u303f\uff00-\uffef]")
_VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})


class Markup(str):
    """Text that is safe to insert into a page."""

    __slots__ = ()


def to_markup(value: object) -> Markup:
    """Escape a value for HTML and SVG, and drop control characters; `Markup` passes as it is.

    >>> to_markup("<b>")
    '&lt;b&gt;'
    """
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(_CONTROL.sub("", str(value)), quote=True))


def join(parts: Iterable[object], between: object = "") -> Markup:
    """Put parts after each other, each escaped unless it is markup."""
    return Markup(to_markup(between).join(to_markup(part) for part in parts))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element. `class_` gives `class`, `stroke_width` gives `stroke-width`; None and False leave an attribute out.

    >>> tag("rect", x=1.50, hidden=None)
    '<rect x="1.5"></rect>'
    """
    written = "".join(_format_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def is_chinese(text: str) -> bool:
    """Whether a text holds Chinese characters.

    >>> is_chinese("海边 a"), is_chinese("sea")
    (True, False)
    """
    return _CHINESE.search(text) is not None


def mark_language(text: object, language: str) -> Markup:
    """Text that comes from data: isolated in direction, and marked as Chinese where the page is not.

    >>> mark_language("海", "en")
    '<bdi lang="zh">海</bdi>'
    """
    return tag("bdi", text, lang="zh" if language != "zh" and is_chinese(str(text)) else None)


def _format_attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if isinstance(value, float):
        value = format_short(value)
    return f' {name}="{to_markup(value)}"'


def format_short(value: float) -> str:
    """A coordinate with at most two decimals.

    >>> format_short(3.14159), format_short(-0.001), format_short(2.0)
    ('3.14', '0', '2')
    """
    if not math.isfinite(value):
        raise ValueError(f"A coordinate is {value!r}. It must be finite: drop empty values before drawing.")
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
