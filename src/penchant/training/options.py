"""Options of the training loop, the same for every network."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.errors import OptionError
from penchant.options import require_range

PRECISIONS = ("auto", "float32", "bfloat16")
COMPILING = ("auto", "on", "off")


@dataclass(frozen=True)
class TrainingOptions:
    """Options of the loop that trains every network. Epochs, learning rate and batch size are options of the model."""

    clip: float = 5.0
    """Largest norm of a step's gradient. Above 0."""
    warmup: float = 0.05
    """Share of all steps in which the learning rate rises. 0 or more, below 1; a cosine follows."""
    average: int = 300
    """Horizon of the moving average of the weights, steps. 1 or more; 1 keeps the last weights; a fifth of all steps at
    most."""
    patience: int = 0
    """Validations without improvement after which training stops early. 0 or more; 0 never stops."""
    accumulate: int = 1
    """Batches joined in one step. 1 or more."""
    precision: str = "auto"
    """Number format of training: auto, float32 or bfloat16. auto takes bfloat16 on a GPU that has it; on a CPU the
    sequence model decides (its `mixed_precision`)."""
    compile: str = "auto"
    """Whether networks go through torch.compile: auto, on or off. auto compiles on a GPU only."""
    checkpoint_s: float = 30.0
    """Shortest time between two checkpoints, seconds. 0 or more; checkpoints take a twentieth of the time at most."""
    tensorboard: str = ""
    """Folder for the curves of TensorBoard. Empty writes none."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise OptionError("training.precision", self.precision, allowed=PRECISIONS)
        if self.compile not in COMPILING:
            raise OptionError("training.compile", self.compile, allowed=COMPILING)
        require_range(self, "average", "accumulate", least=1, part="training.")
        require_range(self, "patience", "checkpoint_s", least=0, part="training.")
        require_range(self, "clip", above=0, part="training.")
        require_range(self, "warmup", least=0, below=1, part="training.")
