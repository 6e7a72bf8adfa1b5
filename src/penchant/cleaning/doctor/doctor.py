"""The data doctor: problems of a data set, a description of it, and advice on how to train on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from penchant.cleaning.doctor import content, users
from penchant.cleaning.doctor import times as clock
from penchant.cleaning.doctor.advice import Advice, Machine, Traits, advise, write_command
from penchant.cleaning.doctor.finding import Observation
from penchant.data.dataset import Dataset
from penchant.data.text import build_item_texts
from penchant.errors import OptionError
from penchant.options import Json, require_range

_ORDER = ("problem", "warn", "info")
_RENAMED = {
    "suspicious_users": "bots",
    "twins": "duplicates",
    "leak_twins": "leak_duplicates",
    "no_view": "no_modality",
    "unread_refusals": "unread_negatives",
}
"""Earlier codes and what they are called now."""


@dataclass(frozen=True)
class DoctorOptions:
    """Limits of the doctor's examination."""

    most_files: int = 20_000
    """Media files of each column to check, evenly spaced. 1 or more."""
    bins: int = 48
    """Periods of the volume over time. 1 or more."""

    def __post_init__(self) -> None:
        require_range(self, "most_files", "bins", least=1)


@dataclass(frozen=True)
class Diagnosis:
    """All findings, the worst first; the volume over time; traits and advice; the folder that the command names."""

    observations: list[Observation]
    volume: list[clock.Period]
    traits: Traits
    advice: list[Advice] = field(default_factory=list)
    folder: str = "DATA"

    @property
    def command(self) -> str:
        """The command that compares the advised model with simple ones; empty without advice."""
        return write_command(self.advice, self.folder) if self.advice else ""

    def count(self, severity: str) -> int:
        """The number of findings of one severity: `problem`, `warn` or `info`."""
        return sum(one.severity == severity for one in self.observations)

    def find(self, code: str) -> Observation | None:
        """The (first) finding with a code, if there is one. Raises `OptionError` for an earlier name of a code."""
        if code in _RENAMED:
            raise OptionError("code", code, remedy=f"It is now called {_RENAMED[code]!r}.")
        return next((one for one in self.observations if one.code == code), None)

    def to_dict(self, language: str = "en") -> Json:
        """Plain values for JSON, with texts in `en` or `zh`."""
        return {
            "language": language,
            "severities": {name: self.count(name) for name in _ORDER},
            "findings": [one.to_dict(language) for one in self.observations],
            "advice": [one.to_dict(language) for one in self.advice],
            "command": self.command,
            "volume": [asdict(period) for period in self.volume],
        }


def examine(
    dataset: Dataset,
    *,
    machine: Machine = Machine(),  # noqa: B008
    now_s: int | None = None,
    options: DoctorOptions = DoctorOptions(),
) -> Diagnosis:
    """Examine a data set: findings with numbers and ids, and advice. Same data, machine and `now_s`: same result.

    `now_s`: the present in UTC seconds, for events in the future (None: not checked).

    >>> log = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "timestamp": [1700000000] * 3}
    >>> diagnosis = examine(Dataset.from_tables(log))
    >>> diagnosis.find("one_event").examples, diagnosis.find("ties").examples
    (('b',), ('a',))
    """
    findings = users.check_quarantine(dataset)
    times = clock.read_times(dataset)
    duplicates, replaced_by = content.check_duplicates(dataset)
    if dataset.n_events:
        findings += clock.check_units(dataset, times, now_s) + clock.check_missing(dataset, times)
        findings += clock.check_ties(dataset, times) + clock.check_days(dataset, times)
        findings += clock.check_shifted_hours(dataset, times) + clock.check_repeats(dataset, times)
        findings += users.check_leaks(dataset, times, replaced_by)
        findings += users.check_kinds(dataset) + users.check_event_counts(dataset) + users.check_bots(dataset)
    media, broken = content.check_media(dataset, options.most_files)
    findings += media + content.check_modalities(dataset, broken) + duplicates + content.check_ids(dataset)
    findings += content.check_cells(dataset) + content.check_languages(dataset)
    if dataset.n_events:
        findings += users.describe_density(dataset) + users.describe_popularity(dataset)
        findings += clock.describe_volume(times) + clock.describe_vocabulary(dataset, times)
    findings.sort(key=lambda one: _ORDER.index(one.severity))
    traits = _measure_traits(dataset, {one.code: one for one in reversed(findings)}, machine)
    return Diagnosis(findings, clock.bin_volume(times, options.bins), traits, advise(traits))


def _measure_traits(dataset: Dataset, findings: dict[str, Observation], machine: Machine) -> Traits:
    def number(code: str, name: str) -> float:
        return float(findings[code].numbers[name]) if code in findings else 0.0

    english = 1.0
    if "languages" in findings:
        english = 1 - number("languages", "others") if findings["languages"].numbers["main"] == "en" else 0.0
    lengths = dataset.sequences().lengths
    lengths = lengths[lengths > 0] if len(lengths) and lengths.any() else np.ones(1, dtype=np.int64)
    return Traits(
        users=dataset.n_users,
        items=dataset.n_items,
        events=dataset.n_events,
        timed=1 - number("no_time", "share"),
        after=number("leak_future", "after"),
        last_tied=max(number("ties", "last_share"), number("ties_ordered", "last_share")),
        repeats=number("repeats", "share"),
        fresh=number("vocabulary", "item_share"),
        median=float(np.median(lengths)),
        p90=float(np.quantile(lengths, 0.9)),
        text=float(np.mean([text is not None for text in build_item_texts(dataset)])) if dataset.n_items else 0.0,
        english=english,
        machine=machine,
    )
