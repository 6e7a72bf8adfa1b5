"""The data doctor: what is wrong with a data set, what it is like, and what suits it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penchant.cleaning import doctor_content as content
from penchant.cleaning import doctor_people as people
from penchant.cleaning import doctor_times as clock
from penchant.cleaning.doctor_advice import TOPICS, Advice, Machine, Traits, advise, command
from penchant.cleaning.doctor_finding import Observation
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.options import require_range
from penchant.data.text import item_text

_ORDER = ("problem", "warn", "info")


@dataclass(frozen=True)
class DoctorOptions:
    """How much the doctor examines."""

    most_files: int = 20_000
    """Media files of each column that are examined, evenly spaced. 1 or more."""
    bins: int = 48
    """Bins of the volume over time. 1 or more."""

    def __post_init__(self) -> None:
        require_range(self, "most_files", "bins", least=1)


@dataclass(frozen=True)
class Diagnosis:
    """All findings, the worst first; the volume over time (`start_s`, `end_s`, `events`); traits and advice."""

    observations: list[Observation]
    volume: list[dict[str, int]]
    traits: Traits
    advice: list[Advice] = field(default_factory=list)

    def count(self, severity: str) -> int:
        """How many findings are of one severity: `problem`, `warn` or `info`."""
        return sum(one.severity == severity for one in self.observations)

    def find(self, code: str) -> Observation | None:
        """The (first) finding of a code, if there is one."""
        return next((one for one in self.observations if one.code == code), None)

    def to_dict(self, language: str = "en") -> dict[str, Any]:
        """Plain values for JSON and the page, in words of `en` or `zh`."""
        column = 1 if language == "zh" else 0
        return {
            "language": language,
            "severities": {name: self.count(name) for name in _ORDER},
            "findings": [one.to_dict(language) for one in self.observations],
            "advice": [{**one.to_dict(language), "topic_title": TOPICS[one.topic][column]} for one in self.advice],
            "command": command(self.advice) if self.advice else "",
            "volume": self.volume,
        }


def examine(
    dataset: Dataset,
    *,
    machine: Machine = Machine(),  # noqa: B008
    now_s: int | None = None,
    options: DoctorOptions = DoctorOptions(),
) -> Diagnosis:
    """Look at a data set: findings with numbers and ids, and advice. Same data, machine and `now_s`: same result.

    `now_s`: the present in UTC seconds, for events in the future (None: not checked).

    >>> log = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "timestamp": [1700000000] * 3}
    >>> found = examine(Dataset.from_tables(log))
    >>> found.find("one_event").examples, found.find("ties").examples
    (('b',), ('a',))
    """
    found = people.quarantined(dataset)
    times = clock.known_times(dataset)
    duplicates, instead = content.twins(dataset)
    if dataset.n_events:
        found += clock.wrong_units(dataset, times, now_s) + clock.missing(dataset, times) + clock.ties(dataset, times)
        found += clock.whole_days(dataset, times) + clock.shifted_hours(dataset, times) + clock.again(dataset, times)
        found += people.leaks(dataset, times, instead)
        found += people.refusals(dataset) + people.few_events(dataset) + people.programs(dataset)
    broken_media, broken = content.media(dataset, options.most_files)
    found += broken_media + content.views(dataset, broken) + duplicates + content.same_ids(dataset)
    found += content.cells(dataset) + content.languages(dataset)
    if dataset.n_events:
        found += people.density(dataset) + people.skew(dataset)
        found += clock.volume_drift(times) + clock.vocabulary_drift(dataset, times)
    found.sort(key=lambda one: _ORDER.index(one.severity))
    traits = _traits(dataset, found, machine)
    return Diagnosis(found, clock.volume(times, options.bins), traits, advise(traits))


def _traits(dataset: Dataset, found: list[Observation], machine: Machine) -> Traits:
    def number(code: str, name: str, otherwise: float = 0.0) -> float:
        one = next((one for one in found if one.code == code), None)
        return otherwise if one is None else float(one.numbers[name])

    spoken = next((one for one in found if one.code == "languages"), None)
    others = float(spoken.numbers["others"]) if spoken else 0.0
    english = 1.0 if spoken is None else 1 - others if spoken.numbers["main"] == "en" else 0.0
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
        text=float(np.mean([text is not None for text in item_text(dataset)])) if dataset.n_items else 0.0,
        images=_share(dataset, schema.IMAGE),
        sounds=_share(dataset, schema.AUDIO),
        english=english,
        machine=machine,
    )


def _share(dataset: Dataset, column: str) -> float:
    if column not in dataset.items.columns or not dataset.n_items:
        return 0.0
    return float(dataset.items[column].is_not_null().to_numpy().mean())
