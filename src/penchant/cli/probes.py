"""Tables of the linear probes of a model: quality compared with baselines, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from penchant.cli import terminal
from penchant.data.results.estimates import Interval
from penchant.data.results.probes import (
    CategoryProbeResult,
    InterestProbeResult,
    Measures,
    ProbeResults,
    UntestedProbe,
)

if TYPE_CHECKING:
    from penchant.data.results.records import FitRecord

ROWS = {
    "probe": "probe",
    "dot": "dot product alone",
    "popularity": "item popularity",
    "share": "share of positives in training",
    "commonest": "most frequent class in training",
    "last": "class of the previous item",
}
COLUMNS = {
    "interest": ("auc", "log_loss", "calibration_error"),
    "category": ("accuracy", "macro_precision", "macro_recall", "macro_f1"),
}


def show_probes(model: str, results: ProbeResults) -> None:
    """Print one table for each probe."""
    interest, category = results.interest, results.category
    if isinstance(interest, InterestProbeResult):
        _show_table(f"{model}, interest", COLUMNS["interest"], interest.rows)
        negatives = f"{interest.ratio} sampled for each positive" if interest.negatives == "sampled" else "real"
        terminal.show(
            f"{interest.pairs:,} pairs of {interest.users:,} users, {interest.interested:.1%} positive; "
            f"negatives: {negatives}"
        )
    if isinstance(category, CategoryProbeResult):
        _show_table(f"{model}, category", COLUMNS["category"], category.rows)
        terminal.show(f"{category.events:,} events of {category.users:,} users, {category.classes} classes")
        classes, matrix = category.confusion.classes, category.confusion.matrix
        lines = [(actual, *counts) for actual, counts in zip(classes, matrix, strict=True)]
        terminal.show_table(("actual \\ predicted", *classes), lines)
    for name, part in (("interest", interest), ("category", category)):
        if isinstance(part, UntestedProbe):
            terminal.show(f"\n{model}: the {name} probe was not tested: {part.left_out}")


def show_left_out(record: FitRecord) -> None:
    """Print which configured probes a recommender with this record lacks, and why."""
    for name, probe in record.probes.items():
        if probe.left_out is not None:
            terminal.show(f"The {name} probe was not fitted: {probe.left_out}")


def _show_table(title: str, columns: Sequence[str], rows: Mapping[str, Measures]) -> None:
    lines = [(ROWS[name], *(_format(row.get(column)) for column in columns)) for name, row in rows.items()]
    terminal.show()
    terminal.show_table((title, *(column.replace("_", " ") for column in columns)), lines)


def _format(value: Interval | float | None) -> str | float | None:
    return str(value) if isinstance(value, Interval) else value
