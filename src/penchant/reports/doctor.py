"""The doctor's page: findings on a data set, what to do, and advice, in the style of the report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penchant.data.read_report import IngestReport
from penchant.data.results.contents import DatasetContents
from penchant.messages import text
from penchant.plots.markup import Markup, join, mark_language, tag
from penchant.plots.svg import Labels, draw_label, draw_line, draw_svg
from penchant.reports import page

if TYPE_CHECKING:
    from penchant.cleaning.doctor.advice import Advice
    from penchant.cleaning.doctor.doctor import Diagnosis
    from penchant.cleaning.doctor.finding import Observation
    from penchant.cleaning.doctor.times import Period

_ICONS = {
    "problem": '<path d="M10 1l9 9-9 9-9-9z" fill="var(--problem)"/><path d="M10 5v6M10 13v2" stroke="var(--surface)" '
    'stroke-width="2"/>',
    "warn": '<path d="M10 2l9 16H1z" fill="none" stroke="var(--audio)" stroke-width="2" '
    'stroke-linejoin="round"/><path d="M10 8v5M10 14v2" stroke="var(--audio)" stroke-width="2"/>',
    "info": '<circle cx="10" cy="10" r="8" fill="none" stroke="var(--rule)" stroke-width="2"/>'
    '<path d="M10 9v6M10 5v2" stroke="var(--rule)" stroke-width="2"/>',
}


def render_doctor(
    title: str,
    diagnosis: Diagnosis,
    contents: DatasetContents,
    ingest: IngestReport | None = None,
    language: str = "en",
) -> str:
    """The page as HTML: self-contained, without scripts.

    Same result, same bytes; text from the data is escaped. Raises `OptionError` for an unknown language.

    >>> from penchant.cleaning.doctor.doctor import examine
    >>> from penchant.data.dataset import Dataset
    >>> diagnosis = examine(Dataset.from_tables({"user_id": ["a"], "item_id": ["x"], "timestamp": [1700000000]}))
    >>> "a &lt;b&gt;" in render_doctor("a <b>", diagnosis, DatasetContents(users=1, items=1, events=1))
    True
    """
    descriptions = [one for one in diagnosis.observations if one.severity == "info"]
    parts = [
        _render_volume(diagnosis.volume, language),
        _render_findings(diagnosis, language),
        _render_advice(diagnosis, language),
        page.render_folded(
            "description",
            text("doctor.page.description", language),
            text("doctor.page.description.lead", language, n=len(descriptions)),
            *(_render_card(one, language) for one in descriptions),
        ),
        _render_tables(ingest, language),
    ]
    sections = ("findings", "advice", "description", "tables")
    return page.render_page(
        title=f"{title} · penchant",
        language=language,
        kind=text("doctor.page.kind", language),
        hero=_render_hero(title, diagnosis, contents, ingest.rows_quarantined if ingest else 0, language),
        body=join(parts),
        footer=text("doctor.page.footer", language),
        jump={name: text(f"doctor.page.jump.{name}", language) for name in sections},
    )


def explain_advice(advice: Advice, language: str) -> str:
    """The condition that holds for the data and the reason, as a sentence each."""
    condition = advice.condition(language)
    condition = condition[:1].upper() + condition[1:] if language == "en" else condition
    return text("doctor.advice.because", language, condition=condition, why=advice.why(language))


def format_choice(advice: Advice, language: str) -> str:
    """The option to type, or that the default suits."""
    return advice.choice or text("doctor.advice.default", language)


def draw_volume(volume: Sequence[Period], *, title: str, unit: str, width: float) -> Markup:
    """Bars from zero over time, one for each period."""
    most = max((one.events for one in volume), default=0) or 1
    top, bottom, step = 42.0, 166.0, width / len(volume)
    parts: list[object] = [draw_label(unit, 0, 8, class_="muted unit")]
    for number, one in enumerate(volume):
        height = (bottom - top) * one.events / most
        hint = tag("title", f"{_format_day(one.start_s)}: {one.events:,}")
        bar = {"x": number * step, "y": bottom - height, "width": max(step - 2, 1.0), "height": height}
        parts.append(tag("rect", hint, class_="m-behaviour", **bar))
    peak = max(range(len(volume)), key=lambda n: volume[n].events)
    anchor = "start" if peak < len(volume) / 4 else "end" if peak > len(volume) * 3 / 4 else "middle"
    parts.append(draw_label(f"{most:,}", (peak + 0.5) * step, top - 8, anchor=anchor, class_="halo strong"))
    parts.append(draw_line(0, bottom, width, bottom, "zero"))
    parts.append(draw_label(_format_day(volume[0].start_s), 0, bottom + 14))
    parts.append(draw_label(_format_day(volume[-1].end_s), width, bottom + 14, anchor="end"))
    return draw_svg(join(parts), width, bottom + 28, Labels(title, unit), "volume")


def _render_hero(
    title: str, diagnosis: Diagnosis, contents: DatasetContents, rows_quarantined: int, language: str
) -> Markup:
    problems, warnings = diagnosis.count("problem"), diagnosis.count("warn")
    events, users = f"{contents.events:,}", f"{contents.users:,}"
    verdict = text(
        f"doctor.page.verdict.{'problem' if problems else 'warn' if warnings else 'info'}",
        language,
        problems=text(f"doctor.page.n.{'problem' if problems == 1 else 'problems'}", language, n=problems),
        warnings=text(f"doctor.page.n.{'warning' if warnings == 1 else 'warnings'}", language, n=warnings),
        events=events,
        users=users,
    )
    first, last = ((time or "–")[:10] for time in (contents.first_time, contents.last_time))
    values = (
        ("events", events, f"{rows_quarantined:,}"),
        ("users", users, f"{contents.median_events:g}"),
        ("items", f"{contents.items:,}", f"{contents.items_with_text:,}"),
    )
    numbers = [
        page.Number(value, text(f"doctor.page.{name}", language), text(f"doctor.page.{name}.note", language, n=note))
        for name, value, note in values
    ]
    about = text("doctor.page.about", language, title=title, first=first, last=last)
    return page.render_hero(verdict, numbers, mark_language(about, language))


def _render_volume(volume: Sequence[Period], language: str) -> Markup:
    heading = text("doctor.page.volume", language)
    if not volume:
        none, step = text("doctor.page.volume.none", language), text("doctor.page.volume.next", language)
        return page.render_section("volume", heading, page.render_empty_state(none, step, "penchant check DATA"))
    total, so_far, median = sum(one.events for one in volume), 0, volume[-1]
    for one in volume:
        so_far += one.events
        if so_far * 2 >= total:
            median = one
            break
    peak = max(volume, key=lambda one: one.events)
    days = {"peak": _format_day(peak.start_s), "median": _format_day(median.end_s)}
    finding = text("doctor.page.volume.finding", language, **days)
    unit = text("doctor.page.volume.unit", language, n=len(volume))

    def draw(width: float) -> str:
        return draw_volume(volume, title=finding, unit=unit, width=width)

    return page.render_section("volume", heading, page.render_figure(finding, draw))


def _render_findings(diagnosis: Diagnosis, language: str) -> Markup:
    findings = [one for one in diagnosis.observations if one.severity != "info"]
    heading = text("doctor.page.findings", language)
    if not findings:
        none, step = text("doctor.page.findings.none", language), text("doctor.page.findings.next", language)
        return page.render_section("findings", heading, page.render_empty_state(none, step, diagnosis.command))
    return page.render_section("findings", heading, *(_render_card(one, language) for one in findings))


def _render_card(one: Observation, language: str) -> Markup:
    """One finding: its severity as a shape and in words, the sentence, what to do, examples."""
    severity = one.severity
    icon = tag(
        "svg", Markup(_ICONS[severity]), width=18, height=18, viewBox="0 0 20 20", aria_hidden="true",
        style="vertical-align:-3px;margin-right:8px",
    )  # fmt: skip
    chips = tag("ul", *(tag("li", mark_language(example, language)) for example in one.examples), class_="chips")
    return tag(
        "div",
        tag(
            "h3",
            icon,
            one.title(language),
            " ",
            tag("span", text(f"doctor.severity.{severity}", language), class_="muted small"),
        ),
        tag("p", mark_language(one.sentence(language).replace(" %", "\u00a0%"), language), style="margin-top:4px"),
        tag(
            "p",
            tag("b", text("doctor.page.todo", language)),
            " · ",
            _mark_code(one.remedy(language)),
            class_="muted",
            style="margin-top:4px",
        ),
        join([tag("p", text("doctor.page.examples", language), class_="muted small", style="margin-top:8px"), chips])
        if one.examples
        else "",
        style="border-top:1px solid var(--line);padding-top:16px",
    )


def _render_advice(diagnosis: Diagnosis, language: str) -> Markup:
    if not diagnosis.advice:
        return Markup("")
    items = [
        join(
            [
                tag("dt", one.title(language)),
                tag(
                    "dd",
                    tag("code" if one.choice else "span", format_choice(one, language)),
                    tag("p", explain_advice(one, language), class_="muted"),
                ),
            ]
        )
        for one in diagnosis.advice
    ]
    comparison = [tag("h3", text("doctor.advice.next", language)), tag("pre", tag("code", diagnosis.command))]
    content = tag("div", tag("dl", *items, class_="definitions"))
    lead = text("doctor.advice.lead", language)
    return page.render_section("advice", text("doctor.advice", language), content, *comparison, lead=lead)


def _render_tables(ingest: IngestReport | None, language: str) -> Markup:
    tables = ingest.tables.values() if ingest else ()
    keys = ("rows_read", "rows_kept", "duplicates_dropped", "rows_quarantined")
    columns = [text(f"doctor.page.tables.{key}", language) for key in ("table", *keys)]
    counts = [(t.name, t.rows_read, t.rows_kept, t.duplicates_dropped, t.rows_quarantined) for t in tables]
    rows = [[name, *(f"{count:,}" for count in row)] for name, *row in counts]
    notes = [
        f"{table.name}: {line}"
        for table in tables
        for line in [table.timestamp, *table.quarantined, *table.notes]
        if line
    ]
    heading, lead = text("doctor.page.tables", language), text("doctor.page.tables.lead", language)
    content = page.render_data_table(heading, columns, rows, caption=False)
    return page.render_folded("tables", heading, lead, content, page.render_notes(notes))


def _mark_code(sentence: str) -> Markup:
    """A sentence with the options of the command line as code, unbroken."""
    parts = re.split(r"(--[a-z-]+(?: (?:random|time|all|cold-items))?)", sentence)
    return join(
        tag("code", part, style="white-space:nowrap") if number % 2 else part for number, part in enumerate(parts)
    )


def _format_day(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()
