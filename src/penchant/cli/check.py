"""`penchant check`: the contents of a data folder, rejected rows, findings of the doctor, and advice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from penchant.cli import parameters, terminal

if TYPE_CHECKING:
    from penchant.cleaning.doctor.doctor import Diagnosis
    from penchant.data.dataset import Dataset


def check(
    data: parameters.DataFolder,
    json: parameters.AsJson = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 1 if rows are in quarantine or the doctor finds a problem.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE.html", help="Also write the result as one HTML page.")
    ] = None,
    language: Annotated[
        Literal["en", "zh"], typer.Option("--language", help="Language of the output and of the page.")
    ] = "en",
) -> None:
    """Check a data folder: its contents, its problems, and advice on how to train on it."""
    from penchant.messages import text
    from penchant.workflows.check import check_folder

    with terminal.progress() as report:
        checked = check_folder(data, now_s=int(time.time()), progress=report)
    if json:
        terminal.show_json(checked.to_dict(language))
    else:
        show_dataset(checked.dataset, language)
        show_diagnosis(checked.diagnosis, language)
    if page is not None:
        checked.write_page(page, language)
        terminal.note(text("doctor.read.written", language, file=page))
    if strict:
        checked.require_clean()
    if not json:
        terminal.note(text("doctor.read.next", language, command=f"penchant train {data} --out BUNDLE"))


def show_diagnosis(diagnosis: Diagnosis, language: str = "en") -> None:
    """Print findings and advice, the worst first, each with its remedy."""
    from penchant.messages import text
    from penchant.reports.doctor import explain_advice, format_choice

    terminal.show()
    for one in diagnosis.observations:
        severity = text(f"doctor.severity.{one.severity}", language).upper()
        terminal.show(f"{severity:<8}{one.sentence(language)}")
        if one.severity != "info":
            terminal.show(f"        → {one.remedy(language)}")
        if one.examples:
            terminal.show("        " + text("doctor.terminal.examples", language, ids=", ".join(one.examples)))
    terminal.show()
    columns = [text(f"doctor.terminal.{name}", language) for name in ("advice", "choose", "because")]
    rows = [
        (one.title(language), format_choice(one, language), explain_advice(one, language)) for one in diagnosis.advice
    ]
    terminal.show_table(columns, rows)
    terminal.show()
    terminal.show(text("doctor.terminal.try", language, command=diagnosis.command))


def show_dataset(dataset: Dataset, language: str = "en") -> None:
    """Print a table of the files, one of the counts, and the reasons for quarantine."""
    from penchant.cleaning.doctor.contents import count_contents
    from penchant.messages import text

    def say(key: str, **values: object) -> str:
        return text(f"doctor.read.{key}", language, **values)

    tables = dataset.report.tables.values() if dataset.report else ()
    if tables:
        columns = [say(key) for key in ("table", "source", "rows", "kept", "duplicates", "rejected")]
        rows = [(t.name, t.source, t.rows_read, t.rows_kept, t.duplicates_dropped, t.rows_quarantined) for t in tables]
        terminal.show_table(columns, rows)
        terminal.show()
    contents = count_contents(dataset)
    totals = {
        "users": contents.users,
        "items": contents.items,
        "events": contents.events,
        "from": (contents.first_time or "–")[:10],
        "to": (contents.last_time or "–")[:10],
        "median": f"{contents.median_events:g}",
        "with_text": contents.items_with_text,
    }
    terminal.show_table([say(key) for key in totals], [tuple(totals.values())])
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in contents.kinds.items())
    terminal.show(say("kinds", kinds=kinds))
    for table in tables:
        for line in table.remarks(language):
            terminal.show(f"{table.name}: {line}")
