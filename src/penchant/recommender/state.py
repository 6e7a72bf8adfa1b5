"""The parts of a recommender."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.data.results.records import FitRecord
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.embeddings.fitted import FittedEncoders
from penchant.errors import ModelError
from penchant.models.base import DenseModel, Model, list_experts
from penchant.models.registry import create
from penchant.recommender.config import Config

if TYPE_CHECKING:
    from penchant.models.probes.probes import Probes


@dataclass(frozen=True)
class RecommenderState:
    """All parts of a fitted recommender.

    `dataset` has the catalogue and, as events, the histories of known users; `histories` are the same, packed, with the
    content of events and the modalities of users. `modalities` are the item modalities, `record` is its
    provenance.
    """

    config: Config
    dataset: Dataset
    modalities: Modalities
    encoders: FittedEncoders
    model: Model
    popularity: Model
    histories: SequenceBatch
    record: FitRecord
    probes: Probes | None = None

    @cached_property
    def content(self) -> Model:
        """The content model, which answers cold queries that the model cannot read; fitted at its first use."""
        from penchant.training.loop import fit

        model = create("content", self.config.options)
        kinds = self.dataset.kinds.ids.to_list()
        fit(model, TrainingData(self.histories, self.dataset.n_items, kinds, 0, self.modalities))
        return model

    def dense_model(self) -> DenseModel:
        """The model of the interest vectors: the model itself, its first active expert that has them, or content."""
        for model in (self.model, *list_experts(self.model)):
            if isinstance(model, DenseModel):
                return model
        return self.content_vectors()

    def content_vectors(self) -> DenseModel:
        """Interest vectors from the items' modalities alone. Raises `ModelError` if no item has one."""
        if not set(self.modalities) - {schema.BEHAVIOUR}:
            raise ModelError(
                f"The model {self.config.model!r} has no interest vectors and no item has a modality.",
                remedy="Train a transformer or gru, or give items text.",
            )
        assert isinstance(self.content, DenseModel)
        return self.content
