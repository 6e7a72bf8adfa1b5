"""The report's part on views: who has them, what they give to the score, what is lost without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from penchant.plots.bars import figure_coverage
from penchant.plots.comparison import figure_ablation
from penchant.plots.markup import Markup, join, tag
from penchant.plots.svg import MODALITIES, Labels, modality_class
from penchant.reports import page
from penchant.reports.facts import as_estimate, finite, metric_title, number
from penchant.reports.strings import Words


def views(found: Mapping[str, Any], words: Words) -> Markup:
    """Coverage, contribution and ablation of the views.

    `found`: `coverage` (view → `items`, `events`), `contribution` (view → share) and, where it was tested, `metric`,
    `users` and `rows` (`views`, `mean`, `low`, `high`, `difference`), as `penchant.evaluation.ablation` gives them.
    """
    names = _order({*(found.get("coverage") or {}), *(found.get("contribution") or {})})
    if not names:
        empty = page.empty_state(
            words("empty.views"),
            words("empty.views.next"),
            "penchant compare DATA --models transformer --ablate masked",
        )
        return page.folded("views", words("views"), words("empty.views"), empty)
    told = {view: words.get(f"view.{view}", view) for view in names}
    return page.folded(
        "views",
        words("views"),
        words("views.lead"),
        _shares(found.get("contribution") or {}, told, words),
        _ablation(found, told, words),
        _table(found, told, words),
        open_=True,
    )


def _order(names: set[str]) -> list[str]:
    return sorted(names, key=lambda view: (MODALITIES.index(view) if view in MODALITIES else len(MODALITIES), view))


def _shares(given: Mapping[str, Any], told: Mapping[str, str], words: Words) -> Markup:
    shares = {view: float(share) for view, share in given.items() if finite(share) is not None}
    if not shares:
        return Markup("")
    ranked = sorted(shares, key=lambda view: -shares[view])
    first = words.percent(shares[ranked[0]])
    if len(ranked) == 1 or shares[ranked[1]] < 0.005:
        title = words("views.only" if shares[ranked[0]] > 0.995 else "views.most", view=told[ranked[0]], share=first)
    else:
        rest = words.percent(shares[ranked[1]])
        title = words("views.two", view=told[ranked[0]], share=first, other=told[ranked[1]], rest=rest)
    title = title[0].upper() + title[1:]
    desc = "; ".join(f"{told[view]} {words.percent(share)}" for view, share in shares.items())
    labels = Labels(title, desc, words("views.share.unit"))
    table = pl.DataFrame({"modality": list(shares), "share": list(shares.values())})
    return page.figure(
        title, lambda width: figure_coverage(table, labels, names=told, width=width), words("views.share.note")
    )


def _ablation(found: Mapping[str, Any], told: Mapping[str, str], words: Words) -> Markup:
    rows: Sequence[Mapping[str, Any]] = found.get("rows") or []
    if not rows:
        only = len(found.get("contribution") or {}) == 1
        return tag("p", words("views.one" if only else "views.unmeasured"), class_="muted small")
    everything = rows[0]
    metric = metric_title(str(found.get("metric", "")))
    missing = {view: _without(rows, view) for view in everything["views"]}
    drawn = [
        {"modality": view, **{key: float(row["difference"][key]) for key in ("mean", "low", "high")}}
        for view, row in missing.items()
        if row is not None
    ]
    if not drawn:
        return Markup("")
    title = _finding(drawn, metric, told, words)
    note = words(
        "views.masked", users=words.count(found.get("users") or 0), metric=metric, value=number(everything["mean"])
    )
    desc = "; ".join(f"{told[row['modality']]} {row['mean']:+.3f}" for row in drawn)
    labels, table = Labels(title, desc, words("views.unit", metric=metric)), pl.DataFrame(drawn)
    names = {view: words("views.row", view=told[view]) for view in told}
    return page.figure(title, lambda width: figure_ablation(table, labels, names=names, width=width), note)


def _finding(drawn: Sequence[Mapping[str, Any]], metric: str, told: Mapping[str, str], words: Words) -> str:
    """The largest loss that chance does not explain; else the largest gain; else that none is missed."""
    lost = min(drawn, key=lambda row: row["mean"])
    won = max(drawn, key=lambda row: row["mean"])
    if lost["high"] < 0:
        return words("views.missed", view=told[lost["modality"]], metric=metric, loss=number(-lost["mean"]))
    if won["low"] > 0:
        return words("views.better", view=told[won["modality"]], metric=metric, gain=number(won["mean"]))
    return words("views.spared")


def _table(found: Mapping[str, Any], told: Mapping[str, str], words: Words) -> Markup:
    rows: Sequence[Mapping[str, Any]] = found.get("rows") or []
    metric = metric_title(str(found.get("metric", "")))
    columns = [page.Column(words("views.view"), number=False)]
    columns += [page.Column(words(key)) for key in ("views.items", "views.events", "views.share")]
    if rows:
        columns += [page.Column(words(key, metric=metric)) for key in ("views.alone", "views.without")]
    cells: list[list[object]] = []
    for view, name in told.items():
        there = (found.get("coverage") or {}).get(view) or {}
        share = finite((found.get("contribution") or {}).get(view))
        head = join([tag("span", class_=f"swatch {modality_class(view)}", aria_hidden="true"), tag("span", name)])
        line: list[object] = [head, *(_percent(there.get(key), words) for key in ("items", "events"))]
        line.append(_percent(share, words))
        if rows:
            alone = next((row for row in rows if list(row["views"]) == [view]), None)
            without = _without(rows, view)
            line += [_value(alone), _value(without["difference"] if without else None)]
        cells.append(line)
    return page.data_table(words("views.table"), columns, cells)


def _without(rows: Sequence[Mapping[str, Any]], view: str) -> Mapping[str, Any] | None:
    """The row of all views but one; None where that view was not among them."""
    rest = [name for name in rows[0]["views"] if name != view]
    if len(rest) == len(rows[0]["views"]):
        return None
    return next((row for row in rows[1:] if list(row["views"]) == rest), None)


def _percent(share: Any, words: Words) -> str:
    value = finite(share)
    if value is None:
        return "–"
    digits = 1 if 0 < value < 0.01 or 0.99 < value < 1 else 0
    return words.percent(value, digits)


def _value(given: Mapping[str, Any] | None) -> Markup:
    value = as_estimate(given)
    if value is None:
        return Markup("–")
    low, high = value.low, value.high
    around = "" if low is None or high is None else tag("span", f"{number(low)} … {number(high)}", class_="range")
    return join([tag("span", number(value.mean)), around])
