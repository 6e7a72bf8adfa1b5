"""The parts of the report: each takes a piece of its data and gives a piece of the page, or a designed empty state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from penchant.data.results.curves import CurveResults
from penchant.plots.comparison import draw_model_comparison, draw_slices
from penchant.plots.curves import draw_curves, draw_training
from penchant.plots.markup import Markup, mark_language, tag
from penchant.plots.scale import format_day, round_up
from penchant.plots.svg import Labels
from penchant.plots.timeline import draw_timeline
from penchant.reports import findings, page, tables
from penchant.reports.outcome import Outcome, format_estimate, format_metric, keep_finite
from penchant.reports.texts import Texts, capitalise

if TYPE_CHECKING:
    from penchant.reports.report import Epoch, ReportData, Timeline

_MOST_SLICE_MODELS = 4
_MOST_CURVES = 6
_CURVES = {
    "roc": ("AUC", "curves.fpr", "curves.tpr"),
    "pr": ("AP", "curves.recall", "curves.precision"),
}


def fold(say: Texts, key: str, lead: str, *content: object, open_: bool = False) -> Markup:
    """A part of the page that opens on demand, under the title of its key."""
    return page.render_folded(key, say(key), lead, *content, open_=open_)


def fold_missing(say: Texts, key: str, command: str, *, open_: bool = False) -> Markup:
    """A section without content: what is missing, and the command that provides it."""
    return fold(say, key, say(f"empty.{key}"), _render_missing(say, key, command), open_=open_)


def show_missing(say: Texts, anchor: str, key: str, command: str) -> Markup:
    """The same for a part that is always open."""
    return page.render_section(anchor, say(key), _render_missing(say, key, command))


def render_hero(data: ReportData, outcome: Outcome, say: Texts) -> Markup:
    """The sentence, what was tested, and three large numbers."""
    users, split = data.comparison.users, data.comparison.split
    if outcome.models and users:
        about = say("about", title=data.title, users=say.count(users), split=say.get(f"split.{split}", split))
    else:
        about = say("about.untested", title=data.title)
    sentence = data.headline or findings.write_sentence(data, outcome, say)
    return page.render_hero(
        mark_language(sentence, say.language), findings.select_numbers(data, outcome, say), capitalise(about)
    )


def render_comparison(data: ReportData, outcome: Outcome, say: Texts) -> Markup:
    """The main figure and the table below it."""
    if not outcome.models:
        command = "penchant compare DATA --models popularity,cooccurrence,ease,transformer"
        return show_missing(say, "models", "compare", command)
    title = findings.write_comparison_title(outcome, say)
    rows = "; ".join(f"{name} {format_estimate(outcome.estimate(name, outcome.metric))}" for name in outcome.models)
    chart = draw_comparison(
        tables.tabulate_estimates(outcome, outcome.metric),
        Labels(title, say("compare.desc", rows=rows), format_metric(outcome.metric)),
        data.model,
        say("compare.lead"),
    )
    return page.render_section("models", say("compare"), chart, *tables.render_main_table(data.model, outcome, say))


def draw_comparison(table: pl.DataFrame, labels: Labels, model: str, note: str = "") -> Markup:
    """Models with their intervals (`model`, `mean`, `low`, `high`), one of them marked."""
    return page.render_figure(
        labels.title, lambda width: draw_model_comparison(table, labels, chosen=model, width=width), note
    )


def render_slices(model: str, outcome: Outcome, say: Texts) -> Markup:
    """The main measure in each group of users and items."""
    ranked = dict.fromkeys([model, outcome.baseline(model), *outcome.models])
    wanted = [name for name in ranked if name][:_MOST_SLICE_MODELS]
    rows = [
        (say.slice_name(name), say("slices.count", n=say.count(group.users)), *tables.to_row(one, value))
        for name, group in outcome.comparison.slices.items()
        for one in outcome.models
        if one in wanted and (value := keep_finite(group.models.get(one, {}).get(outcome.metric))) is not None
    ]
    if not rows:
        return fold_missing(say, "slices", "penchant evaluate BUNDLE DATA")
    table = pl.DataFrame(rows, schema={"slice": pl.String, "note": pl.String, **tables.ESTIMATES}, orient="row")
    metric = format_metric(outcome.metric)
    lead = say("slices.lead", metric=metric)
    labels = Labels(findings.write_slices_title(model, outcome, say), lead, metric)
    chart = page.render_figure(labels.title, lambda width: draw_slices(table, labels, chosen=model, width=width))
    return fold(say, "slices", lead, chart)


def render_curves(data: ReportData, say: Texts) -> Markup:
    """ROC and precision-recall curves beside each other."""
    drawn = [_render_curve(data.comparison.curves, kind, data.model, say) for kind in _CURVES]
    if not any(drawn):
        return fold_missing(say, "curves", "penchant evaluate BUNDLE DATA")
    return fold(say, "curves", say("curves.lead"), page.render_side_by_side(*(figure for figure in drawn if figure)))


def render_training(epochs: Sequence[Epoch], metric: str, say: Texts) -> Markup:
    """The loss and the validation measure over the epochs."""
    if not epochs:
        return fold_missing(say, "training", "penchant train DATA --out BUNDLE --model transformer")
    schema = {"epoch": pl.Int64, "loss": pl.Float64, "validation": pl.Float64}
    table = pl.DataFrame([(row.epoch, row.loss, row.validation) for row in epochs], schema=schema, orient="row")
    lead = say("training.lead", n=len(epochs), seconds=say.seconds(sum(row.seconds for row in epochs)))
    title, best = findings.write_training_title(table, say)
    labels = Labels(title, lead, say("training.epoch"), say("training.loss"))
    unit = say("training.validation", metric=format_metric(metric or "ndcg@10"))
    chart = page.render_figure(
        title, lambda width: draw_training(table, labels, validation_unit=unit, best_words=best, width=width)
    )
    return fold(say, "training", lead, chart)


def render_all_measures(outcome: Outcome, say: Texts) -> Markup:
    """Every measure of every model, the paired tests, and what the measures mean."""
    if not outcome.models:
        return Markup("")
    bases = dict.fromkeys(name.split("@")[0] for name in outcome.metrics)
    meanings = [(format_metric(name), say.meaning(name)) for name in bases if say.meaning(name)]
    return fold(
        say,
        "all",
        say("all.lead", n=len(outcome.metrics), m=len(outcome.models)),
        tables.render_all_table(outcome, say),
        tables.render_paired_tests(outcome, say),
        *([tag("h3", say("glossary")), page.render_definitions(meanings)] if meanings else []),
    )


def render_interests(timelines: Sequence[Timeline], say: Texts) -> Markup:
    """The ribbon of each user shown."""
    shown = [timeline for timeline in timelines if len(timeline.times_s) and len(timeline.topics)]
    if not shown:
        return fold_missing(say, "interests", "penchant interests BUNDLE --user ID", open_=True)
    order = findings.order_topics(shown)
    drawn = [_render_timeline(timeline, order, say) for timeline in shown]
    note = page.render_remark(say("interests.note"))
    return fold(say, "interests", say("interests.lead", n=len(drawn)), note, *drawn, open_=True)


def _render_missing(say: Texts, key: str, command: str) -> Markup:
    return page.render_empty_state(say(f"empty.{key}"), say(f"empty.{key}.next"), command)


def _render_curve(curves: Mapping[str, CurveResults], kind: str, model: str, say: Texts) -> Markup:
    """The curves of one kind, the largest areas first; nothing where there are none."""
    area, x_unit, y_unit = _CURVES[kind]
    by_model = {name: one.by_kind[kind] for name, one in curves.items() if len(one.by_kind[kind].x)}
    if not by_model:
        return Markup("")
    largest = sorted(by_model, key=lambda name: -by_model[name].area)[:_MOST_CURVES]
    rows = pl.concat(
        pl.DataFrame({"x": by_model[name].x, "y": by_model[name].y}).select(
            pl.lit(name).alias("model"),
            pl.col("x", "y").cast(pl.Float64),
            pl.lit(f"{area} {by_model[name].area:.3f}").alias("note"),
        )
        for name in largest
    )
    rows = rows.filter(pl.col("x") > 0) if kind == "pr" else rows
    highest = rows["y"].max()
    y_end = round_up(highest) if kind == "pr" and isinstance(highest, float) else 1.0
    title = say(f"curves.{kind}", best=largest[0], value=f"{by_model[largest[0]].area:.3f}")
    labels = Labels(title, title, say(x_unit), say(y_unit))
    return page.render_small_figure(
        title,
        lambda width: draw_curves(rows, labels, chosen=model, diagonal=kind == "roc", y_end=y_end, width=width),
    )


def _render_timeline(timeline: Timeline, order: Sequence[str], say: Texts) -> Markup:
    title, desc = findings.write_timeline_title(timeline, say)
    table, labels, language = timeline.table(), Labels(title, desc), say.language
    first, last = (format_day(float(timeline.times_s[n]), language) for n in (0, -1))
    return page.render_figure(
        mark_language(title, language),
        lambda width: draw_timeline(table, timeline.events, labels, language=language, order=order, width=width),
        say("interests.events", n=say.count(timeline.events.height), first=first, last=last),
    )
