"""Options of training: what the loop does, whatever network it trains."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.data.options import require_range
from penchant.errors import OptionError

PRECISIONS = ("auto", "float32", "bfloat16")
COMPILING = ("auto", "on", "off")


@dataclass(frozen=True)
class TrainingOptions:
    """Options of the loop that trains every network; a model's own (epochs, learning rate …) are beside the model.

    `clip` is the largest norm of a step's gradient. `warmup` is the share of all steps in which the learning rate
    rises; a cosine follows. `average` is the horizon, in steps, of the moving average of the weights that answers
    (1: the last weights), a fifth of all steps at most. `patience` stops after so many validations without a better
    one (0: never). `accumulate` joins so many batches in a step. `precision`: `auto` computes in bfloat16 on a GPU
    that has it and in float32 on a CPU, where a sequence model says which products gain (its `half`); `float32` takes
    it from there too. `compile` hands the network to `torch.compile`:
    `auto` on a GPU only, since on a CPU it costs more than it saves at these sizes. `checkpoint_s` is the least time
    in seconds between two checkpoints; they take a twentieth of the time at most. `tensorboard` is a folder for the
    curves (empty: none).
    """

    clip: float = 5.0
    warmup: float = 0.05
    average: int = 300
    patience: int = 0
    accumulate: int = 1
    precision: str = "auto"
    compile: str = "auto"
    checkpoint_s: float = 30.0
    tensorboard: str = ""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise OptionError("training.precision", self.precision, allowed=PRECISIONS)
        if self.compile not in COMPILING:
            raise OptionError("training.compile", self.compile, allowed=COMPILING)
        require_range(self, "average", "accumulate", least=1, part="training.")
        require_range(self, "patience", "checkpoint_s", least=0, part="training.")
        require_range(self, "clip", above=0, part="training.")
        require_range(self, "warmup", least=0, below=1, part="training.")
