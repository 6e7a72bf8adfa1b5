"""Parts of the report that tell the demo's story: planted interests, new items, pictures and sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from penchant.data.results.recovery import POPULATION_MEAN
from penchant.plots.comparison import figure_comparison
from penchant.plots.markup import Markup, foreign, join, tag
from penchant.plots.svg import Labels
from penchant.reports import page, tables
from penchant.reports.facts import Outcome, as_estimate, metric_title
from penchant.reports.strings import Words

_DRIFT = ("events", "days", "seen", "early", "decoy")


@dataclass(frozen=True)
class Shown:
    """An item with its media: `image`, `audio` as `data:` addresses or empty; `people` as (user, place in the list)."""

    title: str
    topic: str
    image: str
    audio: str
    people: Sequence[tuple[str, int]]


def recovery(model: str, found: Mapping[str, Any], drift: Mapping[str, Any], words: Words) -> Markup:
    """How much of the planted interests each model finds, and how soon it sees them turn; nothing without the truth."""
    rows = [
        {
            "model": words("recovery.nobody") if name == POPULATION_MEAN else name,
            "mean": value.mean,
            "low": value.low,
            "high": value.high,
        }
        for name, value in ((name, as_estimate(raw)) for name, raw in found.items())
        if value is not None
    ]
    if not rows:
        return Markup("")
    table = pl.DataFrame(rows, schema=tables.ESTIMATES).sort("mean", descending=True, maintain_order=True)
    title = words("recovery.finding", best=table.item(0, "model"), value=f"{table.item(0, 'mean'):.2f}")
    labels = Labels(title, words("recovery.lead"), words("recovery.unit"))
    chart = page.figure(title, lambda width: figure_comparison(table, labels, chosen=model, width=width))
    return page.folded(
        "recovery", words("recovery"), words("recovery.lead"), chart, *_drift(model, drift, words), open_=True
    )


def cold(model: str, found: Mapping[str, Any], words: Words) -> Markup:
    """How models rank items that were kept out of training; nothing where that was not tried."""
    outcome = Outcome(found)
    if not outcome.models:
        return Markup("")
    metric = outcome.metric
    rows = tables.estimates(outcome, metric)
    top = rows.item(0, "mean")
    best = rows.filter(pl.col("mean") == top)["model"].to_list()
    between = "、" if words.language == "zh" else ", "
    value = f"{top:.3f}"
    title = words("cold.finding", best=between.join(best), metric=metric_title(metric), value=value)
    title = title if top > 0 else words("cold.nothing")
    lead = words("cold.lead", users=words.count(int(found.get("users") or 0)))
    labels = Labels(title, lead, metric_title(metric))
    chart = page.figure(title, lambda width: figure_comparison(rows, labels, chosen=model, width=width))
    return page.folded("cold", words("cold"), lead, chart, *tables.main_table(model, outcome, words), open_=True)


def media(shown: Sequence[Shown], coverage: Mapping[str, float], words: Words) -> Markup:
    """A few recommended items as they look and sound; nothing where no item has a file."""
    if not shown:
        return Markup("")
    kinds = {"image": any(item.image for item in shown), "audio": any(item.audio for item in shown)}
    unread = [words.get(f"modality.{kind}", kind) for kind, there in kinds.items() if there and kind not in coverage]
    between = "、" if words.language == "zh" else " and "
    note = tag("p", words("media.unread", modalities=between.join(unread)), class_="muted small") if unread else ""
    cards = [tag("li", *_card(item, words)) for item in shown]
    lead = words("media.lead", n=len(shown))
    return page.folded("media", words("media"), lead, note, tag("ul", *cards, class_="gallery"), open_=True)


def _card(item: Shown, words: Words) -> list[Markup]:
    picture = tag("img", src=item.image, alt=words("media.picture", title=item.title), width="128", height="128")
    sound = tag(
        "audio", src=item.audio, controls=True, preload="none", aria_label=words("media.sound", title=item.title)
    )
    told = [words("media.to", user=user, place=place) for user, place in item.people[:3]]
    topic = words("media.topic", topic=item.topic) if item.topic else ""
    return [
        picture if item.image else Markup(""),
        tag("div", foreign(item.title, words.language), class_="title"),
        tag("div", foreign(topic, words.language), class_="muted small") if topic else Markup(""),
        *(tag("div", line, class_="muted small") for line in told),
        sound if item.audio else Markup(""),
    ]


def _drift(model: str, drift: Mapping[str, Any], words: Words) -> list[Markup]:
    """The table on turns, the vectors of the chosen model marked."""
    rows: list[list[object]] = []
    names = list(drift)
    for name in names:
        cells = [_cell(drift[name].get(measure), words, share=measure not in ("events", "days")) for measure in _DRIFT]
        rows.append([tag("span", name, class_="name"), *cells])
    if not rows:
        return []
    columns = [page.Column(words("drift.vectors"), number=False)]
    columns += [page.Column(words(f"drift.{measure}")) for measure in _DRIFT]
    chosen = names.index(model) if model in names else None
    table = page.data_table(words("drift"), columns, rows, chosen=chosen, caption=False)
    return [tag("h3", words("drift")), table, tag("p", words("drift.note"), class_="muted small")]


def _cell(raw: Any, words: Words, *, share: bool) -> Markup:
    value = as_estimate(raw)
    if value is None:
        return Markup("–")
    digits = 0 if share else 1
    scale = 100 if share else 1

    def said(number: float) -> str:
        return f"{number * scale:.{digits}f}"

    mean = words.percent(value.mean) if share else said(value.mean)
    if value.low is None or value.high is None:
        return Markup(mean)
    return join([mean, tag("span", f"[{said(value.low)}, {said(value.high)}]", class_="range")])
