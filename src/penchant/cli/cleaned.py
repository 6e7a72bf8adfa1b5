"""`--clean`: optional cleaning rules that a command applies to its data first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penchant.cli import terminal

if TYPE_CHECKING:
    from penchant.cleaning.clean import CleaningOptions
    from penchant.data.dataset import Dataset


def parse(rules: str | None) -> CleaningOptions | None:
    """The value of `--clean` as options (None: no cleaning). Raises `OptionError`, `UsageError`."""
    if not rules:
        return None
    from penchant.cleaning.clean import parse_rules

    return parse_rules(rules)


def clean_dataset(dataset: Dataset, options: CleaningOptions | None) -> Dataset:
    """The cleaned dataset, with flagged rows in the quarantine of its report; notes how many rows each rule flags."""
    if options is None:
        return dataset
    from penchant.cleaning.clean import clean

    dataset, findings = clean(dataset, options)
    for finding in findings:
        terminal.note(f"{finding.rule}: {len(finding):,} {finding.table} to quarantine ({finding.reason})")
    return dataset
