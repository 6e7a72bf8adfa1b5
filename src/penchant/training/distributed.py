"""Training with several processes (data parallel), as `torchrun` starts them."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist

from penchant.errors import ModelError, UsageError


@dataclass(frozen=True)
class Group:
    """The processes that train together: `rank` of this one, `size` of all, `local_rank` on its machine.

    Every process holds the whole network and the same data. A step's batches are dealt out in turn; gradients are
    summed over processes, so that all take the same step. Alone (`size` 1) nothing is exchanged.
    """

    rank: int = 0
    size: int = 1
    local_rank: int | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process validates, writes and speaks for all."""
        return self.rank == 0

    def sum_gradients(self, weights: Sequence[Tensor], loss: Tensor) -> Tensor:
        """Sum the gradients of all processes into `.grad`, and the loss into what is returned.

        A weight that no process has a gradient for keeps None.
        """
        if self.size == 1:
            return loss
        has = torch.tensor([float(w.grad is not None) for w in weights], device=loss.device)
        parts = [torch.zeros_like(w) if w.grad is None else w.grad.to_dense() for w in weights]
        flat = torch.cat([loss.reshape(1).float(), has, *(part.reshape(-1).float() for part in parts)])
        dist.all_reduce(flat)
        anybody, start = flat[1 : 1 + len(parts)].tolist(), 1 + len(parts)
        for weight, wanted in zip(weights, anybody, strict=True):
            part = flat[start : start + weight.numel()]
            weight.grad = part.view_as(weight).to(weight.dtype) if wanted else None
            start += weight.numel()
        return flat[0]

    def told(self, value: float, device: torch.device) -> float:
        """The value that the first process holds."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(shared, src=0)
        return float(shared)

    def agree(self, step: int, device: torch.device) -> None:
        """Raise `ModelError` where processes stand at different steps."""
        if self.size > 1:
            found = torch.tensor([step, -step], device=device)
            dist.all_reduce(found, op=dist.ReduceOp.MAX)
            if int(found[0]) != -int(found[1]):
                raise ModelError(
                    "The processes found different checkpoints.",
                    remedy="Give all of them the same folder, or remove the checkpoints and begin anew.",
                )


def is_first_process() -> bool:
    """Whether this process speaks for all: true alone, and for rank 0 of `torchrun`."""
    return os.environ.get("RANK", "0") == "0"


def refuse_several(command: str) -> None:
    """Raise `UsageError` where `torchrun` started several processes and the command is one for a single process."""
    if _size() > 1:
        raise UsageError(
            f"{command} runs in one process, and torchrun started {_size()}.",
            remedy="Start it without torchrun; penchant train and penchant update may have several.",
        )


def group() -> Group:
    """The processes that `torchrun` started with this one; alone otherwise. Connects them at the first call."""
    if _size() == 1:
        return Group()
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(dist.destroy_process_group)
    return Group(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))


def _size() -> int:
    """How many processes `torchrun` started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
