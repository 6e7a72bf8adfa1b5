"""Where `penchant tune` looks: the options of every model that are worth a search, and their ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from penchant.errors import UsageError


@dataclass(frozen=True)
class Real:
    """A number between two; `log`: small ones are told apart as finely as large ones."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """A whole number between two, both included."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Together:
    """One of some settings of several options that mean something only together; each value names all of them."""

    values: tuple[Mapping[str, Any], ...]

    @property
    def options(self) -> tuple[str, ...]:
        """The options that every value sets."""
        return tuple(self.values[0])


Dimension = Real | Whole | Choice | Together
Space = Mapping[str, Dimension]
"""Dimensions by option; the name of a `Together` is that of what its options decide, and no option."""

_FADING: Space = {"decay": Real(0.3, 1.0), "half_life_days": Choice((None, 3.0, 10.0, 30.0, 100.0, 300.0))}
_NETWORK: Space = {
    "dim": Choice((32, 64, 96, 128, 192)),
    "layers": Whole(1, 3),
    "dropout": Real(0.1, 0.6),
    "learning_rate": Real(5e-4, 6e-3, log=True),
    "weight_decay": Real(1e-3, 0.3, log=True),
    "temperature": Real(0.04, 0.25, log=True),
    "epochs": Whole(6, 40, log=True),
    "max_length": Choice((50, 100, 200)),
    "id_dropout": Real(0.0, 0.3),
    "fusion": Choice(("none", "weighted_sum", "concat")),
}
_CLOCK = Together(
    (
        {"time": False, "calendar_features": False},
        {"time": True, "calendar_features": False},
        {"time": True, "calendar_features": True},
    )
)
_PAIRWISE_CLOCK = Together(
    (
        {"time": False, "time_bias": False, "calendar_features": False},
        {"time": True, "time_bias": False, "calendar_features": False},
        {"time": True, "time_bias": True, "calendar_features": False},
        {"time": True, "time_bias": True, "calendar_features": True},
    )
)
_TARGET = Together(
    (
        {"loss": "auto", "label_smoothing": 0.0},
        {"loss": "auto", "label_smoothing": 0.1},
        {"loss": "gbce", "label_smoothing": 0.0},
    )
)
_HEAD = Together(
    (
        {"head": "cosine", "n_interests": 1, "components": 2},
        {"head": "cosine", "n_interests": 4, "components": 2},
        {"head": "mol", "n_interests": 1, "components": 2},
    )
)
_RECURRENT: Space = {**_NETWORK, "times": _CLOCK}
_ATTENTION: Space = {**_NETWORK, "n_heads": Choice((1, 2, 4)), "times": _PAIRWISE_CLOCK, "target": _TARGET}
_READER: Space = {
    "learning_rate": Real(3e-4, 3e-3, log=True),
    "epochs": Whole(3, 16, log=True),
    "dropout": Real(0.05, 0.5),
    "temperature": Real(0.04, 0.25, log=True),
    "ids": Choice((True, False)),
}
_GIVEN: Space = {
    **_READER,
    "learning_rate": Real(2e-5, 1e-3, log=True),
    "epochs": Whole(1, 8, log=True),
    "max_length": Choice((64, 128, 256)),
    "rank": Choice((4, 8, 16)),
}
"""Of `llm` where a language model is given: its size and what it has read already are not to be chosen."""

SPACES: Mapping[str, Space] = {
    "popularity": {"window": Choice(("all", "recent", "decayed")), "days": Real(1.0, 365.0, log=True)},
    "cooccurrence": {
        "window": Whole(1, 30, log=True),
        "distance_power": Real(0.0, 2.0),
        "power": Real(0.3, 1.0),
        "row_power": Real(0.5, 1.0),
        "shrinkage": Real(1.0, 300.0, log=True),
        "column_power": Real(0.0, 0.6),
        **_FADING,
    },
    "item_knn": {"neighbours": Whole(20, 500, log=True), "shrinkage": Real(0.5, 200.0, log=True), **_FADING},
    "user_knn": {"neighbours": Whole(30, 1000, log=True), **_FADING},
    "content": _FADING,
    "ease": {
        "regularisation": Real(20.0, 5000.0, log=True),
        "content_weight": Choice((0.0, 0.3, 1.0, 3.0)),
        **_FADING,
    },
    "als": {
        "dim": Choice((32, 64, 128, 256)),
        "epochs": Whole(5, 30),
        "regularisation": Real(1e-3, 1.0, log=True),
        "alpha": Real(1.0, 100.0, log=True),
        **_FADING,
    },
    "gru": _RECURRENT,
    "cnn_rnn": _RECURRENT,
    "transformer": {**_ATTENTION, "scoring": _HEAD},
    "content_transformer": {name: ends for name, ends in _ATTENTION.items() if name not in ("fusion", "id_dropout")},
    "llm": {
        **_READER,
        "width": Choice((64, 128)),
        "layers": Whole(1, 3),
        "reading": Together(
            (
                {"levels": 2, "max_length": 50},
                {"levels": 2, "max_length": 100},
                {"levels": 1, "max_length": 128},
                {"levels": 1, "max_length": 256},
            )
        ),
        "pretrain": Choice(("auto", "none")),
    },
    "recent_popularity": {"days": Real(0.5, 90.0, log=True)},
}
"""By model; an ensemble is tuned expert by expert."""


def space_of(name: str, options: Any) -> Space:
    """Where the search of a model looks, given the options that stand.

    A choice that they do not allow (two levels of a model that reads both ways) is left out.
    """
    space = _GIVEN if name == "llm" and options.source else SPACES[name]
    kept = {key: _allowed(key, dimension, options) for key, dimension in space.items()}
    return {key: dimension for key, dimension in kept.items() if dimension is not None}


def _allowed(key: str, dimension: Dimension, options: Any) -> Dimension | None:
    """A dimension without the values that raise `UsageError`; None where less than two are left."""
    if isinstance(dimension, Real | Whole):
        return dimension
    values = [value for value in dimension.values if _accepts(options, _settings(key, dimension, value))]
    return type(dimension)(tuple(values)) if len(values) > 1 else None


def _accepts(options: Any, settings: Mapping[str, Any]) -> bool:
    try:
        replace(options, **settings)
    except UsageError:
        return False
    return True


def _settings(key: str, dimension: Dimension, value: Any) -> Mapping[str, Any]:
    return value if isinstance(dimension, Together) else {key: value}


def settings_of(space: Space, proposed: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by option from what was proposed by dimension (of a `Together`, the number of its value)."""
    out: dict[str, Any] = {}
    for key, dimension in space.items():
        value = dimension.values[proposed[key]] if isinstance(dimension, Together) else proposed[key]
        out |= _settings(key, dimension, value)
    return out


def proposal_of(space: Space, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The opposite of `settings_of`; None where the settings are of another space."""
    out: dict[str, Any] = {}
    left = dict(settings)
    for key, dimension in space.items():
        if isinstance(dimension, Together):
            told = {name: left.pop(name) for name in dimension.options if name in left}
            if told not in dimension.values:
                return None
            out[key] = dimension.values.index(told)
        elif key in left:
            out[key] = left.pop(key)
        else:
            return None
    return None if left else out


def learns_slowly(name: str) -> bool:
    """Whether a model is trained by gradient, so that its search deserves most of the time of an ensemble's."""
    return "learning_rate" in SPACES[name]
