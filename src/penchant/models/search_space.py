"""Search spaces: the options that are worth a search, their ranges, and the spaces that several models share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from penchant.errors import UsageError
from penchant.options import Json, JsonMapping


@dataclass(frozen=True)
class Float:
    """A number from `low` to `high`; `log`: equal steps of its logarithm are equally likely."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`, both included; `log` as of `Float`."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Categorical:
    """One of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Joint:
    """Settings of several options that make sense only together; each value names all of them."""

    values: tuple[JsonMapping, ...]

    @property
    def options(self) -> tuple[str, ...]:
        """The options that every value sets."""
        return tuple(self.values[0])


Dimension = Float | Int | Categorical | Joint
Space = Mapping[str, Dimension]
"""Dimensions by option. The name of a `Joint` is no option: it says what its options decide."""

FADING: Space = {"decay": Float(0.3, 1.0), "half_life_days": Categorical((None, 3.0, 10.0, 30.0, 100.0, 300.0))}
_NETWORK: Space = {
    "dim": Categorical((32, 64, 96, 128, 192)),
    "layers": Int(1, 3),
    "dropout": Float(0.1, 0.6),
    "learning_rate": Float(5e-4, 6e-3, log=True),
    "weight_decay": Float(1e-3, 0.3, log=True),
    "temperature": Float(0.04, 0.25, log=True),
    "epochs": Int(6, 40, log=True),
    "max_length": Categorical((50, 100, 200)),
    "id_dropout": Float(0.0, 0.3),
    "fusion": Categorical(("none", "weighted_sum", "concat")),
}
_CLOCK = Joint(
    (
        {"time": False, "calendar_features": False},
        {"time": True, "calendar_features": False},
        {"time": True, "calendar_features": True},
    )
)
_PAIRWISE_CLOCK = Joint(
    (
        {"time": False, "time_bias": False, "calendar_features": False},
        {"time": True, "time_bias": False, "calendar_features": False},
        {"time": True, "time_bias": True, "calendar_features": False},
        {"time": True, "time_bias": True, "calendar_features": True},
    )
)
_TARGET = Joint(
    (
        {"loss": "auto", "label_smoothing": 0.0},
        {"loss": "auto", "label_smoothing": 0.1},
        {"loss": "gbce", "label_smoothing": 0.0},
    )
)
SCORING = Joint(
    (
        {"head": "cosine", "n_interests": 1, "components": 2},
        {"head": "cosine", "n_interests": 4, "components": 2},
        {"head": "mol", "n_interests": 1, "components": 2},
    )
)
RECURRENT: Space = {**_NETWORK, "times": _CLOCK}
ATTENTION: Space = {**_NETWORK, "n_heads": Categorical((1, 2, 4)), "times": _PAIRWISE_CLOCK, "target": _TARGET}
_READER: Space = {
    "learning_rate": Float(3e-4, 3e-3, log=True),
    "epochs": Int(3, 16, log=True),
    "dropout": Float(0.05, 0.5),
    "temperature": Float(0.04, 0.25, log=True),
    "ids": Categorical((True, False)),
}
NEW_READER: Space = {
    **_READER,
    "width": Categorical((64, 128)),
    "layers": Int(1, 3),
    "reading": Joint(
        (
            {"levels": 2, "max_length": 50},
            {"levels": 2, "max_length": 100},
            {"levels": 1, "max_length": 128},
            {"levels": 1, "max_length": 256},
        )
    ),
    "pretrain": Categorical(("auto", "none")),
}
"""The space of `llm` where it makes its language model."""
GIVEN_READER: Space = {
    **_READER,
    "learning_rate": Float(2e-5, 1e-3, log=True),
    "epochs": Int(1, 8, log=True),
    "max_length": Categorical((64, 128, 256)),
    "rank": Categorical((4, 8, 16)),
}
"""The space of `llm` where a language model is given."""


def reader_space(options: Any) -> Space:
    """The space of `llm`: of a given language model neither its size nor what it has read is open."""
    return GIVEN_READER if options.source else NEW_READER


def restrict_space(space: Space, options: Any) -> Space:
    """The space without the choices that the options do not allow, such as two levels of a model that reads both ways.

    A dimension that has no choice left is left out.
    """
    kept = {key: _allowed(key, dimension, options) for key, dimension in space.items()}
    return {key: dimension for key, dimension in kept.items() if dimension is not None}


def _allowed(key: str, dimension: Dimension, options: Any) -> Dimension | None:
    """The dimension without the values that raise `UsageError`; None if fewer than two are left."""
    if isinstance(dimension, Float | Int):
        return dimension
    values = [value for value in dimension.values if _accepts(options, _settings(key, dimension, value))]
    return type(dimension)(tuple(values)) if len(values) > 1 else None


def _accepts(options: Any, settings: JsonMapping) -> bool:
    try:
        replace(options, **settings)
    except UsageError:
        return False
    return True


def _settings(key: str, dimension: Dimension, value: Any) -> JsonMapping:
    return value if isinstance(dimension, Joint) else {key: value}


def settings_of(space: Space, proposed: JsonMapping) -> Json:
    """Settings by option from a proposal by dimension (of a `Joint`, the index of its value)."""
    out: Json = {}
    for key, dimension in space.items():
        value = dimension.values[proposed[key]] if isinstance(dimension, Joint) else proposed[key]
        out |= _settings(key, dimension, value)
    return out
