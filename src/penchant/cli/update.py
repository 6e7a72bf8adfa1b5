"""`penchant update`: an incremental update of a bundle with new events, items and users."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.cli import parameters, terminal
from penchant.cli.probes import show_left_out
from penchant.errors import DataError
from penchant.options import Json

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset
    from penchant.evaluation.drift import Drift


def update(
    ctx: typer.Context,
    bundle: parameters.BundleFolder,
    new_data: Annotated[
        Path,
        typer.Argument(
            metavar="NEW_DATA", help="Data folder with the new rows. Rows that the bundle already has are ignored."
        ),
    ],
    epochs: Annotated[
        int, typer.Option("--epochs", min=0, help="Passes of networks over recent histories; 0 trains no network.")
    ] = 2,
    replay: Annotated[
        float, typer.Option("--replay", min=0, help="Other users drawn at random for each user with new events.")
    ] = 1.0,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="Learning rate, as a share of that of the first training. Above 0.")
    ] = 0.3,
    fit_weights: Annotated[
        bool, typer.Option("--fit-weights", help="Fit the weights of an ensemble again, on the newest events.")
    ] = False,
    against_retrain: Annotated[
        bool,
        typer.Option("--against-retrain", help="Also train from scratch, and report the difference to the update."),
    ] = False,
    seed: parameters.SeedOfBundle = None,
    strict: parameters.Strict = False,
    json: parameters.AsJson = False,
) -> None:
    """Update a bundle with new rows: cold items are scored by their content, networks continue from their weights.

    The result is a new version of the bundle. Under torchrun several processes train together; the first one reports
    and writes.
    """
    from penchant.data.ingest.load import load_folder
    from penchant.evaluation.drift import measure_drift
    from penchant.recommender.recommender import Recommender
    from penchant.training.continuing import UpdateOptions
    from penchant.training.distributed import is_first_process
    from penchant.workflows.report import ReportOptions
    from penchant.workflows.report import report as render

    options = UpdateOptions(epochs=epochs, replay=replay, rate=rate, fit_weights=fit_weights, seed=seed)
    rec = Recommender.load(bundle)
    data = load_folder(new_data, strict=strict, needs_events=False)
    unused = collect_unused(rec.dataset, data)
    is_first = is_first_process()
    if is_first and not json:
        show_unused(unused)
    with terminal.progress(shown=is_first) as report:
        fresh = rec.update(data, options, progress=report)
        drift = None
        if against_retrain and fresh is not rec:
            try:
                drift = measure_drift(rec, data, options, progress=report)
            except DataError as error:  # the update itself is kept
                terminal.note(f"The update is not compared with a full training: {error}")
        folder = None
        if not is_first:
            return
        if fresh is not rec:
            html = render(
                fresh, options=ReportOptions(title=bundle.resolve().name, command=terminal.write_command(ctx))
            )
            folder = fresh.save(bundle, report_html=html)
    nothing: Json = {"new": {}, "known_events": data.n_events}
    new = fresh.record.updates[-1].to_dict() if folder else nothing
    if json:
        summary = {"bundle": str(bundle), "version": folder.name if folder else None, **new}
        records = {name: record.to_dict() for name, record in fresh.record.probes.items()}
        probes = {"probes": records} if folder and records else {}
        terminal.show_json({**summary, **probes, **unused, "drift": drift.to_dict() if drift else None})
        return
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in new["new"].items())
    terminal.show(f"New: {counts or 'nothing'}; {new['known_events']:,} events were already known")
    for place, sentence in new.get("files", {}).items():
        terminal.show(f"{place}: {sentence}")
    if drift:
        show_drift(drift)
    for vectors in new.get("vectors_unused", ()):
        terminal.show(f"{vectors}: the bundle does not know these vectors and does not use them")
    for name, why in new.get("left_out", {}).items():
        terminal.show(f"{name} is left out: {why} --fit-weights fits the weights of the others.")
    if folder is None:
        terminal.show(f"{bundle} is unchanged")
        return
    show_left_out(fresh.record)
    terminal.show(f"Wrote version {folder.name} of the bundle {bundle}")


def collect_unused(known: Dataset, data: Dataset) -> dict[str, Json]:
    """Data that the update does not use, by table: rejected rows, unreadable cells, and notes of the reader."""
    from penchant.data.ingest.merge import count_unread_cells

    tables = data.report.tables if data.report else {}
    return {
        "rows_quarantined": {name: dict(table.quarantined) for name, table in tables.items()},
        "cells_unread": count_unread_cells(known, data),
        "notes": {name: list(table.notes) for name, table in tables.items() if table.notes},
    }


def show_unused(unused: dict[str, Json]) -> None:
    """Print these data, one line each."""
    for name, reasons in unused["rows_quarantined"].items():
        for reason, count in reasons.items():
            terminal.note(f"{name}: {count:,} rows are in quarantine: {reason}.")
    for name, columns in unused["cells_unread"].items():
        for column, count in columns.items():
            terminal.note(
                f"{name}: {count:,} cells of {column} cannot be read in the type of the known column. They count as"
                " missing, and known values stay."
            )
    for name, notes in unused["notes"].items():
        for note in notes:
            terminal.note(f"{name}: {note}.")


def show_drift(drift: Drift) -> None:
    """Print the update compared with the earlier version and a full training."""
    rows = [
        ("before", drift.ndcg_before, None),
        ("updated", drift.ndcg_updated, drift.update_cpu_s),
        ("trained from scratch", drift.ndcg_retrained, drift.retrain_cpu_s),
    ]
    terminal.show_table(("bundle", "ndcg@10", "CPU seconds"), rows)
    cosine = f", interest vectors at cosine {drift.cosine:.3f}" if drift.cosine is not None else ""
    terminal.show(
        f"on the held-out newest event of {drift.users:,} users; the top ten of the update and of the full training"
        f" share {drift.overlap:.0%} of their items{cosine}"
    )
