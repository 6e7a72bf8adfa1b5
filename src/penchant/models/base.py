"""The protocol of models: a history in, a score for every item out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from penchant.arrays import Array, Float32s
from penchant.data.modalities import Modalities
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.options import JsonMapping

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from penchant.models.nn.base import Network


@dataclass(frozen=True)
class ModelState:
    """The state of a fitted model: `tensors` go to safetensors, `metadata` to JSON."""

    tensors: Mapping[str, Array]
    metadata: JsonMapping = field(default_factory=dict)


def experts_of(options: Any) -> tuple[str, ...]:
    """The experts that the options of an ensemble name; empty for other models."""
    return options.experts if isinstance(options, ExpertOptions) else ()


@runtime_checkable
class Model(Protocol):
    """A user's history → a score for every item. A user is their events: there is no per-user parameter."""

    name: str

    def score(self, histories: SequenceBatch) -> Float32s:
        """Scores `[B, N]` float32 for B histories. An empty history is allowed and gets a row of finite scores."""

    def state(self) -> ModelState:
        """The learned state, for the bundle. Raises `ModelError` before `fit`."""

    def load_state(self, state: ModelState) -> None:
        """Restore a `state`."""


@runtime_checkable
class ClosedForm(Model, Protocol):
    """A model that learns in one call; a trainable one is fitted by `penchant.training.fit`, as this one may be."""

    def fit(self, data: TrainingData) -> None:
        """Learn. Deterministic in `data.seed`. Raises `ModelError` if the data do not allow it."""


@runtime_checkable
class ExpertOptions(Protocol):
    """Options of a model that sums experts."""

    @property
    def experts(self) -> tuple[str, ...]:
        """Names of the experts."""


@runtime_checkable
class EventOptions(Protocol):
    """Options of a model that weighs events by kind."""

    @property
    def kind_weights(self) -> Mapping[str, float]:
        """The weight of an event by its kind."""


@runtime_checkable
class ModalityOptions(Protocol):
    """Options of a model that reads item modalities."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that the model reads; empty: all."""


@runtime_checkable
class IdOptions(ModalityOptions, Protocol):
    """Options of a network that reads ids beside item modalities."""

    @property
    def ids(self) -> bool:
        """Whether every item has an id embedding."""

    @property
    def fusion(self) -> str:
        """The fusion of the vectors of ids and modalities."""


class GradientOptions(Protocol):
    """Options that the training loop reads; `max_length`: events of a history that the model learns from."""

    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @property
    def weight_decay(self) -> float: ...  # noqa: D102
    @property
    def max_length(self) -> int: ...  # noqa: D102


@runtime_checkable
class Trainable(Model, Protocol):
    """A model that learns by gradient: it makes a network, batches and a loss; the training loop does the rest.

    The loop sets `bf16` before `start`: whether the model may compute its large products in bfloat16.
    """

    bf16: bool

    @property
    def options(self) -> GradientOptions:
        """The options of the model."""

    @property
    def net(self) -> Network | None:
        """The network; None before `start`."""

    def epochs(self, data: TrainingData) -> int:
        """Epochs of a full training on these data."""

    def start(self, data: TrainingData, device: torch.device) -> Network:
        """Make the network."""

    def restart(self, data: TrainingData, device: torch.device) -> Network:
        """Make the network for more data from the present one."""

    def begin_epoch(self) -> None:
        """Prepare an epoch; skipped where a checkpoint resumes inside one, so changes belong in the network."""

    def batches(self, data: TrainingData, rng: np.random.Generator) -> list[Any]:
        """The batches of one epoch in the order of training."""

    def loss(self, data: TrainingData, batch: Any, rng: np.random.Generator) -> Tensor:
        """The loss of one batch."""

    def finish(self) -> None:
        """Compute what scoring needs from the present weights."""


@runtime_checkable
class Pretrained(Protocol):
    """A model that pre-trains its network."""

    @property
    def pretraining(self) -> JsonMapping:
        """Losses and perplexity of the pre-training; empty without one."""


@runtime_checkable
class Adaptive(Protocol):
    """A model whose options may leave values open, which the data then decide."""

    def resolve_options(self, data: TrainingData) -> JsonMapping:
        """The open options and their values on these data."""


@runtime_checkable
class ContentReader(Protocol):
    """A model that reads the content of events."""

    @property
    def reads(self) -> frozenset[str]:
        """The contents of an event that enter the model."""


@runtime_checkable
class ModelEnsemble(Model, Protocol):
    """A model that sums the scores of experts."""

    @property
    def experts(self) -> Mapping[str, Model]:
        """The experts by name."""

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of every expert; empty before they are fitted."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why an expert cannot serve the data, by name."""


@runtime_checkable
class Additive(Protocol):
    """A model whose score is a sum over modalities."""

    def contributions(self, histories: SequenceBatch) -> Mapping[str, Float32s]:
        """The contribution of each modality, `[B, N]`; the contributions sum to `score`."""


@runtime_checkable
class Placing(Protocol):
    """A model that ranks some items by a rule (cold items merged by rank), not by their scores alone."""

    def preference(self, histories: SequenceBatch) -> Float32s:
        """`score` without that rule, `[B, N]`: it follows the history alone."""


@runtime_checkable
class Multimodal(Protocol):
    """A model that reads item modalities and can score without some of them."""

    def modality_names(self) -> Sequence[str]:
        """The modalities it reads, `behaviour` for ids and events."""

    def attach(self, modalities: Modalities) -> None:
        """Give the model the item modalities, which a bundle keeps once for all models."""

    def without(self, modalities: AbstractSet[str]) -> Model:
        """The same weights without some modalities."""


@runtime_checkable
class InterestModel(Protocol):
    """A model that turns a history into interest vectors."""

    def interests(self, histories: SequenceBatch) -> Float32s:
        """The interest vector after every event, `[E, D]`, packed like `histories`."""

    def user_vectors(self, histories: SequenceBatch) -> Float32s:
        """The interest vector at the time of the request, `[B, D]`; zeros for an empty history."""


@runtime_checkable
class DenseModel(Model, InterestModel, Protocol):
    """A model whose score is the dot product of an interest vector and an item vector."""

    @property
    def item_vectors(self) -> Float32s:
        """Item vectors `[N, D]`."""


@runtime_checkable
class MultiInterestModel(DenseModel, Protocol):
    """A dense model with up to K interest vectors a user (multi-interest); the nearest to an item gives its score."""

    def interests_multi(self, histories: SequenceBatch) -> Float32s:
        """All K interests after every event, `[E, K, D]`, packed like `histories`."""

    def user_interests(self, histories: SequenceBatch) -> Float32s:
        """All K interests at the time of the request, `[B, K, D]`; zeros for an empty history."""


def each_interest(model: DenseModel, histories: SequenceBatch) -> Float32s:
    """All interests after every event, `[E, K, D]`; K is 1 for a model with one interest."""
    if isinstance(model, MultiInterestModel):
        return model.interests_multi(histories)
    return model.interests(histories)[:, None]


MIN_WEIGHT = 1e-3
"""Share of all weight above which an expert is active: the solver leaves about 1e-9 where an expert has none."""


def list_experts(model: Model) -> list[Model]:
    """The experts of an ensemble, the active ones (`MIN_WEIGHT`) first; empty for other models."""
    if not isinstance(model, ModelEnsemble):
        return []
    experts, weights = model.experts, model.weights
    least = MIN_WEIGHT * sum(weights.values())
    return [experts[name] for name in sorted(experts, key=lambda name: weights.get(name, 1.0) <= least)]
