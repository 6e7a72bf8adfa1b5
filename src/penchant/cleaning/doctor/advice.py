"""Advice by readable rules: which split, encoder, model and size suit this data, its languages and the machine.

For each topic the first rule whose condition holds decides. `messages/doctor.toml` has the texts: `rule.TOPIC.NAME` is
the condition in words, and its entry `why` the reason.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from penchant.messages import text
from penchant.options import Json


@dataclass(frozen=True)
class Machine:
    """The machine that will train."""

    cores: int = 1
    memory_gb: float = 8.0
    gpu: bool = False


@dataclass(frozen=True)
class Traits:
    """The input of the rules: counts, shares from 0 to 1, and the machine.

    `after`: share of training events later than the median last event; `last_tied`: share of users whose last event
    ties. `text`: share of items with a text; `english`: share of texts in Latin script. `p90`: the 90 % quantile of
    history lengths. `fresh`: share of late events on items new in the log.
    """

    users: int
    items: int
    events: int
    timed: float = 1.0
    after: float = 0.0
    last_tied: float = 0.0
    repeats: float = 0.0
    fresh: float = 0.0
    median: float = 1.0
    p90: float = 1.0
    text: float = 0.0
    english: float = 1.0
    machine: Machine = Machine()

    @property
    def max_length(self) -> int:
        """The shortest of the usual window lengths that covers nine of ten histories."""
        return next((n for n in (20, 50, 100, 200) if self.p90 <= n), 200)


@dataclass(frozen=True)
class Rule:
    """The advice `choice` on `topic` (a command-line option; empty: the default), which applies if `holds` is true."""

    topic: str
    name: str
    holds: Callable[[Traits], bool]
    choice: str


@dataclass(frozen=True)
class Advice:
    """One piece of advice; `choice` is the option to type, empty if the default suits."""

    topic: str
    rule: str
    choice: str
    values: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self, language: str = "en") -> Json:
        """Plain values for JSON, with texts in one language."""
        return {
            "topic": self.topic,
            "rule": self.rule,
            "choice": self.choice,
            "condition": self.condition(language),
            "why": self.why(language),
            "topic_title": self.title(language),
        }

    def title(self, language: str = "en") -> str:
        """The topic in words."""
        return text(f"doctor.topic.{self.topic}", language)

    def condition(self, language: str = "en") -> str:
        """The condition of the rule, which holds for the data."""
        return text(f"doctor.rule.{self.topic}.{self.rule}", language, **self.values)

    def why(self, language: str = "en") -> str:
        """The reason for the choice."""
        return text(f"doctor.rule.{self.topic}.{self.rule}.why", language, **self.values)


RULES: Final = (
    Rule("split", "no-times", lambda t: t.timed < 0.5, "--split leave-one-out"),
    Rule("split", "small", lambda t: t.users < 500, "--split leave-one-out"),
    Rule("split", "future", lambda t: t.after >= 0.05, "--split time"),
    Rule("split", "else", lambda t: True, "--split leave-one-out"),
    Rule("ties", "random", lambda t: t.last_tied >= 0.05, "--ties random"),
    Rule("repeats", "natural", lambda t: t.repeats >= 0.15, "--repeats"),
    Rule("encoder", "no-text", lambda t: t.text < 0.5, ""),
    Rule("encoder", "not-latin", lambda t: t.english < 0.9, "--set modalities.text.encoder=ngram"),
    Rule(
        "encoder", "large-cpu", lambda t: t.items > 200_000 and not t.machine.gpu, "--set modalities.text.encoder=ngram"
    ),
    Rule("encoder", "english", lambda t: True, "--set modalities.text.encoder=minilm"),
    Rule("model", "tiny", lambda t: t.events < 5_000 and t.text >= 0.5, "--model content"),
    Rule("model", "short", lambda t: t.median <= 2, "--model cooccurrence"),
    Rule("model", "small", lambda t: t.events < 50_000, "--model cooccurrence"),
    Rule("model", "fresh", lambda t: t.fresh >= 0.1 and t.text >= 0.5, "--model lite"),
    Rule("model", "slow", lambda t: t.events > 5_000_000 and not t.machine.gpu, "--model cooccurrence"),
    Rule("model", "sequences", lambda t: True, "--model transformer"),
    Rule("size", "small", lambda t: t.events < 100_000, "--set transformer.dim=64"),
    Rule("size", "large", lambda t: t.events > 5_000_000 and t.machine.gpu, "--set transformer.layers=3"),
    Rule("size", "usual", lambda t: True, ""),
)
"""Every rule, in order."""

_NETWORKS: Final = ("transformer", "lite")
_DEFAULT_LENGTH: Final = 200
"""The default of `max_length`."""
_EPOCH_S: Final = 80e-6
"""CPU seconds an event and epoch at dim 128, 2 layers: 253 ms for 3,200 events in float32 (docs/log.md)."""


def advise(traits: Traits) -> list[Advice]:
    """The first rule that holds for each topic; size and length only for a network.

    >>> [one.choice for one in advise(Traits(users=100, items=50, events=900))][:2]
    ['--split leave-one-out', '']
    """
    by_topic: dict[str, Advice] = {}
    for rule in RULES:
        if rule.topic not in by_topic and rule.holds(traits):
            by_topic[rule.topic] = Advice(rule.topic, rule.name, rule.choice)
    if by_topic["model"].choice.split()[-1] not in _NETWORKS:
        del by_topic["size"]
        return list(by_topic.values())
    values = {"p90": traits.p90, "events": traits.events, "minutes": max(traits.events * _EPOCH_S / 60, 1)}
    choice = f"--set transformer.max_length={traits.max_length}" if traits.max_length != _DEFAULT_LENGTH else ""
    return [*by_topic.values(), Advice("length", "padded" if traits.p90 <= 200 else "cut", choice, values)]


def write_command(advice: list[Advice], folder: str = "DATA") -> str:
    """The command that compares the advised model with the simple ones on a folder of data.

    >>> write_command(advise(Traits(users=100, items=50, events=900, text=1.0)), "shop/")
    'penchant compare shop/ --models popularity,cooccurrence,content --split leave-one-out'
    """
    by_topic = {one.topic: one.choice for one in advice}
    model = by_topic["model"].split()[-1]
    models = ",".join(dict.fromkeys(("popularity", "cooccurrence", model)))
    parts = [f"--models {models}", *(by_topic[topic] for topic in ("split", "ties", "repeats") if topic in by_topic)]
    if model == "transformer":
        parts += [by_topic["size"], by_topic["length"]]
    return f"penchant compare {shlex.quote(folder)} " + " ".join(part for part in parts if part)
