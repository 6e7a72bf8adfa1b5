"""Recommended lists with their reasons: the bar of each item by modality, and the events that carry it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from penchant.data.results.recommendations import EventReason, Reason
from penchant.plots.bars import figure_reasons
from penchant.plots.markup import Markup, foreign, join, tag
from penchant.plots.svg import Labels
from penchant.reports import page
from penchant.reports.strings import Words

if TYPE_CHECKING:
    from penchant.reports.report import Example

_MOST_EVENTS = 3
_MOST_HISTORY = 8
_SMALLEST_SHARE = 0.01


def reasons(examples: Sequence[Example], words: Words) -> Markup:
    """Lists with what speaks for each item."""
    if not examples:
        empty = page.empty_state(
            words("empty.reasons"), words("empty.reasons.next"), "penchant recommend BUNDLE --user ID --explain"
        )
        return page.folded("reasons", words("reasons"), words("empty.reasons"), empty, open_=True)
    lead = words("reasons.lead", n=len(examples))
    note = tag("p", words("reasons.note"), class_="muted small")
    return page.folded(
        "reasons", words("reasons"), lead, note, *(_example(example, words) for example in examples), open_=True
    )


def _example(example: Example, words: Words) -> Markup:
    values = [list(reason.modalities.values()) for reason in example.reasons]
    high = max((sum(v for v in row if v > 0) for row in values), default=1.0)
    low = min((sum(v for v in row if v < 0) for row in values), default=0.0)
    rows = [
        _ranked(place, title, reason, (low, high), words)
        for place, (title, reason) in enumerate(zip(example.titles, example.reasons, strict=True), 1)
    ]
    chips = [
        tag("li", foreign(title, words.language))
        for title in list(dict.fromkeys(example.history[::-1]))[:_MOST_HISTORY]
    ]
    return join(
        [
            tag("h3", words("reasons.user", user=example.user_id)),
            tag("p", words("reasons.history"), class_="muted small lately") if chips else "",
            tag("ul", *chips, class_="chips") if chips else "",
            tag("ol", *rows, class_="ranked"),
        ]
    )


def _ranked(place: int, title: str, reason: Reason, extent: tuple[float, float], words: Words) -> Markup:
    carried = [event for event in reason.events if event.contribution > 0][:_MOST_EVENTS]
    lead = reason.standing if reason.standing > 0 else float("nan")
    shares = [(event, min(event.contribution / lead, 1.0)) for event in carried]
    lines = [tag("li", _carried(event, share, words)) for event, share in shares if share >= _SMALLEST_SHARE]
    told = tag("p", foreign(_sentence(reason, carried, words), words.language))
    text = tag("div", tag("h4", foreign(title, words.language)), told, tag("ul", *lines) if lines else "")
    return tag("li", tag("span", place, class_="rank"), text, _bar(title, reason, extent, words))


def _sentence(reason: Reason, carried: Sequence[EventReason], words: Words) -> str:
    """The sentence that came with the reason, which is English; in Chinese one made from the events that carry it."""
    if reason.sentence and words.language == "en":
        return reason.sentence
    if not carried:
        return words("reasons.whole")
    quotes = "《{}》" if words.language == "zh" else "“{}”"
    titles = list(dict.fromkeys(quotes.format(_title(event)) for event in carried))
    return words("reasons.because", titles=("" if words.language == "zh" else ", ").join(titles))


def _title(event: EventReason) -> str:
    return event.title or event.item_id or event.event_id


def _carried(event: EventReason, share: float, words: Words) -> Markup:
    """How much of the score one event carries, its title set apart from the words around it."""
    before, after = words("reasons.event", share=words.percent(share), title="\x00").split("\x00")
    return join([before, foreign(_title(event), words.language), after])


def _bar(title: str, reason: Reason, extent: tuple[float, float], words: Words) -> Markup:
    modalities = {modality: float(value) for modality, value in reason.modalities.items()}
    if not modalities:
        return Markup("")
    table = pl.DataFrame({"modality": list(modalities), "contribution": list(modalities.values())})
    names = {modality: words.get(f"modality.{modality}", modality) for modality in modalities}
    heading = words("reasons.figure", title=title)
    desc = "; ".join(f"{names[modality]} {value:+.2f}" for modality, value in modalities.items())
    return figure_reasons(table, Labels(heading, desc), extent=extent, names=names, width=340)
