"""What the doctor says: a code, how bad it is, numbers, a few ids, and what to do; words in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.cleaning.doctor_strings import STRINGS
from penchant.data.vocabulary import Vocabulary
from penchant.errors import OptionError

Severity = Literal["problem", "warn", "info"]
Language = Literal["en", "zh"]
Value = int | float | str

MOST_EXAMPLES: Final = 5
_LONGEST: Final = 80


@dataclass(frozen=True)
class Observation:
    """One finding of the doctor.

    `code` names it for good; `severity` is `problem` (results will mislead), `warn` (look at it) or `info` (a fact).
    `numbers` are counts, shares from 0 to 1 and words; `examples` at most five ids.

    >>> one = Observation("one_event", "info", {"users": 3, "of": 10, "share": 0.3}, ("u1", "u2"))
    >>> one.sentence("en")
    '3 of 10 users (30.0 %) have a single event.'
    """

    code: str
    severity: Severity
    numbers: Mapping[str, Value] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    def title(self, language: str = "en") -> str:
        """What it is about, in a few words."""
        return said(self.code, "title", language, self.numbers)

    def sentence(self, language: str = "en") -> str:
        """What was found, with its numbers."""
        return said(self.code, "sentence", language, self.numbers)

    def remedy(self, language: str = "en") -> str:
        """What to do about it."""
        return said(self.code, "remedy", language, self.numbers)

    def to_dict(self, language: str = "en") -> dict[str, Any]:
        """Everything as plain values for JSON and the page."""
        return {
            "code": self.code,
            "severity": self.severity,
            "title": self.title(language),
            "sentence": self.sentence(language),
            "remedy": self.remedy(language),
            "numbers": dict(self.numbers),
            "examples": list(self.examples),
        }


def said(code: str, part: str, language: str, numbers: Mapping[str, Value]) -> str:
    """A text of the doctor with the numbers put in; raises `OptionError` for a language that is not written."""
    if language not in get_args(Language):
        raise OptionError("language", language, allowed=get_args(Language))
    text = STRINGS[code][part][get_args(Language).index(language)].format(**numbers)
    return re.sub(r"(\d)%", r"\1 %", text) if language == "en" else text


def shown(ids: Iterable[object]) -> tuple[str, ...]:
    """At most five ids, long ones cut.

    >>> shown(["a", None, "b", 1, 2, 3, 4])
    ('a', 'b', '1', '2', '3')
    """
    kept: list[str] = []
    for one in ids:
        if one is not None and len(kept) < MOST_EXAMPLES:
            text = str(one)
            kept.append(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
    return tuple(kept)


def ids_of(vocabulary: Vocabulary, codes: npt.NDArray[np.integer]) -> tuple[str, ...]:
    """The first five of some users, items or kinds."""
    return shown(vocabulary.decode(codes[:MOST_EXAMPLES]))


def ids_in(column: pl.Series, rows: npt.NDArray[np.integer]) -> tuple[str, ...]:
    """The ids of the first five rows of a table."""
    return shown(column.gather(rows[:MOST_EXAMPLES]).to_list())


def graded(share: float, warn: float, problem: float = 2.0) -> Severity:
    """How bad a share is, by two thresholds.

    >>> graded(0.05, 0.1), graded(0.2, 0.1), graded(0.9, 0.1, 0.5)
    ('info', 'warn', 'problem')
    """
    return "problem" if share >= problem else "warn" if share >= warn else "info"
