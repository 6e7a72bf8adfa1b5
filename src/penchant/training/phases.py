"""The phases of one training (selection, refit …), each with a folder for its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from penchant.data.results.records import TrainingRecord
from penchant.data.training import TrainingData
from penchant.models.base import Model
from penchant.training.cpu_seconds import CpuSeconds
from penchant.training.options import TrainingOptions


@dataclass(frozen=True)
class Phases:
    """Fits models on one device with one set of options; `folder` holds the checkpoints (None: none are written).

    `spent` counts the CPU seconds of all phases, those of killed processes too.
    """

    device: str
    options: TrainingOptions
    folder: Path | None = None
    spent: CpuSeconds = field(default_factory=CpuSeconds)

    def fit(self, model: Model, data: TrainingData, phase: str, chosen: TrainingRecord | None = None) -> TrainingRecord:
        """`penchant.training.fit` of the phase of that name."""
        from penchant.training.checkpoints import Checkpoints
        from penchant.training.loop import fit

        checkpoints = None
        if self.folder:
            checkpoints = Checkpoints(self.folder / phase, self.options.checkpoint_s, spent=self.spent)
        return fit(model, data, chosen=chosen, device=self.device, options=self.options, checkpoints=checkpoints)
