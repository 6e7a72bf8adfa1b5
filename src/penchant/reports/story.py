"""Parts of the report for simulated data and media: planted interests, cold items, images and sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from penchant.data.results.estimates import Interval
from penchant.data.results.recovery import POPULATION_MEAN, Recovery
from penchant.plots.markup import Markup, mark_language, tag
from penchant.plots.svg import Labels
from penchant.reports import page, tables
from penchant.reports.outcome import Outcome, format_metric
from penchant.reports.sections import draw_comparison, fold
from penchant.reports.texts import Texts

_DRIFT = ("events", "days", "seen", "early", "decoy")
_DELAYS = ("events", "days")


@dataclass(frozen=True)
class ShownItem:
    """An item with its media: `image`, `audio` as `data:` addresses or empty; `lists` as (user, rank in the list)."""

    title: str
    topic: str
    image: str
    audio: str
    lists: Sequence[tuple[str, int]]


def render_recovery(model: str, recovery: Recovery, say: Texts) -> Markup:
    """How well each model recovers the planted interests, and how soon it detects a change; nothing without the
    truth."""
    if not recovery:
        return Markup("")
    rows = [
        tables.to_row(say("recovery.mean") if name == POPULATION_MEAN else name, value)
        for name, value in recovery.cosine.items()
    ]
    table = pl.DataFrame(rows, schema=tables.ESTIMATES, orient="row").sort("mean", descending=True, maintain_order=True)
    title = say("recovery.finding", best=table.item(0, "model"), value=f"{table.item(0, 'mean'):.2f}")
    lead = say("recovery.lead")
    chart = draw_comparison(table, Labels(title, lead, say("recovery.unit")), model)
    return fold(say, "recovery", lead, chart, *_render_drift(model, recovery, say), open_=True)


def render_cold_items(model: str, outcome: Outcome, say: Texts) -> Markup:
    """The ranking of items held out of training; nothing if it was not tested."""
    if not outcome.models:
        return Markup("")
    metric, rows = format_metric(outcome.metric), tables.tabulate_estimates(outcome, outcome.metric)
    top = rows.item(0, "mean")
    best = say.join(rows.filter(pl.col("mean") == top)["model"])
    title = say("cold.finding", best=best, metric=metric, value=f"{top:.3f}") if top > 0 else say("cold.nothing")
    lead = say("cold.lead", users=say.count(outcome.comparison.users))
    chart = draw_comparison(rows, Labels(title, lead, metric), model)
    return fold(say, "cold", lead, chart, *tables.render_main_table(model, outcome, say), open_=True)


def render_media(shown: Sequence[ShownItem], coverage: Mapping[str, float], say: Texts) -> Markup:
    """Images and sounds of a few recommended items; nothing if no item has a file."""
    if not shown:
        return Markup("")
    kinds = {"image": any(item.image for item in shown), "audio": any(item.audio for item in shown)}
    unread = [say.modality(kind) for kind, is_there in kinds.items() if is_there and kind not in coverage]
    note = page.render_remark(say("media.unread", modalities=say.join(unread))) if unread else ""
    cards = tag("ul", *(tag("li", *_render_card(item, say)) for item in shown), class_="gallery")
    return fold(say, "media", say("media.lead", n=len(shown)), note, cards, open_=True)


def _render_card(item: ShownItem, say: Texts) -> list[object]:
    lines: list[object] = [mark_language(say("media.topic", topic=item.topic), say.language)] if item.topic else []
    lines += [say("media.rank", user=user, rank=rank) for user, rank in item.lists[:3]]
    picture = tag("img", src=item.image, alt=say("media.picture", title=item.title), width="128", height="128")
    spoken = say("media.sound", title=item.title)
    return [
        picture if item.image else "",
        tag("div", mark_language(item.title, say.language), class_="title"),
        *(tag("div", line, class_="muted small") for line in lines),
        tag("audio", src=item.audio, controls=True, preload="none", aria_label=spoken) if item.audio else "",
    ]


def _render_drift(model: str, recovery: Recovery, say: Texts) -> list[Markup]:
    if not recovery.drift:
        return []
    columns = [say(f"drift.{key}") for key in ("vectors", *_DRIFT)]
    rows = [
        [tag("span", name, class_="name"), *(_render_drift_cell(measures.get(key), key, say) for key in _DRIFT)]
        for name, measures in recovery.drift.items()
    ]
    chosen = list(recovery.drift).index(model) if model in recovery.drift else None
    table = page.render_data_table(say("drift"), columns, rows, chosen=chosen, caption=False)
    return [tag("h3", say("drift")), table, page.render_remark(say("drift.note"))]


def _render_drift_cell(value: Interval | None, measure: str, say: Texts) -> Markup:
    return tables.render_estimate(value, show=(lambda n: f"{n:.1f}") if measure in _DELAYS else say.percent)
