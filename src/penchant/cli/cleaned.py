"""`--clean`: rules of cleaning that a command applies to its data before anything else, because it was asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penchant.cli import parameters, terminal
from penchant.errors import OptionError, UsageError

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset

MEND = "mend"
"""The word for mending cells: noise in texts, prices and values that cannot be."""
SPELLING = "spelling"
SCRIPTS = ("simplified", "traditional")


def rules_of(words: str | None) -> tuple[str, ...]:
    """Words of a list with commas, each known: a rule, or `TABLE.COLUMN=HOW`. Raises `OptionError`, `UsageError`."""
    names = tuple(dict.fromkeys(name.strip() for name in (words or "").split(",") if name.strip()))
    for name in names:
        if "=" not in name and name not in parameters.CLEANING.split(", "):
            raise OptionError("--clean", name, allowed=parameters.CLEANING.split(", "))
    if any("=" in name for name in names):
        from penchant.cleaning.filled import check_fills

        check_fills(_fills(names))
    if len(set(SCRIPTS) & set(names)) > 1:
        raise UsageError(f"--clean {words}: one script at a time.", remedy="Name simplified or traditional.")
    return names


def cleaned(dataset: Dataset, rules: tuple[str, ...]) -> Dataset:
    """The data without what the rules find, which is in the quarantine of the report; how much it was is said."""
    if not rules:
        return dataset
    from penchant.cleaning.clean import CleaningOptions, clean

    words = {MEND, SPELLING, *SCRIPTS}
    options = CleaningOptions(
        flag=(),
        drop=tuple(name for name in rules if name not in words and "=" not in name),
        mend=MEND in rules,
        spelling=SPELLING in rules,
        script=next((name for name in rules if name in SCRIPTS), ""),
        fill=_fills(rules),
    )
    dataset, findings = clean(dataset, options)
    for finding in findings:
        terminal.note(f"{finding.rule}: {len(finding):,} {finding.table} set aside ({finding.reason})")
    return dataset


def _fills(rules: tuple[str, ...]) -> dict[str, str]:
    """How missing cells are filled, by `table.column`."""
    pairs = [rule.partition("=") for rule in rules if "=" in rule]
    return {place.strip(): how.strip() for place, _, how in pairs}
