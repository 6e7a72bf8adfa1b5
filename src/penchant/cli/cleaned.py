"""`--clean`: rules of cleaning that a command applies to its data before anything else, because it was asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penchant.cli import parameters, terminal
from penchant.errors import OptionError

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset

MEND = "mend"
"""The word for mending cells: noise in texts, prices and values that cannot be."""


def rules_of(words: str | None) -> tuple[str, ...]:
    """Names of rules from a list with commas, each known. Raises `OptionError`."""
    names = tuple(dict.fromkeys(name.strip() for name in (words or "").split(",") if name.strip()))
    for name in names:
        if name not in parameters.CLEANING.split(", "):
            raise OptionError("--clean", name, allowed=parameters.CLEANING.split(", "))
    return names


def cleaned(dataset: Dataset, rules: tuple[str, ...]) -> Dataset:
    """The data without what the rules find, which is in the quarantine of the report; how much it was is said."""
    if not rules:
        return dataset
    from penchant.cleaning.clean import CleaningOptions, clean

    drop = tuple(name for name in rules if name != MEND)
    dataset, findings = clean(dataset, CleaningOptions(flag=(), drop=drop, mend=MEND in rules))
    for finding in findings:
        terminal.note(f"{finding.rule}: {len(finding):,} {finding.table} set aside ({finding.reason})")
    return dataset
