"""The stages of one training (selection, refit …), each with a place for its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from penchant.data.training import TrainingData
from penchant.models.base import Model
from penchant.training.cpu_seconds import CpuSeconds
from penchant.training.log import TrainingLog
from penchant.training.options import TrainingOptions


@dataclass(frozen=True)
class Stages:
    """Fits models on one device with one set of options; `folder` holds the checkpoints (None: none are written).

    `spent` counts the CPU seconds of the whole, those of killed processes too.
    """

    device: str
    options: TrainingOptions
    folder: Path | None = None
    spent: CpuSeconds = field(default_factory=CpuSeconds)

    def fit(self, model: Model, data: TrainingData, stage: str, chosen: TrainingLog | None = None) -> TrainingLog:
        """`penchant.training.fit` of the stage of that name."""
        from penchant.training.checkpoints import Checkpoints
        from penchant.training.loop import fit

        place = None
        if self.folder:
            place = Checkpoints(self.folder / stage, self.options.checkpoint_s, spent=self.spent)
        return fit(model, data, chosen=chosen, device=self.device, options=self.options, checkpoints=place)
