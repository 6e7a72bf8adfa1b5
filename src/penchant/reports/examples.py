"""Recommended lists with their reasons: the bar of each item by modality, and the events that contribute to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from penchant.data.results.reasons import EventReason, Reason
from penchant.plots.bars import draw_reasons
from penchant.plots.markup import Markup, join, mark_language, tag
from penchant.plots.svg import Labels
from penchant.reports import page
from penchant.reports.sections import fold, fold_missing
from penchant.reports.texts import Texts

if TYPE_CHECKING:
    from penchant.reports.report import Example

_MOST_EVENTS = 3
_MOST_HISTORY = 8
_SMALLEST_SHARE = 0.01


def render_reasons(examples: Sequence[Example], say: Texts) -> Markup:
    """Lists with the reasons for each item."""
    if not examples:
        return fold_missing(say, "reasons", "penchant recommend BUNDLE --user ID --explain", open_=True)
    lists = [_render_example(example, say) for example in examples]
    return fold(
        say,
        "reasons",
        say("reasons.lead", n=len(examples)),
        page.render_remark(say("reasons.note")),
        *lists,
        open_=True,
    )


def _render_example(example: Example, say: Texts) -> Markup:
    values = [list(reason.modalities.values()) for reason in example.reasons]
    high = max((sum(v for v in row if v > 0) for row in values), default=1.0)
    low = min((sum(v for v in row if v < 0) for row in values), default=0.0)
    ranked = enumerate(zip(example.titles, example.reasons, strict=True), 1)
    rows = [_render_ranked(rank, title, reason, (low, high), say) for rank, (title, reason) in ranked]
    latest = list(dict.fromkeys(example.history[::-1]))[:_MOST_HISTORY]
    chips = tag("ul", *(tag("li", mark_language(title, say.language)) for title in latest), class_="chips")
    return join(
        [
            tag("h3", say("reasons.user", user=example.user_id)),
            join([tag("p", say("reasons.history"), class_="muted small lately"), chips]) if latest else "",
            tag("ol", *rows, class_="ranked"),
        ]
    )


def _render_ranked(rank: int, title: str, reason: Reason, extent: tuple[float, float], say: Texts) -> Markup:
    strongest = [event for event in reason.events if event.contribution > 0][:_MOST_EVENTS]
    lead = reason.lead if reason.lead > 0 else float("nan")
    shares = [(event, min(event.contribution / lead, 1.0)) for event in strongest]
    lines = [tag("li", _render_share(event, share, say)) for event, share in shares if share >= _SMALLEST_SHARE]
    text = tag(
        "div",
        tag("h4", mark_language(title, say.language)),
        tag("p", mark_language(_write_sentence(reason, strongest, say), say.language)),
        tag("ul", *lines) if lines else "",
    )
    return tag("li", tag("span", rank, class_="rank"), text, _render_bar(title, reason, extent, say))


def _write_sentence(reason: Reason, strongest: Sequence[EventReason], say: Texts) -> str:
    """The sentence of the reason in English; in Chinese, a sentence about the strongest events."""
    if reason.sentence and say.language == "en":
        return reason.sentence
    if reason.lead < 0:
        return say("reasons.below")
    if not strongest:
        return say("reasons.overall")
    titles = dict.fromkeys(say("reasons.quoted", title=_get_title(event)) for event in strongest)
    return say("reasons.because", titles=say("reasons.between").join(titles))


def _get_title(event: EventReason) -> str:
    return event.title or event.item_id or event.event_id


def _render_share(event: EventReason, share: float, say: Texts) -> Markup:
    """The share of the lead that one event carries, its title set apart from the words around it."""
    before, after = say("reasons.event", share=say.percent(share), title="\x00").split("\x00")
    return join([before, mark_language(_get_title(event), say.language), after])


def _render_bar(title: str, reason: Reason, extent: tuple[float, float], say: Texts) -> Markup:
    if not reason.modalities:
        return Markup("")
    parts = {name: float(value) for name, value in reason.modalities.items()}
    names = {name: say.modality(name) for name in parts}
    desc = "; ".join(f"{names[name]} {value:+.2f}" for name, value in parts.items())
    table = pl.DataFrame({"modality": list(parts), "contribution": list(parts.values())})
    return draw_reasons(table, Labels(say("reasons.figure", title=title), desc), extent=extent, names=names)
