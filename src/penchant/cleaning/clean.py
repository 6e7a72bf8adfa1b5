"""All rules in order, as options say; what each did stands in the report of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penchant.cleaning.before_item import events_before_item
from penchant.cleaning.copied_texts import copied_texts
from penchant.cleaning.duplicate_items import DuplicateOptions, duplicate_items
from penchant.cleaning.filled import check_fills, filled
from penchant.cleaning.finding import Finding, noted
from penchant.cleaning.impossible import ImpossibleOptions, impossible_cells, impossible_events
from penchant.cleaning.kcore import outside_core
from penchant.cleaning.repeated_events import repeated_events
from penchant.cleaning.suspicious_users import SuspicionOptions, suspicious_users
from penchant.cleaning.text_noise import NoiseOptions, clean_texts
from penchant.cleaning.words import SCRIPTS, one_script, spelt
from penchant.data.dataset import Dataset
from penchant.errors import OptionError, UsageError

RULES = (
    *("impossible_events", "events_before_item", "repeated_events", "copied_texts", "suspicious_users"),
    *("duplicate_items", "outside_core"),
)
"""Rules that find rows, in the order in which they run."""


@dataclass(frozen=True)
class CleaningOptions:
    """Which rules of cleaning run, and what happens to what they find. By default no row is dropped."""

    flag: tuple[str, ...] = ("suspicious_users", "events_before_item")
    """Rules whose findings are counted in the report."""
    drop: tuple[str, ...] = ()
    """Rules whose findings go to quarantine."""
    mend: bool = True
    """Whether impossible cells become missing and noise in text is repaired."""
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    """Which kinds of noise in text are repaired."""
    impossible: ImpossibleOptions = field(default_factory=ImpossibleOptions)
    """Ranges of possible values."""
    suspicion: SuspicionOptions = field(default_factory=SuspicionOptions)
    """Thresholds of the rule suspicious_users."""
    duplicates: DuplicateOptions = field(default_factory=DuplicateOptions)
    """Options of the rule duplicate_items."""
    core: tuple[int, int] = (5, 5)
    """Events that a user and an item need, for the rule outside_core. 1 or more each."""
    spelling: bool = False
    """Whether likely misspellings are corrected."""
    script: str = ""
    """Script of Chinese texts: simplified, traditional, or empty to leave them as they are."""
    fill: Mapping[str, str] = field(default_factory=dict)
    """Rule by which the missing cells of a column are imputed, as `items.price:median`. See `imputed`."""

    def __post_init__(self) -> None:
        if self.script and self.script not in SCRIPTS:
            raise OptionError("script", self.script, allowed=SCRIPTS)
        if min(self.core) < 1:
            raise UsageError(f"core={self.core} is out of range.", remedy="Give two numbers of 1 or more.")
        check_fills(self.fill)
        for name in (*self.flag, *self.drop):
            if name not in RULES:
                raise OptionError("rule", name, allowed=RULES)


def clean(dataset: Dataset, options: CleaningOptions = CleaningOptions()) -> tuple[Dataset, list[Finding]]:
    """The cleaned dataset and what each rule found; refused rows and counts are in `dataset.report`."""
    if options.mend:
        dataset = impossible_cells(dataset, options.impossible).dataset
        dataset = clean_texts(dataset, options.noise).dataset
    if options.script:
        dataset = one_script(dataset, options.script).dataset
    if options.spelling:
        dataset = spelt(dataset).dataset
    dataset = filled(dataset, options.fill)
    findings: list[Finding] = []
    for name in RULES:
        if name not in options.flag and name not in options.drop:
            continue
        finding = find(name, dataset, options)
        findings.append(finding)
        if not len(finding):
            continue
        if name in options.drop:
            dataset = finding.quarantined(dataset)
        else:
            dataset = noted(dataset, finding.table, f"{len(finding):,} rows flagged, not dropped: {finding.reason}")
    return dataset, findings


def find(rule: str, dataset: Dataset, options: CleaningOptions = CleaningOptions()) -> Finding:
    """What one rule finds. Raises `OptionError` for an unknown name."""
    if rule == "impossible_events":
        return impossible_events(dataset, options.impossible)
    if rule == "suspicious_users":
        return suspicious_users(dataset, options.suspicion)
    if rule == "duplicate_items":
        return duplicate_items(dataset, options.duplicates)
    if rule == "outside_core":
        return outside_core(dataset, users=options.core[0], items=options.core[1])
    if rule == "events_before_item":
        return events_before_item(dataset)
    if rule == "repeated_events":
        return repeated_events(dataset)
    if rule == "copied_texts":
        return copied_texts(dataset)
    raise OptionError("rule", rule, allowed=RULES)
