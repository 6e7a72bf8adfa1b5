"""The sentences of the report: what came out at the top, and what each figure shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.reports.facts import Outcome, finite, metric_title, number
from penchant.reports.page import Number
from penchant.reports.strings import Words

if TYPE_CHECKING:
    from penchant.reports.report import ReportData, Timeline

_FEWEST = 30


def sentence(data: ReportData, comparison: Outcome, words: Words) -> str:
    """One sentence that says what came out, no stronger than the paired test allows."""
    metric = comparison.metric
    ours = comparison.estimate(data.model, metric)
    if ours is None:
        return words("says.nothing")
    hit = comparison.hit()
    reached = comparison.estimate(data.model, hit) if hit else None
    if reached is not None:
        noun = words.noun(data.noun)
        k = data.comparison.get("k", 10)
        start = words("says.reach", model=data.model, noun=noun, k=k, hit=words.percent(reached.mean))
    else:
        start = words("says.score", model=data.model, metric=metric_title(metric), value=number(ours.mean))
    start = start[0].upper() + start[1:] if words.language == "en" else start
    lead = comparison.lead(data.model)
    if lead is None:
        return words("says.alone", start=start)
    theirs = comparison.estimate(lead.baseline, metric)
    values = {
        "start": start,
        "metric": metric_title(metric),
        "lift": words.percent(abs(lead.lift)),
        "baseline": lead.baseline,
        "ours": number(ours.mean),
        "theirs": number(theirs.mean) if theirs else "–",
    }
    if abs(lead.lift) < 0.005:
        return words("says.level", **values)
    if lead.lift < 0:
        return words("says.behind", **values)
    return words({True: "says.ahead", False: "says.unsure", None: "says.untested"}[lead.sure], **values)


def numbers(data: ReportData, comparison: Outcome, words: Words) -> list[Number]:
    """Three large numbers: people reached, the main measure, the lead; sizes of the data where these are missing."""
    out: list[Number] = []
    metric, hit = comparison.metric, comparison.hit()
    reached = comparison.estimate(data.model, hit) if hit else None
    ours = comparison.estimate(data.model, metric)
    if reached is not None:
        between = _interval(reached.low, reached.high, words, percent=True)
        label = words("number.hit", k=data.comparison.get("k", 10))
        out.append(Number(words.percent(reached.mean, 1), label, between))
    if ours is not None:
        out.append(Number(number(ours.mean), metric_title(metric), _interval(ours.low, ours.high, words)))
    lead = comparison.lead(data.model)
    if lead is not None:
        sign = "+" if lead.lift >= 0 else ""
        key = {True: "sure", False: "unsure", None: "untested"}[lead.sure]
        bounds = {"low": _signed(lead.low), "high": _signed(lead.high)}
        if lead.sure is False and lead.high is not None and lead.high < 0:
            key = "sure"
        note = words(f"number.lead.{key}", **bounds)
        label = words("number.lead", metric=metric_title(metric), baseline=lead.baseline)
        out.append(Number(sign + words.percent(lead.lift), label, note))
    sizes = [
        ("users", data.comparison.get("users")),
        ("events", data.dataset.get("events")),
        ("items", data.dataset.get("items")),
    ]
    for key, value in sizes:
        if value is not None and len(out) < 3:
            out.append(Number(words.count(value), words(f"number.{key}")))
    return out


def comparison_title(comparison: Outcome, words: Words) -> str:
    """What the main figure shows."""
    models = comparison.models
    if len(models) == 1:
        return words("compare.one", best=models[0])
    if comparison.winner(comparison.metric):
        return words("compare.sure", best=models[0])
    return words("compare.unsure", best=models[0], second=models[1])


def slices_title(model: str, comparison: Outcome, words: Words) -> str:
    """In which group the model gains most over the best simple one, and in which least; small groups say nothing."""
    metric, baseline = comparison.metric, comparison.baseline(model)
    gains: list[tuple[float, str]] = []
    for name in comparison.raw.get("slices", {}):
        inside = Outcome({"models": _without_users(comparison.raw["slices"][name])})
        ours, theirs = inside.estimate(model, metric), inside.estimate(baseline or "", metric)
        people = finite((comparison.raw["slices"][name].get(model) or {}).get("users"))
        if ours is not None and theirs is not None and theirs.mean > 0 and (people is None or people >= _FEWEST):
            gains.append((ours.mean / theirs.mean, name))
    if len(gains) < 2 or baseline is None:
        return words("slices.plain", metric=metric_title(metric))
    most, least = words.group(max(gains)[1]), words.group(min(gains)[1])
    key = "slices.finding" if max(gains)[0] > 1 else "slices.behind"
    return words(key, model=model, baseline=baseline, most=most, least=least)


def training_title(table: pl.DataFrame, words: Words) -> tuple[str, str]:
    """Whether training went on long enough, and the words at the best epoch. `table`: `epoch`, `validation`."""
    rows = table.filter(pl.col("validation").is_finite())
    if not rows.height:
        return words("training.unmeasured", n=table.height), ""
    best = rows.sort("validation", descending=True, maintain_order=True).row(0, named=True)
    mark = words("training.best", value=number(best["validation"]))
    if best["epoch"] == table["epoch"].max() and table.height > 1:
        return words("training.rising"), mark
    return words("training.peak", best=best["epoch"], n=table.height), mark


def timeline_title(timeline: Timeline, words: Words) -> tuple[str, str]:
    """From what to what a user's interests moved, and the shares at both ends in words."""
    weights = np.clip(np.nan_to_num(np.asarray(timeline.weights, dtype=np.float64)), 0, None)
    tail = max(1, len(weights) // 5)
    ends = [part.mean(axis=0) / (part.mean(axis=0).sum() or 1.0) for part in (weights[:tail], weights[-tail:])]
    first, last = (timeline.topics[int(np.argmax(end))] for end in ends)
    told = [
        ", ".join(
            words("interests.share", topic=timeline.topics[n], share=words.percent(end[n]))
            for n in np.argsort(-end)[:3]
        )
        for end in ends
    ]
    desc = words("interests.desc", start=told[0], end=told[1])
    if first == last:
        return words("interests.stayed", user=timeline.user_id, topic=first), desc
    return words("interests.moved", user=timeline.user_id, first=first, last=last), desc


def topic_order(timelines: Sequence[Timeline]) -> list[str]:
    """All topics of several timelines, those with the most weight first: one colour for one topic on the page."""
    total: dict[str, float] = {}
    for timeline in timelines:
        weights = np.clip(np.nan_to_num(np.asarray(timeline.weights, dtype=np.float64)), 0, None)
        for topic, share in zip(timeline.topics, weights.sum(axis=0) / (weights.sum() or 1.0), strict=True):
            total[topic] = total.get(topic, 0.0) + float(share)
    return sorted(total, key=lambda topic: -total[topic])


def _without_users(models: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {
        name: {key: v for key, v in m.items() if key != "users"} for name, m in models.items() if isinstance(m, dict)
    }


def _interval(low: float | None, high: float | None, words: Words, *, percent: bool = False) -> str:
    if low is None or high is None:
        return ""
    shown = [words.percent(v, 1) if percent else number(v) for v in (low, high)]
    return words("number.interval", low=shown[0], high=shown[1])


def _signed(value: float | None) -> str:
    return "–" if value is None else ("+" if value > 0 else "") + number(value)
