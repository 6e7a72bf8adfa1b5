"""The section of the report on modalities: coverage, contribution to the score, and the loss without them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from penchant.data.results.modality_use import Ablation, AblationRow, ModalityUse
from penchant.options import Json
from penchant.plots.bars import draw_coverage_bars
from penchant.plots.comparison import draw_ablation
from penchant.plots.markup import Markup, join, tag
from penchant.plots.svg import Labels, get_modality_class, sort_by_modality
from penchant.reports import page
from penchant.reports.outcome import format_metric, format_number
from penchant.reports.sections import fold, fold_missing
from penchant.reports.tables import render_estimate
from penchant.reports.texts import Texts, capitalise

Names = Mapping[str, str]


def render_modalities(use: ModalityUse | None, say: Texts) -> Markup:
    """Coverage, contribution and ablation of the modalities."""
    present = {*use.coverage, *use.contribution} if use else set()
    if use is None or not present:
        return fold_missing(say, "modalities", "penchant compare DATA --models transformer --ablate masked")
    ordered = sort_by_modality([{"modality": name} for name in sorted(present)])
    names = {row["modality"]: say.modality(row["modality"]) for row in ordered}
    parts = [
        _render_shares(use.contribution, names, say),
        _render_ablation(use, names, say),
        _render_table(use, names, say),
    ]
    return fold(say, "modalities", say("modalities.lead"), *parts, open_=True)


def draw_coverage(
    shares: Mapping[str, float], title: str, unit: str, names: Names, say: Texts, *, note: str = ""
) -> Markup:
    """One bar per modality with its share, from 0 to 100 %."""
    desc = "; ".join(f"{names[name]} {say.percent(share)}" for name, share in shares.items())
    labels = Labels(capitalise(title), desc, unit)
    table = pl.DataFrame({"modality": list(shares), "share": list(shares.values())})
    return page.render_figure(
        labels.title, lambda width: draw_coverage_bars(table, labels, names=names, width=width), note
    )


def _render_shares(shares: Mapping[str, float], names: Names, say: Texts) -> Markup:
    if not shares:
        return Markup("")
    first, *others = sorted(shares, key=lambda name: -shares[name])
    values = {"modality": names[first], "share": say.percent(shares[first])}
    if not others or shares[others[0]] < 0.005:
        title = say("modalities.only" if shares[first] > 0.995 else "modalities.most", **values)
    else:
        title = say("modalities.two", **values, other=names[others[0]], rest=say.percent(shares[others[0]]))
    return draw_coverage(shares, title, say("modalities.share"), names, say, note=say("modalities.share.note"))


def _render_ablation(use: ModalityUse, names: Names, say: Texts) -> Markup:
    if use.ablation is None:
        return page.render_remark(say("modalities.one" if len(use.contribution) == 1 else "modalities.unmeasured"))
    all_of_them, metric = use.ablation.rows[0], format_metric(use.ablation.metric)
    rows: list[Json] = [
        {"modality": name, **row.difference.interval.to_dict()}
        for name in all_of_them.modalities
        if (row := _find_without(use.ablation, name)) is not None and row.difference is not None
    ]
    if not rows:
        return Markup("")
    table = pl.DataFrame(rows)
    lost, won = table.sort("mean").row(0, named=True), table.sort("mean").row(-1, named=True)
    if lost["high"] < 0:
        title = say(
            "modalities.missed", modality=names[lost["modality"]], metric=metric, loss=format_number(-lost["mean"])
        )
    elif won["low"] > 0:
        title = say(
            "modalities.better", modality=names[won["modality"]], metric=metric, gain=format_number(won["mean"])
        )
    else:
        title = say("modalities.spared")
    desc = "; ".join(f"{names[row['modality']]} {row['mean']:+.3f}" for row in rows)
    labels = Labels(title, desc, say("modalities.unit", metric=metric))
    words = {name: say("modalities.row", modality=names[name]) for name in names}
    users, value = say.count(use.ablation.users), format_number(all_of_them.value.mean)
    return page.render_figure(
        title,
        lambda width: draw_ablation(table, labels, names=words, width=width),
        say("modalities.masked", users=users, metric=metric, value=value),
    )


def _render_table(use: ModalityUse, names: Names, say: Texts) -> Markup:
    columns = [say(f"modalities.{key}") for key in ("modality", "items", "events", "share")]
    if use.ablation is not None:
        metric = format_metric(use.ablation.metric)
        columns += [say("modalities.alone", metric=metric), say("modalities.without", metric=metric)]
    rows: list[list[object]] = []
    for name, words in names.items():
        coverage = use.coverage.get(name)
        shares = [coverage.items, coverage.events] if coverage else [None, None]
        swatch = tag("span", class_=f"swatch {get_modality_class(name)}", aria_hidden="true")
        row: list[object] = [join([swatch, tag("span", words)])]
        row += [_format_percent(share, say) for share in (*shares, use.contribution.get(name))]
        if use.ablation is not None:
            alone = next((one for one in use.ablation.rows if one.modalities == (name,)), None)
            without = _find_without(use.ablation, name)
            gap = without.difference if without else None
            row += [render_estimate(alone.value if alone else None), render_estimate(gap.interval if gap else None)]
        rows.append(row)
    return page.render_data_table(say("modalities.table"), columns, rows)


def _find_without(ablation: Ablation, name: str) -> AblationRow | None:
    """The row of all modalities but one; None if that one was not among them."""
    everything = ablation.rows[0].modalities
    rest = tuple(one for one in everything if one != name)
    return next((row for row in ablation.rows[1:] if row.modalities == rest), None) if rest != everything else None


def _format_percent(share: float | None, say: Texts) -> str:
    if share is None:
        return "–"
    return say.percent(share, 1 if 0 < share < 0.01 or 0.99 < share < 1 else 0)
