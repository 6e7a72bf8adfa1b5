"""Tables of the linear probes of a model: quality beside baselines, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penchant.cli import terminal

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


def show_probes(model: str, results: Mapping[str, Any]) -> None:
    """Print one table for each probe, from `penchant.evaluation.probes.measure_probes`."""
    for name, part in results.items():
        if "left_out" in part:
            terminal.show(f"\n{model}: the {name} probe was not tested: {part['left_out']}")
            continue
        columns = COLUMNS[name]
        rows = [(ROWS[row], *(_cell(values.get(column)) for column in columns)) for row, values in part["rows"].items()]
        terminal.show()
        terminal.show_table((f"{model}, {name}", *(column.replace("_", " ") for column in columns)), rows)
        if name == "interest":
            negatives = f"{part['ratio']} sampled for each positive" if part["negatives"] == "sampled" else "real"
            terminal.show(
                f"{part['pairs']:,} pairs of {part['users']:,} users, {part['interested']:.1%} positive; "
                f"negatives: {negatives}"
            )
        else:
            terminal.show(f"{part['events']:,} events of {part['users']:,} users, {part['classes']} classes")
            classes, matrix = part["confusion"]["classes"], part["confusion"]["matrix"]
            lines = [(actual, *counts) for actual, counts in zip(classes, matrix, strict=True)]
            terminal.show_table(("actual \\ predicted", *classes), lines)


def show_left_out(record: FitRecord) -> None:
    """Which configured probes a recommender with this record lacks, and why."""
    for name, probe in record.probes.items():
        if "left_out" in probe:
            terminal.show(f"The {name} probe was not fitted: {probe['left_out']}")


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]"
    return value
