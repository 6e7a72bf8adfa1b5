"""The shell of every page: head, landmarks, and the parts pages are put together from.

A page is one file that loads nothing: the style is inside, there are no scripts, and its content policy forbids both
network and scripts, so that even a hostile title cannot run a script.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from penchant.messages import text
from penchant.plots.markup import Markup, join, tag
from penchant.plots.svg import draw_hatches

GROUND = {"light": "#fbfbf9", "dark": "#14161a"}
"""The background colour, as in `page.css`; browsers paint their frame in it."""
WIDTHS = {"narrow": 312.0, "medium": 600.0, "wide": 940.0}
"""Figures are drawn once for each width, so that their text keeps its size on a phone, on paper and on a desk."""
HALF_WIDTHS = {"narrow": 312.0, "column": 440.0}
"""Widths of a figure in `side_by_side`."""

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
)
_MARK = Markup(
    '<svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true" focusable="false">'
    '<path d="M1 16C6 16 7 5 13 5s7 7 12 7v4c-5 0-7-5-12-5S6 20 1 20z" fill="var(--accent)"/>'
    '<path d="M1 21c5 0 7-8 12-8s7 4 12 4v3c-5 0-7-2-12-2s-7 5-12 5z" fill="var(--image)"/></svg>'
)
_EMPTY_MARK = Markup(
    '<svg width="40" height="40" viewBox="0 0 40 40" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" aria-hidden="true"><path d="M6 34V6M6 34h28"/>'
    '<path d="M12 26l6-6 5 4 9-11" stroke-dasharray="2 5"/></svg>'
)


@dataclass(frozen=True)
class Number:
    """A large number: the formatted value, its name, and a lighter line below (the interval, the baseline)."""

    value: str
    label: str
    note: str = ""


def render_page(
    *, title: str, language: str, kind: str, hero: object, body: object, footer: object, jump: Mapping[str, str]
) -> str:
    """An HTML page. `kind` stands beside the name (`report`); `jump` maps ids on the page to their words."""
    links = [tag("a", words, href=f"#{anchor}") for anchor, words in jump.items()]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        *(
            tag("meta", name="theme-color", content=ground, media=f"(prefers-color-scheme: {scheme})")
            for scheme, ground in GROUND.items()
        ),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(read_stylesheet())),
    )
    top = tag(
        "header",
        tag(
            "div",
            tag("div", _MARK, tag("div", "penchant ", tag("span", kind)), class_="brand"),
            tag("nav", *links, class_="jump", aria_label=text("page.jump", language)) if links else "",
            class_="wrap",
        ),
        class_="top",
    )
    main = tag("main", tag("div", hero, class_="hero"), body, id="content", class_="wrap", tabindex="-1")
    foot = tag("footer", tag("div", footer, class_="wrap"))
    skip = tag("a", text("page.skip", language), href="#content", class_="skip")
    lang = "zh-Hans" if language == "zh" else language
    patterns = tag("svg", draw_hatches(), width="0", height="0", aria_hidden="true", class_="hidden")
    return f"<!doctype html>\n{tag('html', head, tag('body', skip, patterns, top, main, foot), lang=lang)}\n"


@cache
def read_stylesheet() -> str:
    """The style of every page and figure."""
    return resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")


def make_standalone(drawing: str) -> str:
    """A figure with the colours that it needs, for a separate `.svg` file.

    >>> make_standalone('<svg class="chart"><title>t</title></svg>').startswith('<svg class="chart"><style>')
    True
    """
    opening, rest = drawing.split(">", 1)
    style = read_stylesheet().replace("@media screen and", "@media").replace(".chart ", "")
    font = "svg{font:13px system-ui,sans-serif;background:var(--surface)}"
    return f"{opening}>{tag('style', Markup(style + font))}{draw_hatches()}{rest}"


def render_hero(sentence: object, numbers: Sequence[Number], about: object = "") -> Markup:
    """The head of the page: one sentence, a line of context, and large numbers."""
    return join(
        [
            tag("h1", sentence),
            tag("p", about, class_="about") if about else "",
            tag("dl", *(_render_number(number) for number in numbers), class_="numbers") if numbers else "",
        ]
    )


def render_section(anchor: str, title: object, *content: object, lead: object = "") -> Markup:
    """A part of the page that is always open."""
    intro = tag("p", lead, class_="muted") if lead else ""
    heading = tag("h2", title, id=f"{anchor}-h")
    return tag("section", heading, intro, *content, id=anchor, class_="card", aria_labelledby=f"{anchor}-h")


def render_folded(anchor: str, title: object, summary: object, *content: object, open_: bool = False) -> Markup:
    """A part that opens on demand; its summary says in one line what is inside. Print shows it open."""
    heading = tag("summary", tag("h2", title), tag("span", summary, class_="muted small"))
    return tag("details", heading, tag("div", *content, class_="inside", id=anchor), class_="card", open=open_)


def render_figure(title: object, draw: Callable[[float], str], note: object = "") -> Markup:
    """A figure with its finding as heading, drawn for three widths; the page shows the one that fits."""
    return _render_figure(title, draw, note, "sizes", WIDTHS)


def render_small_figure(title: object, draw: Callable[[float], str], note: object = "") -> Markup:
    """A narrow figure, for `side_by_side`."""
    return _render_figure(title, draw, note, "one", HALF_WIDTHS)


def render_side_by_side(*parts: object) -> Markup:
    """Parts side by side if there is room, else below each other."""
    return tag("div", *parts, class_="pair")


def render_data_table(
    name: str,
    columns: Sequence[object],
    rows: Sequence[Sequence[object]],
    *,
    chosen: int | None = None,
    text: Collection[int] = (),
    caption: bool = True,
) -> Markup:
    """A table that scrolls inside itself where the page is narrow; the first column names the row.

    The other columns hold numbers, right-aligned, but those in `text`. `chosen` is the row to mark. `caption=False`
    leaves the name to screen readers.
    """
    styles = [None if n == 0 or n in text else "num" for n in range(len(columns))]
    heads = [tag("th", title, scope="col", class_=style) for title, style in zip(columns, styles, strict=True)]
    body = []
    for position, (first, *others) in enumerate(rows):
        cells = [tag("td", cell, class_=style) for cell, style in zip(others, styles[1:], strict=True)]
        body.append(tag("tr", tag("th", first, scope="row"), *cells, class_="chosen" if position == chosen else None))
    title = tag("caption", name, class_=None if caption else "hidden")
    table = tag("table", title, tag("thead", tag("tr", *heads)), tag("tbody", *body))
    return tag("div", table, class_="scroll", role="region", aria_label=name, tabindex="0")


def render_definitions(pairs: Sequence[tuple[object, object]]) -> Markup:
    """Names and values below each other."""
    return tag("dl", *(join([tag("dt", name), tag("dd", value)]) for name, value in pairs), class_="definitions")


def render_remark(text: object) -> Markup:
    """A line in small, light type below what it explains."""
    return tag("p", text, class_="muted small")


def render_notes(lines: Sequence[object]) -> Markup:
    """A plain list of remarks."""
    return tag("ul", *(tag("li", line) for line in lines), class_="notes") if lines else Markup("")


def render_empty_state(title: str, next_step: str, command: str = "") -> Markup:
    """A section without content: what is missing, and the next step."""
    typed = tag("pre", tag("code", command)) if command else ""
    return tag("div", _EMPTY_MARK, tag("strong", title), tag("p", next_step), typed, class_="empty")


def _render_figure(
    title: object, draw: Callable[[float], str], note: object, class_: str, widths: Mapping[str, float]
) -> Markup:
    drawn = [Markup(draw(width).replace('class="chart', f'class="{name} chart', 1)) for name, width in widths.items()]
    caption = tag("figcaption", tag("h3", title), tag("p", note) if note else "")
    return tag("figure", caption, tag("div", *drawn, class_=class_))


def _render_number(number: Number) -> Markup:
    note = tag("dd", number.note, class_="note") if number.note else ""
    return tag("div", tag("dt", number.label), tag("dd", number.value, class_="value"), note)
