"""Records of training, of a fit and of its updates, which a bundle keeps and a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from penchant.data.results.estimates import Interval
from penchant.data.results.probes import ProbeRecord
from penchant.options import Json, JsonMapping


@dataclass(frozen=True)
class TrainingRecord:
    """The course of a training and the selected values: enough to refit the same recipe on more data."""

    epochs: tuple[Mapping[str, float], ...] = ()
    """One row per epoch: `epoch`, `loss`, `seconds`, and `ndcg` where it was validated."""
    best_epoch: int = 0
    """The epoch whose weights were kept; 0 for a closed form."""
    cpu_seconds: float = 0.0
    """CPU seconds of all processes, those of killed ones too."""
    validation_ndcg: float | None = None
    """NDCG@10 on the validation part."""
    experts: Mapping[str, TrainingRecord] = field(default_factory=dict)
    """Records of an ensemble's experts."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weights of the experts in the sum."""
    cold_weights: Mapping[str, float] = field(default_factory=dict)
    """Weights of the experts in the score of cold items."""
    inverse_temperature: float = 1.0
    """Scale at which the scores of cold items are log-likelihoods."""
    pretraining: JsonMapping = field(default_factory=dict)
    """Losses and perplexity of a language model that was pre-trained first."""

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: JsonMapping) -> Self:
        """The opposite of `to_dict`; unknown keys are ignored."""
        experts = {name: cls.from_dict(record) for name, record in values.get("experts", {}).items()}
        return cls(**{**_known(cls, values), "epochs": tuple(values.get("epochs", ())), "experts": experts})


@dataclass(frozen=True)
class UpdateRecord:
    """The record of one incremental update."""

    new: Mapping[str, int]
    """Rows by what is new: `events`, `items`, `users`, `changed_items` …; none that is 0."""
    known_events: int
    """Events of the new data that were known before."""
    seed: int
    """Seed of the update."""
    until_s: int
    """Time of the last event, UTC seconds."""
    cpu_s: float
    """CPU seconds of the update."""
    files: Mapping[str, str] = field(default_factory=dict)
    """By `table.column`: how many media files were used, and why others were not."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Experts that the new data do not allow, with the reason."""
    cells_unread: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Cells by table and column that have another type than the known ones and are taken as missing."""
    vectors_unused: tuple[str, ...] = ()
    """Precomputed embeddings whose name the recommender does not know."""

    def to_dict(self) -> Json:
        """Plain values for JSON; without `left_out`, `cells_unread` and `vectors_unused` where they are empty."""
        optional = ("left_out", "cells_unread", "vectors_unused")
        return {name: value for name, value in asdict(self).items() if value or name not in optional}

    @classmethod
    def from_dict(cls, values: JsonMapping) -> Self:
        """The opposite of `to_dict`."""
        return cls(**{**_known(cls, values), "vectors_unused": tuple(values.get("vectors_unused", ()))})


@dataclass(frozen=True)
class FitRecord:
    """The provenance of a recommender: training data, method, cost and updates."""

    model: str
    """Name of the model."""
    seed: int = 0
    """Seed of the fit."""
    users: int = 0
    """Users in the dataset."""
    items: int = 0
    """Items in the dataset."""
    events: int = 0
    """Events in the dataset."""
    trained_until_s: int = 0
    """Time of the last event, UTC seconds."""
    fit_cpu_s: float = 0.0
    """CPU seconds of the fit, those of killed processes too."""
    encoders: Mapping[str, str] = field(default_factory=dict)
    """Name and revision of the encoder of each modality."""
    notes: tuple[str, ...] = ()
    """Notes on the embedding of the modalities."""
    training: TrainingRecord = field(default_factory=TrainingRecord)
    """What training did and selection chose."""
    updates: tuple[UpdateRecord, ...] = ()
    """Incremental updates since the fit, the latest last."""
    probes: Mapping[str, ProbeRecord] = field(default_factory=dict)
    """By probe: what it was fitted on, or the reason why it is left out."""
    metrics: Mapping[str, Interval] = field(default_factory=dict)
    """Metrics of the recipe on the held-out part, where it was tested."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of penchant, Python and the libraries that the result depends on."""

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        probes = {name: probe.to_dict() for name, probe in self.probes.items()}
        return asdict(self) | {"updates": [update.to_dict() for update in self.updates], "probes": probes}

    @classmethod
    def from_dict(cls, values: JsonMapping) -> Self:
        """The opposite of `to_dict`; unknown keys are ignored."""
        parts = {
            "training": TrainingRecord.from_dict(values.get("training", {})),
            "updates": tuple(UpdateRecord.from_dict(update) for update in values.get("updates", ())),
            "probes": {name: ProbeRecord.from_dict(probe) for name, probe in values.get("probes", {}).items()},
            "metrics": {name: Interval(**interval) for name, interval in values.get("metrics", {}).items()},
            "notes": tuple(values.get("notes", ())),
        }
        return cls(**{**_known(cls, values), **parts})


def _known(cls: type[Any], values: JsonMapping) -> Json:
    """The values whose keys are fields of a dataclass."""
    return {part.name: values[part.name] for part in fields(cls) if part.name in values}
