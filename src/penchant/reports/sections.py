"""The parts of the report: each takes a piece of its data and gives a piece of the page, or a designed empty state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from penchant.plots.comparison import figure_comparison, figure_slices
from penchant.plots.curves import figure_calibration, figure_curves, figure_training
from penchant.plots.markup import Markup, foreign, tag
from penchant.plots.scale import day, round_up
from penchant.plots.svg import Labels
from penchant.plots.timeline import figure_timeline
from penchant.reports import findings, page, tables
from penchant.reports.facts import Outcome, metric_title
from penchant.reports.strings import Words

if TYPE_CHECKING:
    from penchant.reports.report import ReportData, Timeline

_MOST_SLICE_MODELS = 4


def hero_of(data: ReportData, comparison: Outcome, words: Words) -> Markup:
    """The sentence, what was tested, and three large numbers."""
    users = data.comparison.get("users")
    split = str(data.comparison.get("split", ""))
    if comparison.models and users:
        about = words("about", title=data.title, users=words.count(users), split=words.get(f"split.{split}", split))
    else:
        about = words("about.untested", title=data.title)
    about = about[0].upper() + about[1:]
    sentence = data.headline or findings.sentence(data, comparison, words)
    return page.hero(foreign(sentence, words.language), findings.numbers(data, comparison, words), about)


def compare(data: ReportData, comparison: Outcome, words: Words) -> Markup:
    """The main figure and the table below it."""
    if not comparison.models:
        empty = page.empty_state(
            words("empty.compare"),
            words("empty.compare.next"),
            "penchant compare DATA --models popularity,cooccurrence,ease,transformer",
        )
        return page.section("models", words("compare"), empty)
    metric = comparison.metric
    title = findings.comparison_title(comparison, words)
    rows = tables.estimates(comparison, metric)
    spoken = "; ".join(f"{name} {tables.spoken(comparison.estimate(name, metric))}" for name in comparison.models)
    labels = Labels(title, words("compare.desc", rows=spoken), metric_title(metric))
    chart = page.figure(
        title,
        lambda width: figure_comparison(rows, labels, chosen=data.model, width=width),
        words("compare.lead"),
    )
    return page.section("models", words("compare"), chart, *tables.main_table(data.model, comparison, words))


def slices(model: str, comparison: Outcome, words: Words) -> Markup:
    """For whom it works: the main measure in each group."""
    metric = comparison.metric
    shown = [name for name in dict.fromkeys([model, comparison.baseline(model), *comparison.models]) if name]
    shown = [name for name in comparison.models if name in shown[:_MOST_SLICE_MODELS]]
    table = tables.slice_rows(comparison, shown, words)
    lead = words("slices.lead", metric=metric_title(metric))
    if not table.height:
        empty = page.empty_state(words("empty.slices"), words("empty.slices.next"), "penchant evaluate BUNDLE DATA")
        return page.folded("slices", words("slices"), words("empty.slices"), empty)
    title = findings.slices_title(model, comparison, words)
    labels = Labels(title, lead, metric_title(metric))
    chart = page.figure(title, lambda width: figure_slices(table, labels, chosen=model, width=width))
    return page.folded("slices", words("slices"), lead, chart)


def curves(data: ReportData, words: Words) -> Markup:
    """ROC and precision-recall beside each other, and calibration where it was measured."""
    given: Mapping[str, Any] = data.comparison.get("curves") or {}
    drawn = [
        _curve(given.get("roc"), "roc", ("fpr", "tpr", "auc"), data.model, words),
        _curve(given.get("pr"), "pr", ("recall", "precision", "ap"), data.model, words),
        _calibration(data.calibration, words),
    ]
    drawn = [figure for figure in drawn if figure]
    if not drawn:
        empty = page.empty_state(words("empty.curves"), words("empty.curves.next"), "penchant evaluate BUNDLE DATA")
        return page.folded("curves", words("curves"), words("empty.curves"), empty)
    return page.folded("curves", words("curves"), words("curves.lead"), page.side_by_side(*drawn))


def training(log: Sequence[Mapping[str, Any]], metric: str, words: Words) -> Markup:
    """The loss and the validation measure over the epochs."""
    table = tables.training_rows(log)
    if not table.height:
        empty = page.empty_state(
            words("empty.training"),
            words("empty.training.next"),
            "penchant train DATA --out BUNDLE --model transformer",
        )
        return page.folded("training", words("training"), words("empty.training"), empty)
    seconds = sum(float(row.get("seconds") or 0) for row in log)
    lead = words("training.lead", n=table.height, seconds=words.seconds(seconds))
    title, best = findings.training_title(table, words)
    labels = Labels(title, lead, words("training.epoch"), words("training.loss"))
    unit = words("training.validation", metric=metric_title(metric or "ndcg@10"))
    chart = page.figure(
        title, lambda width: figure_training(table, labels, validation_unit=unit, best_words=best, width=width)
    )
    return page.folded("training", words("training"), lead, chart)


def all_measures(model: str, comparison: Outcome, words: Words) -> Markup:
    """Every measure of every model, the paired tests, and what the measures mean."""
    if not comparison.models:
        return Markup("")
    lead = words("all.lead", n=len(comparison.metrics), m=len(comparison.models))
    bases = dict.fromkeys(name.split("@")[0] for name in comparison.metrics)
    meanings = [(metric_title(name), words.measure(name)) for name in bases if words.measure(name)]
    return page.folded(
        "all",
        words("all"),
        lead,
        tables.all_table(comparison, words),
        tables.paired_table(comparison, words),
        tag("h3", words("glossary")) if meanings else "",
        page.facts(meanings) if meanings else "",
    )


def interests(timelines: Sequence[Timeline], words: Words) -> Markup:
    """The ribbon of each user shown."""
    shown = [timeline for timeline in timelines if len(timeline.times_s) and len(timeline.topics)]
    drawn = [_timeline(timeline, findings.topic_order(shown), words) for timeline in shown]
    if not drawn:
        empty = page.empty_state(
            words("empty.interests"), words("empty.interests.next"), "penchant interests BUNDLE --user ID"
        )
        return page.folded("interests", words("interests"), words("empty.interests"), empty, open_=True)
    lead = words("interests.lead", n=len(drawn))
    note = tag("p", words("interests.note"), class_="muted small")
    return page.folded("interests", words("interests"), lead, note, *drawn, open_=True)


def dataset(data: ReportData, words: Words) -> Markup:
    """What the data was, which modalities it has, and what was cleaned."""
    return tables.dataset_part(data.dataset, data.ingest, data.coverage, words)


def made(data: ReportData, words: Words) -> Markup:
    """Data, split, seeds, versions, command: what is needed to make the page again."""
    return tables.made_part(data.made_with, data.comparison, words)


def _curve(
    given: Mapping[str, Any] | None, kind: str, columns: tuple[str, str, str], model: str, words: Words
) -> Markup:
    x, y, area = columns
    rows = tables.curve_rows(given or {}, x, y, area)
    if not rows.height:
        return Markup("")
    best, value = rows.sort("area", descending=True, nulls_last=True).row(0, named=True)["model"], rows["area"].max()
    shown = f"{value:.3f}" if isinstance(value, float) else "–"
    title = words(f"curves.{kind}", best=best, value=shown)
    if kind == "pr":
        rows = rows.filter(pl.col("x") > 0)
    highest = rows["y"].max()
    units = {"roc": ("curves.fpr", "curves.tpr"), "pr": ("curves.recall", "curves.precision")}[kind]
    labels = Labels(title, title, words(units[0]), words(units[1]))
    y_end = round_up(highest) if kind == "pr" and isinstance(highest, float) else 1.0
    return page.small_figure(
        title,
        lambda width: figure_curves(rows, labels, chosen=model, diagonal=kind == "roc", y_end=y_end, width=width),
    )


def _calibration(rows: Sequence[Mapping[str, Any]], words: Words) -> Markup:
    if not rows:
        return Markup("")
    table = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)
    gap = (table["predicted"] - table["observed"]).abs() * table["count"]
    total = float(table["count"].sum())
    title = words("calibration.finding", gap=f"{float(gap.sum()) / total * 100:.1f}" if total else "–")
    return calibration_chart(title, table, words)


def calibration_chart(title: str, table: pl.DataFrame, words: Words) -> Markup:
    """Predicted against observed shares (`predicted`, `observed`, `count`)."""
    labels = Labels(title, words("calibration"), words("calibration.x"), words("calibration.y"))
    ideal = words("calibration.ideal")
    return page.small_figure(title, lambda width: figure_calibration(table, labels, ideal=ideal, width=width))


def _timeline(timeline: Timeline, order: Sequence[str], words: Words) -> Markup:
    title, desc = findings.timeline_title(timeline, words)
    table, labels, language = timeline.table(), Labels(title, desc), words.language
    first, last = (day(float(timeline.times_s[n]), words.language) for n in (0, -1))
    note = words("interests.events", n=words.count(timeline.events.height), first=first, last=last)
    return page.figure(
        foreign(title, language),
        lambda width: figure_timeline(table, timeline.events, labels, language=language, order=order, width=width),
        note,
    )
