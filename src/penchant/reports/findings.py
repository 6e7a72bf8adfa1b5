"""The sentences of the report: the result at the top, and the finding of each figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.reports.outcome import Outcome, format_metric, format_number, has_range, is_ahead, keep_finite
from penchant.reports.page import Number
from penchant.reports.texts import Texts, capitalise

if TYPE_CHECKING:
    from penchant.data.results.estimates import Difference, Interval
    from penchant.reports.report import ReportData, Timeline

_FEWEST = 30
_LEADS = {True: "ahead", False: "unsure", None: "untested"}


def write_sentence(data: ReportData, outcome: Outcome, say: Texts) -> str:
    """One sentence with the result, no stronger than the paired test allows."""
    metric = outcome.metric
    ours = outcome.estimate(data.model, metric)
    if ours is None:
        return _write_sentence_of_others(data, outcome, say)
    start = _write_start(data.model, ours, data.noun, outcome, say)
    lead = outcome.lead(data.model)
    if lead is None:
        return say("says.alone", start=start)
    theirs = outcome.estimate(lead.baseline, metric)
    key = _LEADS[lead.is_sure] if lead.lift > 0 else "behind"
    return say(
        "says.level" if abs(lead.lift) < 0.005 and not lead.is_sure else f"says.{key}",
        start=start,
        metric=format_metric(metric),
        lift=say.percent(abs(lead.lift), digits=1 if abs(lead.lift) < 0.005 else 0),
        baseline=lead.baseline,
        ours=format_number(ours.mean),
        theirs=format_number(theirs.mean) if theirs else "–",
    )


def _write_sentence_of_others(data: ReportData, outcome: Outcome, say: Texts) -> str:
    """The sentence of a page whose model was not measured: the best of those that were."""
    best = next(iter(outcome.models), "")
    value = outcome.estimate(best, outcome.metric)
    if value is None:
        return say("says.nothing")
    return say("says.absent", model=data.model or "–", start=_write_start(best, value, data.noun, outcome, say))


def _write_start(model: str, value: Interval, noun: str, outcome: Outcome, say: Texts) -> str:
    """What the model reaches: the share of users, or else `value` of the main measure."""
    reached, k = outcome.estimate(model, outcome.hit_rate), outcome.comparison.k
    if reached is not None:
        start = say("says.reach", model=model, noun=say.noun(noun), k=k, hit=say.percent(reached.mean))
    else:
        start = say("says.score", model=model, metric=format_metric(outcome.metric), value=format_number(value.mean))
    return capitalise(start) if say.language == "en" else start


def select_numbers(data: ReportData, outcome: Outcome, say: Texts) -> list[Number]:
    """Three large numbers: users reached, the main measure, the lead; sizes of the data where these are missing."""
    out: list[Number] = []
    metric = format_metric(outcome.metric)
    reached, ours = (outcome.estimate(data.model, name) for name in (outcome.hit_rate, outcome.metric))
    if reached is not None:
        label = say("number.hit", k=outcome.comparison.k)
        ends = [say.percent(end, 1) for end in (reached.low, reached.high)]
        out.append(Number(say.percent(reached.mean, 1), label, _format_interval(reached, ends, say)))
    if ours is not None:
        out.append(
            Number(
                format_number(ours.mean),
                metric,
                _format_interval(ours, [format_number(ours.low), format_number(ours.high)], say),
            )
        )
    lead = outcome.lead(data.model)
    if lead is not None:
        label = say("number.lead", metric=metric, baseline=lead.baseline)
        out.append(
            Number(
                ("+" if lead.lift >= 0.005 else "") + say.percent(lead.lift), label, _explain_chance(lead.tested, say)
            )
        )
    sizes = {"users": outcome.comparison.users}
    if data.dataset is not None:
        sizes |= {"events": data.dataset.events, "items": data.dataset.items}
    out += [Number(say.count(size), say(f"number.{key}")) for key, size in sizes.items() if size]
    return out[:3]


def write_comparison_title(outcome: Outcome, say: Texts) -> str:
    """The finding of the main figure."""
    best, *others = outcome.models
    if not others:
        return say("compare.one", best=best)
    if outcome.winner(outcome.metric):
        return say("compare.sure", best=best)
    return say("compare.unsure", best=best, second=others[0])


def write_slices_title(model: str, outcome: Outcome, say: Texts) -> str:
    """The groups in which the model gains most and least over the best simple one, without small groups."""
    metric, baseline = outcome.metric, outcome.baseline(model)
    gains: list[tuple[float, str]] = []
    for name, group in outcome.comparison.slices.items():
        ours, theirs = (keep_finite(group.models.get(one or "", {}).get(metric)) for one in (model, baseline))
        if ours is not None and theirs is not None and theirs.mean > 0 and group.users >= _FEWEST:
            gains.append((ours.mean / theirs.mean, say.slice_name(name)))
    if len(gains) < 2:
        return say("slices.plain", metric=format_metric(metric))
    (most, best), (_, worst) = max(gains), min(gains)
    key = "slices.finding" if most > 1 else "slices.behind"
    return say(key, model=model, baseline=baseline, most=best, least=worst)


def write_training_title(table: pl.DataFrame, say: Texts) -> tuple[str, str]:
    """Whether training was long enough, and the label of the best epoch. `table`: `epoch`, `validation`."""
    rows = table.filter(pl.col("validation").is_finite())
    if not rows.height:
        return say("training.unmeasured", n=table.height), ""
    best = rows.sort("validation", descending=True, maintain_order=True).row(0, named=True)
    mark = say("training.best", value=format_number(best["validation"]))
    if best["epoch"] == table["epoch"].max() and table.height > 1:
        return say("training.rising"), mark
    return say("training.peak", best=best["epoch"], n=table.height), mark


def write_timeline_title(timeline: Timeline, say: Texts) -> tuple[str, str]:
    """How a user's interests moved, and the shares at both ends in words."""
    weights = timeline.positive_weights()
    tail = max(1, len(weights) // 5)
    ends = [part.mean(axis=0) / (part.mean(axis=0).sum() or 1.0) for part in (weights[:tail], weights[-tail:])]
    first, last = (timeline.topics[int(np.argmax(end))] for end in ends)
    start, end = (
        ", ".join(f"{timeline.topics[n]} {say.percent(shares[n])}" for n in np.argsort(-shares)[:3]) for shares in ends
    )
    desc = say("interests.desc", start=start, end=end)
    if first == last:
        return say("interests.stayed", user=timeline.user_id, topic=first), desc
    return say("interests.moved", user=timeline.user_id, first=first, last=last), desc


def order_topics(timelines: Sequence[Timeline]) -> list[str]:
    """All topics of several timelines, those with the most weight first: one colour for one topic on the page."""
    total: dict[str, float] = {}
    for timeline in timelines:
        weights = timeline.positive_weights()
        for topic, share in zip(timeline.topics, weights.sum(axis=0) / (weights.sum() or 1.0), strict=True):
            total[topic] = total.get(topic, 0.0) + float(share)
    return sorted(total, key=lambda topic: -total[topic])


def _format_interval(value: Interval, ends: Sequence[str], say: Texts) -> str:
    return say("number.interval", low=ends[0], high=ends[1]) if has_range(value) else ""


def _explain_chance(tested: Difference | None, say: Texts) -> str:
    """Whether a lead, or a lag, may be chance."""
    if tested is None:
        return say("number.lead.untested")
    is_sure = is_ahead(tested) or tested.interval.high < 0
    low, high = (
        ("+" if end >= 0.00005 else "") + format_number(end) for end in (tested.interval.low, tested.interval.high)
    )
    return say("number.lead.sure" if is_sure else "number.lead.unsure", low=low, high=high)
