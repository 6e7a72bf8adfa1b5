"""What the heads of a model are worth, on the terminal: beside simple answers, the confusion matrix below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penchant.cli import terminal

ANSWERS = {
    "probe": "the probe",
    "dot": "the bare dot product",
    "popularity": "popularity of the item",
    "share": "the share as taught",
    "commonest": "the most frequent class",
    "last": "the class of the item before",
}
_INTEREST = ("auc", "log_loss", "calibration_error")
_CATEGORY = ("accuracy", "macro_precision", "macro_recall", "macro_f1")


def show_probes(model: str, found: Mapping[str, Any]) -> None:
    """One table a head, as `penchant.evaluation.heads.probe_results` found them."""
    for name, part in found.items():
        if "left_out" in part:
            terminal.show(f"\n{model}: the {name} head was not tested: {part['left_out']}")
            continue
        measures = _INTEREST if name == "interest" else _CATEGORY
        rows = [(ANSWERS[row], *(_cell(values.get(m)) for m in measures)) for row, values in part["rows"].items()]
        terminal.show()
        terminal.show_table((f"{model}, {name}", *(m.replace("_", " ") for m in measures)), rows)
        if name == "interest":
            drawn = f"{part['ratio']} sampled for each" if part["negatives"] == "sampled" else "real"
            terminal.show(
                f"on {part['pairs']:,} pairs of {part['people']:,} people, {part['interested']:.1%} of interest; "
                f"negatives: {drawn}"
            )
            continue
        terminal.show(f"on {part['events']:,} events of {part['people']:,} people, {part['classes']} classes")
        classes = part["confusion"]["classes"]
        lines = list(zip(classes, part["confusion"]["matrix"], strict=True))
        terminal.show_table(("actual \\ told", *classes), [(actual, *counts) for actual, counts in lines])


def show_untaught(facts: Mapping[str, Any]) -> None:
    """Which heads a recommender with these facts was to get and did not."""
    for name, told in facts.get("probes", {}).items():
        if "left_out" in told:
            terminal.show(f"The {name} head was not taught: {told['left_out']}")


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]"
    return value
