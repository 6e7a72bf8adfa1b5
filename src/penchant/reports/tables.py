"""Tables of the report: models with their measures, paired tests, and the cells they share."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from penchant.data.results.estimates import Interval
from penchant.messages import translate
from penchant.plots.markup import Markup, join, mark_language, tag
from penchant.reports import page
from penchant.reports.outcome import Outcome, format_metric, format_number, format_range, has_range
from penchant.reports.texts import Texts

ESTIMATES = {"model": pl.String, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64}
_MAIN_METRICS = 3


def render_estimate(
    value: Interval | None, *, show: Callable[[float], str] = format_number, bold: bool = False, below: bool = False
) -> Markup:
    """A mean with its range in a lighter ink beside it (`below`: under it); a dash where there is none."""
    if value is None:
        return Markup("–")
    mean = tag("b" if bold else "span", show(value.mean))
    if not has_range(value):
        return mean
    return join([mean, tag("span", format_range(value, show), class_="sub" if below else "range")])


def to_row(name: str, value: Interval) -> tuple[str, float, float | None, float | None]:
    """A row of `ESTIMATES`; no ends where there is no range."""
    return (name, value.mean, value.low, value.high) if has_range(value) else (name, value.mean, None, None)


def tabulate_estimates(outcome: Outcome, metric: str) -> pl.DataFrame:
    """`model`, `mean`, `low`, `high` of one measure, the best first."""
    values = [(name, outcome.estimate(name, metric)) for name in outcome.models]
    rows = [to_row(name, value) for name, value in values if value is not None]
    return pl.DataFrame(rows, schema=ESTIMATES, orient="row")


def render_main_table(model: str, outcome: Outcome, say: Texts) -> list[Markup]:
    """Models as rows, the main measures and the cost as columns; bold only where a paired test supports the lead."""
    metrics = outcome.main_metrics[:_MAIN_METRICS]
    costs = outcome.comparison.cost
    winners = {metric: outcome.winner(metric) for metric in metrics}
    columns = [say("model"), *map(format_metric, metrics), *([say("cost"), say("memory")] if costs else [])]
    rows: list[list[object]] = []
    for name in outcome.models:
        gloss = say.gloss(name)
        head = join([tag("span", name, class_="name"), tag("span", gloss, class_="sub") if gloss else ""])
        row = [head, *(render_estimate(outcome.estimate(name, m), bold=winners[m] == name) for m in metrics)]
        cost = costs.get(name, {})
        spent = [_format_seconds(cost.get("fit_cpu_s")), _format_megabytes(cost.get("peak_rss_mb"))]
        rows.append([*row, *(spent if costs else [])])
    chosen = outcome.models.index(model) if model in outcome.models else None
    notes = [translate(line, say.language) for line in outcome.comparison.notes]
    note = say("compare.bold" if any(winners.values()) else "compare.nobold")
    return [
        page.render_data_table(say("compare.table"), columns, rows, chosen=chosen),
        page.render_remark(note),
        page.render_notes([mark_language(line, say.language) for line in notes]),
    ]


def render_all_table(outcome: Outcome, say: Texts) -> Markup:
    """Measures as rows, models as columns."""
    rows: list[list[object]] = []
    for metric in outcome.metrics:
        winner = outcome.winner(metric)
        values = [(outcome.estimate(name, metric), name == winner) for name in outcome.models]
        cells = [render_estimate(value, bold=is_best, below=True) for value, is_best in values]
        rows.append([format_metric(metric), *cells])
    return page.render_data_table(say("all.table"), [say("measure"), *outcome.models], rows)


def render_paired_tests(outcome: Outcome, say: Texts) -> Markup:
    """The paired tests, one per row; nothing without tests."""
    tests = outcome.comparison.tests
    if not tests:
        return Markup("")
    columns = [say(key) for key in ("tests.pair", "measure", "tests.difference", "tests.p")]
    rows = [
        [
            say("versus", model=test.model, baseline=test.baseline),
            format_metric(test.metric),
            render_estimate(test.difference.interval),
            "< 0.001" if test.difference.p_holm < 0.001 else f"{test.difference.p_holm:.3f}",
        ]
        for test in tests
    ]
    table = page.render_data_table(say("tests"), columns, rows, text={1}, caption=False)
    return join([tag("h3", say("tests")), table])


def _format_seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.1" if value < 0.1 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _format_megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
