"""The doctor's page: findings on a data set, what to do, and advice, in the style of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from penchant.messages import text
from penchant.plots.markup import Markup, foreign, join, tag
from penchant.plots.svg import Labels, label, line, svg
from penchant.reports import page

_ICONS = {
    "problem": '<path d="M10 1l9 9-9 9-9-9z" fill="var(--problem)"/><path d="M10 5v6M10 13v2" stroke="var(--surface)" '
    'stroke-width="2"/>',
    "warn": '<path d="M10 2l9 16H1z" fill="none" stroke="var(--audio)" stroke-width="2" '
    'stroke-linejoin="round"/><path d="M10 8v5M10 14v2" stroke="var(--audio)" stroke-width="2"/>',
    "info": '<circle cx="10" cy="10" r="8" fill="none" stroke="var(--rule)" stroke-width="2"/>'
    '<path d="M10 9v6M10 5v2" stroke="var(--rule)" stroke-width="2"/>',
}


def render_doctor(title: str, result: Mapping[str, Any], language: str = "en") -> str:
    """The page as HTML: self-contained, without scripts. `result` is what `penchant check --json` writes.

    Same result, same bytes; text from the data is escaped. Raises `OptionError` for an unknown language.

    >>> empty = {"counts": {}, "findings": [], "advice": [], "volume": [], "tables": {}, "severities": {}}
    >>> "a &lt;b&gt;" in render_doctor("a <b>", empty)
    True
    """
    findings = result.get("findings", [])
    descriptions = [one for one in findings if one["severity"] == "info"]
    parts = [
        _volume(result.get("volume", []), language),
        _findings([one for one in findings if one["severity"] != "info"], result, language),
        _advice(result.get("advice", []), result.get("command", ""), language),
        page.folded(
            "description",
            text("doctor.page.description", language),
            text("doctor.page.description.lead", language, n=len(descriptions)),
            *(_card(one, language) for one in descriptions),
        ),
        _tables(result.get("tables", {}), language),
    ]
    sections = ("findings", "advice", "description", "tables")
    return page.render_page(
        title=f"{title} · penchant",
        language=language,
        kind=text("doctor.page.kind", language),
        hero=_hero(title, result, language),
        body=join(parts),
        footer=text("doctor.page.footer", language),
        jump={name: text(f"doctor.page.jump.{name}", language) for name in sections},
    )


def explain_advice(advice: Mapping[str, Any], language: str) -> str:
    """The condition that holds for the data and the reason, as a sentence each.

    >>> explain_advice({"condition": "the texts are in Latin script", "why": "MiniLM knows English."}, "en")
    'The texts are in Latin script. MiniLM knows English.'
    """
    condition = str(advice["condition"])
    condition = condition[:1].upper() + condition[1:] if language == "en" else condition
    return text("doctor.advice.because", language, condition=condition, why=advice["why"])


def show_choice(advice: Mapping[str, Any], language: str) -> str:
    """The option to type, or that the default suits.

    >>> show_choice({"choice": ""}, "en")
    'the default'
    """
    return str(advice["choice"]) or text("doctor.advice.default", language)


def figure_volume(volume: Sequence[Mapping[str, int]], *, title: str, desc: str, unit: str, width: float) -> Markup:
    """Bars from zero over time, one for each period from `start_s` to `end_s` with its `events`."""
    most = max((int(one["events"]) for one in volume), default=0) or 1
    top, bottom, step = 42.0, 166.0, width / len(volume)
    parts: list[object] = [label(unit, 0, 8, class_="muted unit")]
    for number, one in enumerate(volume):
        height = (bottom - top) * one["events"] / most
        hint = tag("title", f"{_day(one['start_s'])}: {one['events']:,}")
        bar = {"x": number * step, "y": bottom - height, "width": max(step - 2, 1.0), "height": height}
        parts.append(tag("rect", hint, class_="m-behaviour", **bar))
    peak = max(range(len(volume)), key=lambda n: volume[n]["events"])
    anchor = "start" if peak < len(volume) / 4 else "end" if peak > len(volume) * 3 / 4 else "middle"
    parts.append(label(f"{most:,}", (peak + 0.5) * step, top - 8, anchor=anchor, class_="halo strong"))
    parts.append(line(0, bottom, width, bottom, "zero"))
    parts.append(label(_day(volume[0]["start_s"]), 0, bottom + 14))
    parts.append(label(_day(volume[-1]["end_s"]), width, bottom + 14, anchor="end"))
    return svg(join(parts), width, bottom + 28, Labels(title, desc), "volume")


def _hero(title: str, result: Mapping[str, Any], language: str) -> Markup:
    counts = result.get("counts", {})
    severities = result.get("severities", {})
    problems, warnings = int(severities.get("problem", 0)), int(severities.get("warn", 0))
    events, users = f"{counts.get('events', 0):,}", f"{counts.get('users', 0):,}"
    verdict = text(
        f"doctor.page.verdict.{'problem' if problems else 'warn' if warnings else 'info'}",
        language,
        problems=text(f"doctor.page.n.{'problem' if problems == 1 else 'problems'}", language, n=problems),
        warnings=text(f"doctor.page.n.{'warning' if warnings == 1 else 'warnings'}", language, n=warnings),
        events=events,
        users=users,
    )
    first, last = (str(counts.get(name) or "–")[:10] for name in ("first_time", "last_time"))
    median = f"{counts.get('events_a_user', {}).get('median', 0):g}"
    described, rejected = f"{counts.get('items_with_text', 0):,}", f"{result.get('rows_quarantined', 0):,}"
    values = (
        ("events", events, rejected),
        ("users", users, median),
        ("items", f"{counts.get('items', 0):,}", described),
    )
    numbers = [
        page.Number(value, text(f"doctor.page.{name}", language), text(f"doctor.page.{name}.note", language, n=note))
        for name, value, note in values
    ]
    about = text("doctor.page.about", language, title=title, first=first, last=last)
    return page.hero(verdict, numbers, foreign(about, language))


def _volume(volume: Sequence[Mapping[str, int]], language: str) -> Markup:
    heading = text("doctor.page.volume", language)
    if not volume:
        none, step = text("doctor.page.volume.none", language), text("doctor.page.volume.next", language)
        return page.section("volume", heading, page.empty_state(none, step, "penchant check DATA"))
    total, so_far, median = sum(one["events"] for one in volume), 0, volume[-1]
    for one in volume:
        so_far += one["events"]
        if so_far * 2 >= total:
            median = one
            break
    peak = max(volume, key=lambda one: one["events"])
    days = {"peak": _day(peak["start_s"]), "median": _day(median["end_s"])}
    finding = text("doctor.page.volume.finding", language, **days)
    unit = text("doctor.page.volume.unit", language, n=len(volume))

    def draw(width: float) -> str:
        return figure_volume(volume, title=finding, desc=unit, unit=unit, width=width)

    return page.section("volume", heading, page.figure(finding, draw))


def _findings(findings: Sequence[Mapping[str, Any]], result: Mapping[str, Any], language: str) -> Markup:
    heading = text("doctor.page.findings", language)
    if not findings:
        none, step = text("doctor.page.findings.none", language), text("doctor.page.findings.next", language)
        return page.section("findings", heading, page.empty_state(none, step, str(result.get("command", ""))))
    return page.section("findings", heading, *(_card(one, language) for one in findings))


def _card(one: Mapping[str, Any], language: str) -> Markup:
    """One finding: its severity as a shape and in words, the sentence, what to do, examples."""
    severity = str(one["severity"])
    icon = tag(
        "svg", Markup(_ICONS[severity]), width=18, height=18, viewBox="0 0 20 20", aria_hidden="true",
        style="vertical-align:-3px;margin-right:8px",
    )  # fmt: skip
    examples = one.get("examples") or []
    chips = tag("ul", *(tag("li", foreign(example, language)) for example in examples), class_="chips")
    return tag(
        "div",
        tag(
            "h3",
            icon,
            one["title"],
            " ",
            tag("span", text(f"doctor.severity.{severity}", language), class_="muted small"),
        ),
        tag("p", foreign(one["sentence"].replace(" %", "\u00a0%"), language), style="margin-top:4px"),
        tag(
            "p",
            tag("b", text("doctor.page.todo", language)),
            " · ",
            _mark_code(str(one["remedy"])),
            class_="muted",
            style="margin-top:4px",
        ),
        join([tag("p", text("doctor.page.examples", language), class_="muted small", style="margin-top:8px"), chips])
        if examples
        else "",
        style="border-top:1px solid var(--line);padding-top:16px",
    )


def _advice(advice: Sequence[Mapping[str, Any]], command: str, language: str) -> Markup:
    if not advice:
        return Markup("")
    items = [
        join(
            [
                tag("dt", one["topic_title"]),
                tag(
                    "dd",
                    tag("code" if one["choice"] else "span", show_choice(one, language)),
                    tag("p", explain_advice(one, language), class_="muted"),
                ),
            ]
        )
        for one in advice
    ]
    comparison = [tag("h3", text("doctor.advice.next", language)), tag("pre", tag("code", command))] if command else []
    content = tag("div", tag("dl", *items, class_="facts"))
    lead = text("doctor.advice.lead", language)
    return page.section("advice", text("doctor.advice", language), content, *comparison, lead=lead)


def _tables(tables: Mapping[str, Mapping[str, Any]], language: str) -> Markup:
    keys = ("rows_read", "rows_kept", "duplicates_dropped", "rows_quarantined")
    columns = [text(f"doctor.page.tables.{key}", language) for key in ("table", *keys)]
    rows = [[name, *(f"{table.get(key, 0):,}" for key in keys)] for name, table in tables.items()]
    notes = [
        f"{name}: {line}"
        for name, table in tables.items()
        for line in [table.get("timestamp", ""), *table.get("quarantined", {}), *table.get("notes", [])]
        if line
    ]
    heading, lead = text("doctor.page.tables", language), text("doctor.page.tables.lead", language)
    content = page.data_table(heading, columns, rows, caption=False)
    return page.folded("tables", heading, lead, content, page.notes(notes))


def _mark_code(sentence: str) -> Markup:
    """A sentence with the options of the command line as code, unbroken."""
    parts = re.split(r"(--[a-z-]+(?: (?:random|time|all|cold-items))?)", sentence)
    return join(
        tag("code", part, style="white-space:nowrap") if number % 2 else part for number, part in enumerate(parts)
    )


def _day(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()
