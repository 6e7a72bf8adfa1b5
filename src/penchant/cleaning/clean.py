"""All cleaning rules in order; the report of the data lists their effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from penchant.cleaning.bots import BotOptions, find_bots
from penchant.cleaning.chinese import SCRIPTS, convert_script
from penchant.cleaning.copied_texts import find_copied_texts
from penchant.cleaning.duplicates import DuplicateOptions, find_duplicates
from penchant.cleaning.finding import Finding, with_note
from penchant.cleaning.impossible import (
    ImpossibleOptions,
    clear_impossible_cells,
    find_events_before_item,
    find_impossible_events,
)
from penchant.cleaning.imputation import check_imputation, impute
from penchant.cleaning.k_core import find_outside_core
from penchant.cleaning.misspellings import correct_dataset
from penchant.cleaning.repeated_events import find_repeated_events
from penchant.cleaning.text_noise import NoiseOptions, remove_noise
from penchant.data.dataset import Dataset
from penchant.errors import OptionError, UsageError


@dataclass(frozen=True)
class CleaningOptions:
    """Options of cleaning: the rules that run, and the treatment of flagged rows. By default no row is dropped."""

    flag: tuple[str, ...] = ("bots", "events_before_item")
    """Rules whose flagged rows the report counts."""
    drop: tuple[str, ...] = ()
    """Rules whose flagged rows go to quarantine."""
    repair: bool = True
    """Whether impossible cells become missing and noise leaves the texts."""
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    """Kinds of noise to remove from texts."""
    impossible: ImpossibleOptions = field(default_factory=ImpossibleOptions)
    """Ranges of possible values."""
    bots: BotOptions = field(default_factory=BotOptions)
    """Thresholds of the rule bots."""
    duplicates: DuplicateOptions = field(default_factory=DuplicateOptions)
    """Options of the rule duplicates."""
    core: tuple[int, int] = (5, 5)
    """Minimum numbers of events per user and per item, for the rule k_core. 1 or more each."""
    spelling: bool = False
    """Whether likely misspellings are corrected."""
    script: str = ""
    """Script of Chinese texts: simplified, traditional, or empty to leave them as they are."""
    impute: Mapping[str, str] = field(default_factory=dict)
    """Method for the missing cells of a column, as `items.price:median`. See `impute_column`."""

    def __post_init__(self) -> None:
        if self.script and self.script not in SCRIPTS:
            raise OptionError("script", self.script, allowed=SCRIPTS)
        if min(self.core) < 1:
            raise UsageError(f"core={self.core} is out of range.", remedy="Give two numbers of 1 or more.")
        check_imputation(self.impute)
        for name in (*self.flag, *self.drop):
            check_rule(name)


_FINDERS: Final[Mapping[str, Callable[[Dataset, CleaningOptions], Finding]]] = {
    "impossible_events": lambda data, options: find_impossible_events(data, options.impossible),
    "events_before_item": lambda data, options: find_events_before_item(data),
    "repeated_events": lambda data, options: find_repeated_events(data),
    "copied_texts": lambda data, options: find_copied_texts(data),
    "bots": lambda data, options: find_bots(data, options.bots),
    "duplicates": lambda data, options: find_duplicates(data, options.duplicates),
    "k_core": lambda data, options: find_outside_core(data, users=options.core[0], items=options.core[1]),
}

RULES: Final = tuple(_FINDERS)
"""Rules that flag rows, in the order in which they run."""

STEPS: Final = ("repair", "spelling", *SCRIPTS)
"""Names that `--clean` takes besides: they change cells."""

RENAMED: Final = {
    "mend": "repair",
    "suspicious_users": "bots",
    "duplicate_items": "duplicates",
    "outside_core": "k_core",
}
"""Earlier names and what they are called now."""


def check_rule(name: str, allowed: tuple[str, ...] = RULES, *, option: str = "rule") -> None:
    """Raise `OptionError` for an unknown name; an earlier name gets the new one."""
    if name in RENAMED:
        raise OptionError(option, name, remedy=f"It is now called {RENAMED[name]!r}.")
    if name not in allowed:
        raise OptionError(option, name, allowed=allowed)


def parse_rules(text: str) -> CleaningOptions:
    """The value of `--clean` (names separated by commas) as options. Raises `OptionError`, `UsageError`.

    >>> options = parse_rules("repair, bots, items.price=median")
    >>> options.repair, options.drop, options.impute
    (True, ('bots',), {'items.price': 'median'})
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    pairs = [name.partition("=") for name in names if "=" in name]
    names = tuple(name for name in names if "=" not in name)
    for name in names:
        check_rule(name, (*STEPS, *RULES), option="--clean")
    scripts = [name for name in names if name in SCRIPTS]
    if len(scripts) > 1:
        raise UsageError(f"--clean {text} names two scripts.", remedy="Name simplified or traditional.")
    return CleaningOptions(
        flag=(),
        drop=tuple(name for name in names if name in RULES),
        repair="repair" in names,
        spelling="spelling" in names,
        script="".join(scripts),
        impute={column.strip(): method.strip() for column, _, method in pairs},
    )


def clean(dataset: Dataset, options: CleaningOptions = CleaningOptions()) -> tuple[Dataset, list[Finding]]:
    """The cleaned dataset and the finding of each rule; rejected rows and counts are in `dataset.report`."""
    if options.repair:
        dataset = clear_impossible_cells(dataset, options.impossible).dataset
        dataset = remove_noise(dataset, options.noise).dataset
    if options.script:
        dataset = convert_script(dataset, options.script).dataset
    if options.spelling:
        dataset = correct_dataset(dataset).dataset
    dataset = impute(dataset, options.impute)
    findings: list[Finding] = []
    for name in RULES:
        if name not in options.flag and name not in options.drop:
            continue
        finding = find(name, dataset, options)
        findings.append(finding)
        if not len(finding):
            continue
        if name in options.drop:
            dataset = finding.quarantine(dataset)
        else:
            dataset = with_note(dataset, finding.table, f"{len(finding):,} rows flagged, not dropped: {finding.reason}")
    return dataset, findings


def find(rule: str, dataset: Dataset, options: CleaningOptions = CleaningOptions()) -> Finding:
    """The finding of one rule. Raises `OptionError` for an unknown name."""
    check_rule(rule)
    return _FINDERS[rule](dataset, options)
