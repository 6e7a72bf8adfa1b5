"""`penchant check`: what a folder of data holds, what was recognised, and what would be refused and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penchant.cli import parameters, terminal

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset


def check(data: parameters.DataFolder, json: parameters.AsJson = False, strict: parameters.Strict = False) -> None:
    """Read a folder of data and say what is in it, what was recognised and what is wrong."""
    from penchant.data.dataset import Dataset
    from penchant.errors import DataError

    dataset = Dataset.load(data)
    result = findings(dataset)
    if json:
        terminal.show_json({"data": str(data), **result})
    else:
        show_findings(dataset)
    refused = result["rows_quarantined"]
    if strict and refused:
        raise DataError(
            f"{refused:,} rows of {data} are in quarantine, and --strict allows none.",
            remedy="Mend the rows that the table above names, or leave --strict out.",
        )
    if not json:
        terminal.note(f"Next: penchant train {data} --out BUNDLE")


def findings(dataset: Dataset) -> dict[str, Any]:
    """Counts of a data set and the report of its reading, as plain values."""
    report = dataset.report
    return {
        "counts": counts(dataset),
        "rows_quarantined": report.rows_quarantined if report else 0,
        "tables": report.to_dict() if report else {},
    }


def counts(dataset: Dataset) -> dict[str, Any]:
    """How much there is: users, items, events, kinds, first and last time, events a user, texts."""
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
    """The same for a person: one table of the files, one of the counts, and the reasons of refused rows."""
    tables = dataset.report.tables.values() if dataset.report else ()
    if tables:
        columns = ("table", "source", "read", "kept", "duplicates", "quarantined")
        rows = [(t.name, t.source, t.rows_read, t.rows_kept, t.duplicates_dropped, t.rows_quarantined) for t in tables]
        terminal.show_table(columns, rows)
        terminal.show()
    found = counts(dataset)
    terminal.show_table(
        ("users", "items", "events", "from", "to", "events a user (median)", "items with text"),
        [
            (
                found["users"],
                found["items"],
                found["events"],
                (found["first_time"] or "–")[:10],
                (found["last_time"] or "–")[:10],
                f"{found['events_a_user']['median']:g}",
                found["items_with_text"],
            )
        ],
    )
    terminal.show("kinds: " + ", ".join(f"{kind} {number:,}" for kind, number in found["kinds"].items()))
    for table in tables:
        for line in table.lines()[1:]:
            terminal.show(f"{table.name}: {line.strip()}")


def _iso(time_s: object) -> str | None:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z") if isinstance(time_s, int) else None
