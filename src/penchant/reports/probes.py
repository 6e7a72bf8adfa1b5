"""The report's part on probes: how likely an item is of interest, which category is next, how often that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from penchant.data.schema import OTHERS
from penchant.plots.markup import Markup, foreign, join, tag
from penchant.reports import page
from penchant.reports.facts import as_estimate, finite, number
from penchant.reports.sections import calibration_chart
from penchant.reports.strings import Words

_INTEREST = ("auc", "log_loss", "calibration_error")
_CATEGORY = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
_DARKEST = 55
"""Percent of the accent in a cell that holds all of its row: text stays readable on it."""


def probes(found: Mapping[str, Any], words: Words) -> Markup:
    """What `penchant.evaluation.probes.probe_results` found; nothing where the model has no probes."""
    parts = [*_interest(found.get("interest"), words), *_category(found.get("category"), words)]
    if not parts:
        return Markup("")
    return page.folded("probes", words("probes"), words("probes.lead"), *parts, open_=True)


def _interest(found: Mapping[str, Any] | None, words: Words) -> list[Markup]:
    if not found or "left_out" in found:
        return _untested("interest", found, words)
    rows: Mapping[str, Any] = found["rows"]
    auc = f"{rows['probe']['auc']['mean']:.3f}"
    if "popularity" in rows:
        title = words("probes.interest", auc=auc, popularity=f"{rows['popularity']['auc']['mean']:.3f}")
    else:
        title = words("probes.interest.alone", auc=auc)
    how = words("probes.real") if found["negatives"] == "real" else words("probes.sampled", ratio=found["ratio"])
    note = words(
        "probes.interest.note",
        pairs=words.count(found["pairs"]),
        users=words.count(found["users"]),
        share=words.percent(found["interested"]),
        negatives=how,
    )
    table = _table("interest", rows, _INTEREST, words)
    gap = f"{rows['probe']['calibration_error'] * 100:.1f}"
    chart = calibration_chart(words("calibration.finding", gap=gap), pl.DataFrame(found["calibration"]), words)
    return [tag("h3", title), tag("p", note, class_="muted small"), table, chart]


def _category(found: Mapping[str, Any] | None, words: Words) -> list[Markup]:
    if not found or "left_out" in found:
        return _untested("category", found, words)
    rows: Mapping[str, Any] = found["rows"]
    rival = found["accuracy_gain"]["over"]
    title = words(
        "probes.category",
        accuracy=words.percent(rows["probe"]["accuracy"]["mean"]),
        rival=words(f"probes.{rival}"),
        other=words.percent(rows[rival]["accuracy"]["mean"]),
    )
    note = words(
        "probes.category.note",
        events=words.count(found["events"]),
        users=words.count(found["users"]),
        classes=words.count(found["classes"]),
    )
    return [
        tag("h3", title),
        tag("p", note, class_="muted small"),
        _table("category", rows, _CATEGORY, words),
        tag("h3", words("probes.confusion")),
        _confusion(found["confusion"], words),
        tag("p", words("probes.confusion.note"), class_="muted small"),
    ]


def _table(probe: str, rows: Mapping[str, Any], measures: Sequence[str], words: Words) -> Markup:
    columns = [
        page.Column(words("probes.answer"), number=False),
        *(page.Column(words(f"probes.{m}")) for m in measures),
    ]
    cells = [[words(f"probes.{name}"), *(_value(row.get(m)) for m in measures)] for name, row in rows.items()]
    return page.data_table(words(f"probes.table.{probe}"), columns, cells, chosen=list(rows).index("probe"))


def _confusion(found: Mapping[str, Any], words: Words) -> Markup:
    """Counts with the share of their row as the depth of the colour; the right answers stand out in weight."""
    names = [foreign(words("probes.others") if name == OTHERS else name, words.language) for name in found["classes"]]
    columns = [page.Column(words("probes.actual"), number=False), *(page.Column(name) for name in names)]
    rows: list[list[object]] = []
    for place, counts in enumerate(found["matrix"]):
        total = max(sum(counts), 1)
        cells = [_shaded(count, count / total, words, right=place == told) for told, count in enumerate(counts)]
        rows.append([names[place], *cells])
    return page.data_table(words("probes.confusion"), columns, rows, caption=False)


def _shaded(count: int, share: float, words: Words, *, right: bool) -> Markup:
    depth = round(share * _DARKEST)
    shown = tag("b", words.count(count)) if right else words.count(count)
    return tag(
        "span",
        shown,
        class_="cell",
        style=f"background:color-mix(in srgb,var(--accent) {depth}%,transparent)",
        title=words.percent(share),
    )


def _untested(probe: str, found: Mapping[str, Any] | None, words: Words) -> list[Markup]:
    if not found:
        return []
    why = foreign(str(found["left_out"]), words.language)
    return [tag("p", words("probes.untested", probe=words(f"probes.name.{probe}")), why, class_="muted")]


def _value(raw: Any) -> Markup:
    value = as_estimate(raw) if isinstance(raw, Mapping) else None
    if value is None:
        plain = None if isinstance(raw, Mapping) else finite(raw)
        return Markup("–" if plain is None else number(plain))
    if value.low is None or value.high is None:
        return Markup(number(value.mean))
    return join(
        [tag("span", number(value.mean)), tag("span", f"{number(value.low)}–{number(value.high)}", class_="range")]
    )
