"""The report's part on modalities: who has them, what they give to the score, what is lost without them."""

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


def modalities(found: Mapping[str, Any], words: Words) -> Markup:
    """Coverage, contribution and ablation of the modalities.

    `found`: `coverage` (modality → `items`, `events`), `contribution` (modality → share) and, where it was tested,
    `metric`, `users` and `rows` (`modalities`, `mean`, `low`, `high`, `difference`), as `penchant.evaluation.ablation`
    gives them.
    """
    names = _order({*(found.get("coverage") or {}), *(found.get("contribution") or {})})
    if not names:
        empty = page.empty_state(
            words("empty.modalities"),
            words("empty.modalities.next"),
            "penchant compare DATA --models transformer --ablate masked",
        )
        return page.folded("modalities", words("modalities"), words("empty.modalities"), empty)
    told = {modality: words.get(f"modality.{modality}", modality) for modality in names}
    return page.folded(
        "modalities",
        words("modalities"),
        words("modalities.lead"),
        _shares(found.get("contribution") or {}, told, words),
        _ablation(found, told, words),
        _table(found, told, words),
        open_=True,
    )


def _order(names: set[str]) -> list[str]:
    return sorted(
        names,
        key=lambda modality: (MODALITIES.index(modality) if modality in MODALITIES else len(MODALITIES), modality),
    )


def _shares(given: Mapping[str, Any], told: Mapping[str, str], words: Words) -> Markup:
    shares = {modality: float(share) for modality, share in given.items() if finite(share) is not None}
    if not shares:
        return Markup("")
    ranked = sorted(shares, key=lambda modality: -shares[modality])
    first = words.percent(shares[ranked[0]])
    if len(ranked) == 1 or shares[ranked[1]] < 0.005:
        title = words(
            "modalities.only" if shares[ranked[0]] > 0.995 else "modalities.most", modality=told[ranked[0]], share=first
        )
    else:
        rest = words.percent(shares[ranked[1]])
        title = words("modalities.two", modality=told[ranked[0]], share=first, other=told[ranked[1]], rest=rest)
    title = title[0].upper() + title[1:]
    desc = "; ".join(f"{told[modality]} {words.percent(share)}" for modality, share in shares.items())
    labels = Labels(title, desc, words("modalities.share.unit"))
    table = pl.DataFrame({"modality": list(shares), "share": list(shares.values())})
    return page.figure(
        title, lambda width: figure_coverage(table, labels, names=told, width=width), words("modalities.share.note")
    )


def _ablation(found: Mapping[str, Any], told: Mapping[str, str], words: Words) -> Markup:
    rows: Sequence[Mapping[str, Any]] = found.get("rows") or []
    if not rows:
        only = len(found.get("contribution") or {}) == 1
        return tag("p", words("modalities.one" if only else "modalities.unmeasured"), class_="muted small")
    everything = rows[0]
    metric = metric_title(str(found.get("metric", "")))
    missing = {modality: _without(rows, modality) for modality in everything["modalities"]}
    drawn = [
        {"modality": modality, **{key: float(row["difference"][key]) for key in ("mean", "low", "high")}}
        for modality, row in missing.items()
        if row is not None
    ]
    if not drawn:
        return Markup("")
    title = _finding(drawn, metric, told, words)
    note = words(
        "modalities.masked", users=words.count(found.get("users") or 0), metric=metric, value=number(everything["mean"])
    )
    desc = "; ".join(f"{told[row['modality']]} {row['mean']:+.3f}" for row in drawn)
    labels, table = Labels(title, desc, words("modalities.unit", metric=metric)), pl.DataFrame(drawn)
    names = {modality: words("modalities.row", modality=told[modality]) for modality in told}
    return page.figure(title, lambda width: figure_ablation(table, labels, names=names, width=width), note)


def _finding(drawn: Sequence[Mapping[str, Any]], metric: str, told: Mapping[str, str], words: Words) -> str:
    """The largest loss that chance does not explain; else the largest gain; else that none is missed."""
    lost = min(drawn, key=lambda row: row["mean"])
    won = max(drawn, key=lambda row: row["mean"])
    if lost["high"] < 0:
        return words("modalities.missed", modality=told[lost["modality"]], metric=metric, loss=number(-lost["mean"]))
    if won["low"] > 0:
        return words("modalities.better", modality=told[won["modality"]], metric=metric, gain=number(won["mean"]))
    return words("modalities.spared")


def _table(found: Mapping[str, Any], told: Mapping[str, str], words: Words) -> Markup:
    rows: Sequence[Mapping[str, Any]] = found.get("rows") or []
    metric = metric_title(str(found.get("metric", "")))
    columns = [page.Column(words("modalities.modality"), number=False)]
    columns += [page.Column(words(key)) for key in ("modalities.items", "modalities.events", "modalities.share")]
    if rows:
        columns += [page.Column(words(key, metric=metric)) for key in ("modalities.alone", "modalities.without")]
    cells: list[list[object]] = []
    for modality, name in told.items():
        there = (found.get("coverage") or {}).get(modality) or {}
        share = finite((found.get("contribution") or {}).get(modality))
        head = join([tag("span", class_=f"swatch {modality_class(modality)}", aria_hidden="true"), tag("span", name)])
        line: list[object] = [head, *(_percent(there.get(key), words) for key in ("items", "events"))]
        line.append(_percent(share, words))
        if rows:
            alone = next((row for row in rows if list(row["modalities"]) == [modality]), None)
            without = _without(rows, modality)
            line += [_value(alone), _value(without["difference"] if without else None)]
        cells.append(line)
    return page.data_table(words("modalities.table"), columns, cells)


def _without(rows: Sequence[Mapping[str, Any]], modality: str) -> Mapping[str, Any] | None:
    """The row of all modalities but one; None where that modality was not among them."""
    rest = [name for name in rows[0]["modalities"] if name != modality]
    if len(rest) == len(rows[0]["modalities"]):
        return None
    return next((row for row in rows[1:] if list(row["modalities"]) == rest), None)


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
