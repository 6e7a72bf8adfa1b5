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
    """`flag`: rules whose findings are counted in the report; `drop`: rules whose findings go to quarantine.

    By default nothing is dropped: cells that cannot be (a price below 0) become missing, noise in text is mended, and
    suspicious users are counted. `core`: events that a user and an item need, for `outside_core`. Only where asked:
    `spelling` corrects likely misspellings, `script` brings Chinese texts to `simplified` or `traditional`, and `fill`
    says by which rule the missing cells of a column are filled (`{"items.price": "median"}`, see `imputed`).
    """

    flag: tuple[str, ...] = ("suspicious_users", "events_before_item")
    drop: tuple[str, ...] = ()
    mend: bool = True
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    impossible: ImpossibleOptions = field(default_factory=ImpossibleOptions)
    suspicion: SuspicionOptions = field(default_factory=SuspicionOptions)
    duplicates: DuplicateOptions = field(default_factory=DuplicateOptions)
    core: tuple[int, int] = (5, 5)
    spelling: bool = False
    script: str = ""
    fill: Mapping[str, str] = field(default_factory=dict)

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
