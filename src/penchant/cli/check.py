"""`penchant check`: the contents of a folder of data, rejected rows, findings of the doctor, and advice."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from penchant.cli import parameters, terminal

if TYPE_CHECKING:
    from penchant.cleaning.doctor.advice import Machine
    from penchant.cleaning.doctor.doctor import Diagnosis
    from penchant.data.dataset import Dataset


def check(
    data: parameters.DataFolder,
    json: parameters.AsJson = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if rows are in quarantine or the doctor finds a problem.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE.html", help="Also write everything as one page.")
    ] = None,
    language: Annotated[
        Literal["en", "zh"], typer.Option("--language", help="Language of findings, advice and page.")
    ] = "en",
) -> None:
    """Examine a folder of data: its contents, its problems, and advice on how to train on it."""
    from penchant.cleaning.doctor.doctor import examine
    from penchant.data.dataset import Dataset
    from penchant.errors import DataError

    with terminal.progress() as report:
        report("reading", 0.0)
        dataset = Dataset.load(data)
        report("examining", 0.0)
        diagnosis = examine(dataset, machine=this_machine(), now_s=int(time.time()))
    result = {"data": str(data), **findings(dataset), **diagnosis.to_dict(language)}
    if json:
        terminal.show_json(result)
    else:
        show_findings(dataset)
        show_diagnosis(diagnosis, language)
    if page is not None:
        _write_page(page, data, result, language)
    rejected, problems = result["rows_quarantined"], diagnosis.count("problem")
    if strict and rejected:
        raise DataError(
            f"{rejected:,} rows of {data} are in quarantine, and --strict allows none.",
            remedy="Correct the rows that the table above names, or leave --strict out.",
        )
    if strict and problems:
        raise DataError(
            f"The doctor finds {problems} problems in {data}, and --strict allows none.",
            remedy="Resolve the problems above, or leave --strict out.",
        )
    if not json:
        terminal.note(f"Next: penchant train {data} --out BUNDLE")


def this_machine() -> Machine:
    """Cores, memory and whether there is a GPU, for the advice."""
    from penchant.cleaning.doctor.advice import Machine

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError, AttributeError):
        memory = 8.0
    return Machine(cores, round(memory, 1), gpu=Path("/proc/driver/nvidia/version").exists())


def show_diagnosis(diagnosis: Diagnosis, language: str = "en") -> None:
    """Print findings and advice: the worst first, each with what to do."""
    from penchant.messages import text
    from penchant.reports.doctor import explain_advice, show_choice

    terminal.show()
    for one in diagnosis.observations:
        severity = text(f"doctor.severity.{one.severity}", language).upper()
        terminal.show(f"{severity:<8}{one.sentence(language)}")
        if one.severity != "info":
            terminal.show(f"        → {one.remedy(language)}")
        if one.examples:
            terminal.show("        " + text("doctor.terminal.examples", language, ids=", ".join(one.examples)))
    terminal.show()
    result = diagnosis.to_dict(language)
    columns = [text(f"doctor.terminal.{name}", language) for name in ("advice", "choose", "because")]
    rows = [(one["topic_title"], show_choice(one, language), explain_advice(one, language)) for one in result["advice"]]
    terminal.show_table(columns, rows)
    terminal.show()
    terminal.show(text("doctor.terminal.try", language, command=result["command"]))


def _write_page(path: Path, data: Path, result: dict[str, Any], language: str) -> None:
    from penchant.artifacts.atomic import atomic_file
    from penchant.reports.doctor import render_doctor

    text = render_doctor(data.resolve().name, result, language)
    with atomic_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "replace"))
    terminal.note(f"Written: {path}")


def findings(dataset: Dataset) -> dict[str, Any]:
    """Counts of a data set and the report on its files, as plain values."""
    report = dataset.report
    return {
        "counts": counts(dataset),
        "rows_quarantined": report.rows_quarantined if report else 0,
        "tables": report.to_dict() if report else {},
    }


def counts(dataset: Dataset) -> dict[str, Any]:
    """Counts of users, items, events, kinds and texts; first and last time; events a user."""
    import numpy as np
    import polars as pl

    from penchant.data import schema

    events = dataset.events
    lengths = dataset.sequences().lengths
    lengths = lengths[lengths > 0]
    kinds = events[schema.KIND].value_counts(sort=True)
    texts = [column for column in (schema.TITLE, schema.DESCRIPTION, schema.TEXT) if column in dataset.items.columns]
    described = dataset.items.select(pl.any_horizontal([pl.col(c).is_not_null() for c in texts])) if texts else None
    times = events[schema.TIME_S].drop_nulls()
    return {
        "users": dataset.n_users,
        "items": dataset.n_items,
        "events": dataset.n_events,
        "kinds": dict(zip(dataset.kinds.decode(kinds[schema.KIND].to_numpy()), kinds["count"].to_list(), strict=True)),
        "first_time": _iso(times.min()),
        "last_time": _iso(times.max()),
        "events_a_user": {
            "median": float(np.median(lengths)) if len(lengths) else 0.0,
            "most": int(lengths.max(initial=0)),
        },
        "items_with_events": int(events[schema.ITEM].drop_nulls().n_unique()),
        "items_with_text": int(described.to_series().sum()) if described is not None else 0,
        "relations": dataset.relations.height if dataset.relations is not None else 0,
    }


def show_findings(dataset: Dataset) -> None:
    """Print a table of the files, one of the counts, and the reasons for quarantine."""
    tables = dataset.report.tables.values() if dataset.report else ()
    if tables:
        columns = ("table", "source", "read", "kept", "duplicates", "quarantined")
        rows = [(t.name, t.source, t.rows_read, t.rows_kept, t.duplicates_dropped, t.rows_quarantined) for t in tables]
        terminal.show_table(columns, rows)
        terminal.show()
    totals = counts(dataset)
    terminal.show_table(
        ("users", "items", "events", "from", "to", "events a user (median)", "items with text"),
        [
            (
                totals["users"],
                totals["items"],
                totals["events"],
                (totals["first_time"] or "–")[:10],
                (totals["last_time"] or "–")[:10],
                f"{totals['events_a_user']['median']:g}",
                totals["items_with_text"],
            )
        ],
    )
    terminal.show("kinds: " + ", ".join(f"{kind} {number:,}" for kind, number in totals["kinds"].items()))
    for table in tables:
        for line in table.lines()[1:]:
            terminal.show(f"{table.name}: {line.strip()}")


def _iso(time_s: object) -> str | None:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z") if isinstance(time_s, int) else None
