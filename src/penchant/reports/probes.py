"""The part of the report on linear probes: quality compared with baselines, calibration and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import polars as pl

from penchant.data.results.estimates import Interval
from penchant.data.results.probes import (
    CategoryProbeResult,
    Confusion,
    InterestProbeResult,
    Measures,
    ProbeResults,
    mean_of,
)
from penchant.data.schema import OTHERS
from penchant.plots.curves import draw_calibration
from penchant.plots.markup import Markup, mark_language, tag
from penchant.plots.svg import Labels
from penchant.reports import page
from penchant.reports.outcome import format_number
from penchant.reports.sections import fold
from penchant.reports.tables import render_estimate
from penchant.reports.texts import Texts

_INTEREST = ("auc", "log_loss", "calibration_error")
_CATEGORY = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
_DARKEST = 55
"""Percent of the accent in a cell that holds all of its row: text stays readable on it."""


def render_probes(results: ProbeResults, say: Texts) -> Markup:
    """The results of each probe; nothing where the model has no probes."""
    parts: list[Markup] = []
    for name, result in (("interest", results.interest), ("category", results.category)):
        if isinstance(result, InterestProbeResult):
            parts += _render_interest(result, say)
        elif isinstance(result, CategoryProbeResult):
            parts += _render_category(result, say)
        elif result is not None:
            untested = say("probes.untested", probe=say(f"probes.name.{name}"))
            parts.append(tag("p", untested, mark_language(result.left_out, say.language), class_="muted"))
    return fold(say, "probes", say("probes.lead"), *parts, open_=True) if parts else Markup("")


def _render_interest(result: InterestProbeResult, say: Texts) -> list[Markup]:
    aucs = {name: f"{mean_of(row['auc']):.3f}" for name, row in result.rows.items() if "auc" in row}
    if "popularity" in aucs:
        title = say("probes.interest", auc=aucs["probe"], popularity=aucs["popularity"])
    else:
        title = say("probes.interest.alone", auc=aucs["probe"])
    is_real = result.negatives == "real"
    note = say(
        "probes.interest.note",
        pairs=say.count(result.pairs),
        users=say.count(result.users),
        share=say.percent(result.interested),
        negatives=say("probes.real") if is_real else say("probes.sampled", ratio=result.ratio),
    )
    table = _render_table("interest", result.rows, _INTEREST, say)
    return [tag("h3", title), page.render_remark(note), table, _draw_calibration(result, say)]


def _draw_calibration(result: InterestProbeResult, say: Texts) -> Markup:
    """Predicted against observed shares of positives."""
    title = say("calibration.finding", gap=f"{mean_of(result.rows['probe']['calibration_error']) * 100:.1f}")
    labels = Labels(title, say("calibration"), say("calibration.x"), say("calibration.y"))
    table, ideal = pl.DataFrame([asdict(one) for one in result.calibration]), say("calibration.ideal")
    return page.render_small_figure(title, lambda width: draw_calibration(table, labels, ideal=ideal, width=width))


def _render_category(result: CategoryProbeResult, say: Texts) -> list[Markup]:
    rows, rival = result.rows, result.baseline
    accuracy, other = (say.percent(mean_of(rows[name]["accuracy"])) for name in ("probe", rival))
    counts = {"events": result.events, "users": result.users, "classes": result.classes}
    note = say("probes.category.note", **{name: say.count(count) for name, count in counts.items()})
    return [
        tag("h3", say("probes.category", accuracy=accuracy, rival=say(f"probes.{rival}"), other=other)),
        page.render_remark(note),
        _render_table("category", rows, _CATEGORY, say),
        tag("h3", say("probes.confusion")),
        _render_confusion(result.confusion, say),
        page.render_remark(say("probes.confusion.note")),
    ]


def _render_table(probe: str, rows: Mapping[str, Measures], measures: Sequence[str], say: Texts) -> Markup:
    columns = [say("probes.answer"), *(say(f"probes.{measure}") for measure in measures)]
    cells = [
        [say(f"probes.{name}"), *(_render_cell(row.get(measure)) for measure in measures)] for name, row in rows.items()
    ]
    return page.render_data_table(say(f"probes.table.{probe}"), columns, cells, chosen=list(rows).index("probe"))


def _render_cell(value: Interval | float | None) -> Markup:
    if isinstance(value, Interval):
        return render_estimate(value)
    return Markup("–" if value is None else format_number(value))


def _render_confusion(confusion: Confusion, say: Texts) -> Markup:
    """Counts with the share of their row as the depth of the colour; the right answers stand out in weight."""
    classes = [say("probes.others") if name == OTHERS else name for name in confusion.classes]
    names = [mark_language(name, say.language) for name in classes]
    rows: list[list[object]] = []
    for actual, counts in enumerate(confusion.matrix):
        total = max(sum(counts), 1)
        rows.append([names[actual], *(_shade(n, n / total, say, right=actual == at) for at, n in enumerate(counts))])
    return page.render_data_table(say("probes.confusion"), [say("probes.actual"), *names], rows, caption=False)


def _shade(count: int, share: float, say: Texts, *, right: bool) -> Markup:
    style = f"background:color-mix(in srgb,var(--accent) {round(share * _DARKEST)}%,transparent)"
    shown = tag("b" if right else "span", say.count(count))
    return tag("span", shown, class_="cell", style=style, title=say.percent(share))
