"""What training did: kept in the bundle, and enough to learn the same recipe again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass
class TrainingLog:
    """What training did, and what selection chose: enough to refit the same recipe on more data.

    `epochs`: one row an epoch (`epoch`, `loss`, `seconds`, `ndcg` where validated). `best_epoch`: the one that was
    kept (0 for closed forms). `cpu_seconds` are those of all processes, where one was killed and another went on.
    `experts`: the logs of an ensemble's experts; `weights`: theirs in the sum, `new_weights`
    in what is foretold of items without events; `inverse_temperature`: the scale at which sums are log-likelihoods.
    `pretraining`: losses and perplexity of a language model that was pre-trained first.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    cpu_seconds: float = 0.0
    validation_ndcg: float | None = None
    experts: dict[str, TrainingLog] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    new_weights: dict[str, float] = field(default_factory=dict)
    inverse_temperature: float = 1.0
    pretraining: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingLog:
        """The opposite of `to_dict`."""
        experts = {name: cls.from_dict(log) for name, log in values.get("experts", {}).items()}
        known = {part.name for part in fields(cls)}  # an older bundle may say more
        return cls(**{**{name: value for name, value in values.items() if name in known}, "experts": experts})
