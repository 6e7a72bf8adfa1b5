"""Where `penchant tune` looks: the options of every model that are worth a search, and their ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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


Dimension = Real | Whole | Choice
Space = Mapping[str, Dimension]

_FADING: Space = {"decay": Real(0.3, 1.0), "half_life_days": Choice((None, 3.0, 10.0, 30.0, 100.0, 300.0))}
_NETWORK: Space = {
    "dim": Choice((32, 64, 96, 128)),
    "layers": Whole(1, 3),
    "dropout": Real(0.1, 0.6),
    "learning_rate": Real(5e-4, 6e-3, log=True),
    "weight_decay": Real(1e-3, 0.3, log=True),
    "temperature": Real(0.04, 0.25, log=True),
    "epochs": Whole(6, 40, log=True),
    "max_length": Choice((50, 100, 200)),
    "id_dropout": Real(0.0, 0.3),
    "fusion": Choice(("none", "weighted_sum", "concat")),
    "time": Choice((True, False)),
}

SPACES: Mapping[str, Space] = {
    "popularity": {"window": Choice(("all", "recent", "decayed")), "days": Real(1.0, 365.0, log=True)},
    "cooccurrence": {
        "window": Whole(1, 30, log=True),
        "distance_power": Real(0.0, 2.0),
        "backward": Real(0.0, 1.0),
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
    "gru": _NETWORK,
    "cnn_rnn": _NETWORK,
    "transformer": {**_NETWORK, "heads": Choice((1, 2, 4))},
    "content_transformer": {name: ends for name, ends in _NETWORK.items() if name not in ("fusion", "id_dropout")},
    "recent_popularity": {"days": Real(0.5, 90.0, log=True)},
}
"""By model; an ensemble is tuned expert by expert."""


def learns_slowly(name: str) -> bool:
    """Whether a model is trained by gradient, so that its search deserves most of the time of an ensemble's."""
    return "learning_rate" in SPACES[name]
