"""The parts of the report on the data, on cleaning, and on the provenance of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from penchant.data.read_report import IngestReport
from penchant.plots.bars import draw_counts
from penchant.plots.markup import Markup, join, mark_language, tag
from penchant.plots.scale import format_day
from penchant.plots.svg import Labels
from penchant.reports import page
from penchant.reports.modalities import draw_coverage
from penchant.reports.sections import fold, fold_missing, show_missing
from penchant.reports.texts import Texts

if TYPE_CHECKING:
    from penchant.reports.report import DatasetSummary, ReportData

_MOST_KINDS = 10


def render_dataset(data: ReportData, say: Texts) -> Markup:
    """Sizes, span and kinds; the share of items with each modality; rows read, kept and rejected."""
    summary = data.dataset
    if summary is None and data.ingest is None and not data.coverage:
        return fold_missing(say, "data", "penchant check DATA")
    if summary is None:
        return fold(
            say, "data", say("data.unknown"), _render_coverage(data.coverage, say), _render_cleaning(data.ingest, say)
        )
    sizes = {key: say.count(getattr(summary, key)) for key in ("users", "items", "events")}
    pairs: list[tuple[object, object]] = [(say(f"data.{key}"), size) for key, size in sizes.items()]
    if summary.first_s is not None and summary.last_s is not None:
        first, last = (format_day(time_s, say.language) for time_s in (summary.first_s, summary.last_s))
        pairs.append((say("data.time"), say("data.span", first=first, last=last)))
    parts = [
        page.render_definitions(pairs),
        _render_kinds(summary, say),
        _render_coverage(data.coverage, say),
        _render_cleaning(data.ingest, say),
    ]
    return fold(say, "data", say("data.lead", **sizes), *parts)


def render_provenance(data: ReportData, say: Texts) -> Markup:
    """Command, split, seeds, versions and machine: what reproduces the page."""
    if not data.provenance:
        return show_missing(say, "provenance", "provenance", "penchant train DATA --out BUNDLE --seed 0")
    comparison = data.comparison
    values = {
        "command": tag("pre", tag("code", data.provenance["command"])) if data.provenance.get("command") else None,
        "split": say.get(f"split.{comparison.split}", comparison.split),
        "seeds": comparison.seeds or None,
        "options": comparison.options,
        **{key: value for key, value in data.provenance.items() if key != "command"},
    }
    pairs = [
        (say.get(f"provenance.{key}", key.replace("_", " ")), _format_value(value, say))
        for key, value in values.items()
        if value not in (None, "", {}, [])
    ]
    return page.render_section(
        "provenance", say("provenance"), page.render_definitions(pairs), lead=say("provenance.lead")
    )


def _format_value(value: object, say: Texts) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return (
        page.render_notes([mark_language(line, say.language) for line in value]) if isinstance(value, list) else value
    )


def _render_cleaning(ingest: IngestReport | None, say: Texts) -> Markup:
    """One row per table: rows read, kept, dropped as duplicates and rejected, with the reasons."""
    if ingest is None or not ingest.tables:
        return Markup("")
    columns = [say(f"cleaned.{key}") for key in ("name", "read", "kept", "duplicates", "out", "why")]
    rows: list[list[object]] = []
    remarks: list[str] = []
    for table in ingest.tables.values():
        reasons = [tag("span", f"{say.count(n)} · ", why, class_="sub") for why, n in table.quarantined.items()]
        counts = (table.rows_read, table.rows_kept, table.duplicates_dropped, table.rows_quarantined)
        rows.append([table.name, *map(say.count, counts), join(reasons) if reasons else say("cleaned.none")])
        lines = [say("cleaned.times", form=table.timestamp)] if table.timestamp else []
        lines += [say("cleaned.added", n=say.count(table.added))] if table.added else []
        remarks += [f"{table.name}: {line}" for line in (*lines, *table.notes)]
    shown = page.render_data_table(say("cleaned.table"), columns, rows, text={5})
    return join([tag("h3", say("cleaned")), shown, page.render_notes(remarks)])


def _render_kinds(summary: DatasetSummary, say: Texts) -> Markup:
    rows = sorted(summary.kinds.items(), key=lambda row: -row[1])[:_MOST_KINDS]
    if not rows:
        return Markup("")
    share = rows[0][1] / (sum(summary.kinds.values()) or 1)
    labels = Labels(
        say("data.kinds", kind=rows[0][0], share=say.percent(share)),
        "; ".join(f"{kind} {say.count(n)}" for kind, n in rows),
        say("data.count"),
    )
    table = pl.DataFrame(rows, schema={"name": pl.String, "count": pl.Int64}, orient="row")
    return page.render_figure(labels.title, lambda width: draw_counts(table, labels, width=width))


def _render_coverage(coverage: Mapping[str, float], say: Texts) -> Markup:
    if not coverage:
        return Markup("")
    names = {name: say.modality(name) for name in coverage}
    most, least = max(coverage, key=lambda name: coverage[name]), min(coverage, key=lambda name: coverage[name])
    share = say.percent(coverage[least])
    if coverage[least] >= 1:
        title = say("coverage.all", modality=say.join(names.values()))
    elif coverage[most] >= 1:
        title = say("coverage.two", modality=names[most], other=names[least], share=share)
    else:
        title = say("coverage.most", modality=names[least], share=share)
    return draw_coverage(coverage, title, say("coverage.unit"), names, say)
