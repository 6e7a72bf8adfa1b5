"""The training data of a model, from a dataset and its modalities."""

from __future__ import annotations

from penchant.arrays import Progress
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.data.training import TrainingData
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.packing import pack_histories


def build_training_data(
    data: Dataset,
    modalities: Modalities,
    encoders: FittedEncoders,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainingData:
    """All histories of a dataset, with the content of events and the modalities of users, and the item `modalities`."""
    sequences = pack_histories(data, encoders)
    return TrainingData(
        sequences=sequences,
        n_items=data.n_items,
        kinds=data.kinds.ids.to_list(),
        now_s=int(sequences.times_s.max(initial=0)),
        modalities=modalities,
        seed=seed,
        progress=progress,
        items=data.items,
    )
