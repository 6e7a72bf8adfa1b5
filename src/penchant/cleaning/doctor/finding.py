"""One observation of the doctor: a code, its severity, numbers, a few ids; its texts in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from penchant.arrays import Ints
from penchant.data.vocabulary import Vocabulary
from penchant.messages import has_text, text
from penchant.options import Json

Severity = Literal["problem", "warn", "info"]
Value = int | float | str

MOST_EXAMPLES: Final = 5
_LONGEST: Final = 80
_TRANSLATED: Final = {"signals": "doctor.signal.", "why": "doctor.fault."}
"""Lists in `numbers` whose entries (each with an optional count before it) have texts in the catalogue."""


@dataclass(frozen=True)
class Observation:
    """One finding of the doctor.

    `code` is a stable name; `severity` is `problem` (results will mislead), `warn` (check it) or `info` (describes the
    data). `numbers` are counts, shares from 0 to 1 and names; `examples` at most five ids.

    >>> one = observe("one_event", "info", ("u1", "u2"), users=3, of=10, share=0.3)
    >>> one.sentence("en")
    '3 of 10 users (30.0 %) have a single event.'
    """

    code: str
    severity: Severity
    numbers: Mapping[str, Value] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    def title(self, language: str = "en") -> str:
        """The subject, in a few words."""
        return self._text("", language)

    def sentence(self, language: str = "en") -> str:
        """The finding with its numbers."""
        return self._text(".sentence", language)

    def remedy(self, language: str = "en") -> str:
        """The remedy."""
        return self._text(".remedy", language)

    def to_dict(self, language: str = "en") -> Json:
        """Plain values for JSON, with texts in one language."""
        return {
            "code": self.code,
            "severity": self.severity,
            "title": self.title(language),
            "sentence": self.sentence(language),
            "remedy": self.remedy(language),
            "numbers": dict(self.numbers),
            "examples": list(self.examples),
        }

    def _text(self, part: str, language: str) -> str:
        numbers = dict(self.numbers)
        for name, table in _TRANSLATED.items():
            if name in numbers:
                numbers[name] = _translate(str(numbers[name]), table, language)
        sentence = text(f"doctor.finding.{self.code}{part}", language, **numbers)
        return re.sub(r"(\d)%", r"\1 %", sentence) if language == "en" else sentence


def observe(code: str, severity: Severity, examples: tuple[str, ...] = (), **numbers: Value) -> Observation:
    """An `Observation` with its numbers as keywords."""
    return Observation(code, severity, numbers, examples)


def _translate(listed: str, table: str, language: str) -> str:
    entries = []
    for entry in listed.split(", "):
        count, name = re.fullmatch(r"([\d,]+ )?(.*)", entry, flags=re.S).groups("")  # type: ignore[union-attr]
        entries.append(count + (text(table + name, language) if has_text(table + name) else name))
    return ("、" if language == "zh" else ", ").join(entries)


def list_examples(ids: Iterable[object]) -> tuple[str, ...]:
    """At most five ids; long ones are truncated.

    >>> list_examples(["a", None, "b", 1, 2, 3, 4])
    ('a', 'b', '1', '2', '3')
    """
    examples: list[str] = []
    for one in ids:
        if one is not None and len(examples) < MOST_EXAMPLES:
            example = str(one)
            examples.append(example if len(example) <= _LONGEST else example[: _LONGEST - 1] + "…")
    return tuple(examples)


def decode_examples(vocabulary: Vocabulary, codes: Ints) -> tuple[str, ...]:
    """The ids of the first five of the given users, items or kinds."""
    return list_examples(vocabulary.decode(codes[:MOST_EXAMPLES]))


def gather_examples(column: pl.Series, rows: Ints) -> tuple[str, ...]:
    """The ids in the first five of the given rows of a table."""
    return list_examples(column.gather(rows[:MOST_EXAMPLES]).to_list())


def grade(share: float, warn: float, problem: float = 2.0) -> Severity:
    """The severity of a share, by two thresholds.

    >>> grade(0.05, 0.1), grade(0.2, 0.1), grade(0.9, 0.1, 0.5)
    ('info', 'warn', 'problem')
    """
    return "problem" if share >= problem else "warn" if share >= warn else "info"
