"""The report's part on linear probes: how likely an item is of interest, which category is next, how often right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from penchant.data.results.estimates import Interval
from penchant.data.schema import OTHERS
from penchant.plots.curves import figure_calibration
from penchant.plots.markup import Markup, foreign, tag
from penchant.plots.svg import Labels
from penchant.reports import page
from penchant.reports.facts import number
from penchant.reports.sections import fold
from penchant.reports.tables import render_estimate
from penchant.reports.texts import Texts

_INTEREST = ("auc", "log_loss", "calibration_error")
_CATEGORY = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
_DARKEST = 55
"""Percent of the accent in a cell that holds all of its row: text stays readable on it."""


def render_probes(results: Mapping[str, Any], say: Texts) -> Markup:
    """What `measure_probes` measured, by probe; nothing where the model has no probes."""
    parts: list[Markup] = []
    for name, draw in (("interest", _interest), ("category", _category)):
        result = results.get(name)
        if result and "left_out" in result:
            why = foreign(str(result["left_out"]), say.language)
            untested = say("probes.untested", probe=say(f"probes.name.{name}"))
            parts.append(tag("p", untested, why, class_="muted"))
        elif result:
            parts += draw(result, say)
    return fold(say, "probes", say("probes.lead"), *parts, open_=True) if parts else Markup("")


def _interest(result: Mapping[str, Any], say: Texts) -> list[Markup]:
    rows: Mapping[str, Any] = result["rows"]
    aucs = {name: f"{row['auc']['mean']:.3f}" for name, row in rows.items() if "auc" in row}
    if "popularity" in aucs:
        title = say("probes.interest", auc=aucs["probe"], popularity=aucs["popularity"])
    else:
        title = say("probes.interest.alone", auc=aucs["probe"])
    is_real = result["negatives"] == "real"
    note = say(
        "probes.interest.note",
        pairs=say.count(result["pairs"]),
        users=say.count(result["users"]),
        share=say.percent(result["interested"]),
        negatives=say("probes.real") if is_real else say("probes.sampled", ratio=result["ratio"]),
    )
    table = _table("interest", rows, _INTEREST, say)
    return [tag("h3", title), page.remark(note), table, _calibration(result, say)]


def _calibration(result: Mapping[str, Any], say: Texts) -> Markup:
    """Predicted against observed shares of positives."""
    title = say("calibration.finding", gap=f"{result['rows']['probe']['calibration_error'] * 100:.1f}")
    labels = Labels(title, say("calibration"), say("calibration.x"), say("calibration.y"))
    table, ideal = pl.DataFrame(result["calibration"]), say("calibration.ideal")
    return page.small_figure(title, lambda width: figure_calibration(table, labels, ideal=ideal, width=width))


def _category(result: Mapping[str, Any], say: Texts) -> list[Markup]:
    rows: Mapping[str, Any] = result["rows"]
    rival = result["accuracy_gain"]["over"]
    accuracy, other = (say.percent(rows[name]["accuracy"]["mean"]) for name in ("probe", rival))
    counts = {key: say.count(result[key]) for key in ("events", "users", "classes")}
    return [
        tag("h3", say("probes.category", accuracy=accuracy, rival=say(f"probes.{rival}"), other=other)),
        page.remark(say("probes.category.note", **counts)),
        _table("category", rows, _CATEGORY, say),
        tag("h3", say("probes.confusion")),
        _confusion(result["confusion"], say),
        page.remark(say("probes.confusion.note")),
    ]


def _table(probe: str, rows: Mapping[str, Any], measures: Sequence[str], say: Texts) -> Markup:
    columns = [say("probes.answer"), *(say(f"probes.{measure}") for measure in measures)]
    cells = [[say(f"probes.{name}"), *(_cell(row.get(measure)) for measure in measures)] for name, row in rows.items()]
    return page.data_table(say(f"probes.table.{probe}"), columns, cells, chosen=list(rows).index("probe"))


def _cell(value: Mapping[str, float] | float | None) -> Markup:
    if isinstance(value, Mapping):
        return render_estimate(Interval(**value))
    return Markup("–" if value is None else number(value))


def _confusion(confusion: Mapping[str, Any], say: Texts) -> Markup:
    """Counts with the share of their row as the depth of the colour; the right answers stand out in weight."""
    classes = [say("probes.others") if name == OTHERS else name for name in confusion["classes"]]
    names = [foreign(name, say.language) for name in classes]
    rows: list[list[object]] = []
    for actual, counts in enumerate(confusion["matrix"]):
        total = max(sum(counts), 1)
        rows.append([names[actual], *(_shaded(n, n / total, say, right=actual == at) for at, n in enumerate(counts))])
    return page.data_table(say("probes.confusion"), [say("probes.actual"), *names], rows, caption=False)


def _shaded(count: int, share: float, say: Texts, *, right: bool) -> Markup:
    style = f"background:color-mix(in srgb,var(--accent) {round(share * _DARKEST)}%,transparent)"
    shown = tag("b" if right else "span", say.count(count))
    return tag("span", shown, class_="cell", style=style, title=say.percent(share))
