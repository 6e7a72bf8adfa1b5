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

_DENSE, _ROWS = 1, 2


@dataclass(frozen=True)
class Group:
    """The processes that train together: `rank` of this one, `size` of all, `local_rank` on its machine.

    Every process has the entire network and the same data. The batches of a step are dealt out in turn, and gradients
    are summed over processes, so all take the same step. A single process (`size` 1) exchanges nothing.
    """

    rank: int = 0
    size: int = 1
    local_rank: int | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the main process, which validates, writes and reports."""
        return self.rank == 0

    def sum_gradients(self, weights: Sequence[Tensor], loss: Tensor) -> Tensor:
        """Sum the gradients of all processes into `.grad`, and the loss into what is returned.

        A weight that no process has a gradient for keeps None; one whose gradient names rows gets the rows that any
        process names, so that the others stay unchanged, as with one process.
        """
        if self.size == 1:
            return loss
        kinds = torch.tensor([_classify(weight.grad) for weight in weights], device=loss.device)
        dist.all_reduce(kinds, op=dist.ReduceOp.MAX)
        sorts = list(zip(weights, kinds.tolist(), strict=True))
        dense = [weight for weight, kind in sorts if kind == _DENSE]
        parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in dense]
        flat = torch.cat([loss.reshape(1).float(), *(part.reshape(-1).float() for part in parts)])
        dist.all_reduce(flat)
        start = 1
        for weight in dense:
            weight.grad = flat[start : start + weight.numel()].view_as(weight).to(weight.dtype)
            start += weight.numel()
        for weight, kind in sorts:
            if kind == _ROWS:
                weight.grad = self._sum_rows(weight)
        return flat[0]

    def _sum_rows(self, weight: Tensor) -> Tensor:
        """The sum of the sparse gradients of a table, over the rows that any process names."""
        gradient = None if weight.grad is None else weight.grad.coalesce()
        rows = torch.zeros(0, dtype=torch.int64, device=weight.device) if gradient is None else gradient.indices()[0]
        values = weight.new_zeros(0, *weight.shape[1:]) if gradient is None else gradient.values()
        counts = [torch.zeros(1, dtype=torch.int64, device=weight.device) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor([len(rows)], device=weight.device))
        lengths = [int(count) for count in counts]
        room = max(lengths) - len(rows)
        all_rows = [rows.new_zeros(max(lengths)) for _ in range(self.size)]
        all_values = [values.new_zeros(max(lengths), *weight.shape[1:]) for _ in range(self.size)]
        dist.all_gather(all_rows, torch.cat([rows, rows.new_zeros(room)]))
        dist.all_gather(all_values, torch.cat([values, values.new_zeros(room, *weight.shape[1:])]))
        places = torch.cat([part[:length] for part, length in zip(all_rows, lengths, strict=True)])
        sums = torch.cat([part[:length] for part, length in zip(all_values, lengths, strict=True)])
        return torch.sparse_coo_tensor(places[None], sums, weight.shape, check_invariants=False).coalesce()

    def broadcast(self, value: float, device: torch.device) -> float:
        """The value that the first process holds."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(shared, src=0)
        return float(shared)

    def agree(self, step: int, device: torch.device) -> None:
        """Raise `ModelError` if processes are at different steps."""
        if self.size > 1:
            steps = torch.tensor([step, -step], device=device)
            dist.all_reduce(steps, op=dist.ReduceOp.MAX)
            if int(steps[0]) != -int(steps[1]):
                raise ModelError(
                    "The processes have different checkpoints.",
                    remedy="Give all of them the same folder, or remove the checkpoints and begin anew.",
                )


def is_first_process() -> bool:
    """Whether this is the main process: true without `torchrun`, and for its rank 0."""
    return os.environ.get("RANK", "0") == "0"


def refuse_several(command: str) -> None:
    """Raise `UsageError` if `torchrun` started several processes and the command is one for a single process."""
    if _count_processes() > 1:
        raise UsageError(
            f"{command} runs in one process, and torchrun started {_count_processes()}.",
            remedy="Start it without torchrun; penchant train and penchant update may have several.",
        )


def join_group() -> Group:
    """The processes that `torchrun` started with this one; alone otherwise. Connects them at the first call."""
    if _count_processes() == 1:
        return Group()
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(dist.destroy_process_group)
    return Group(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))


def _classify(gradient: Tensor | None) -> int:
    """0: none; `_DENSE`, or `_ROWS` where it names some rows of a table."""
    return 0 if gradient is None else _ROWS if gradient.is_sparse else _DENSE


def _count_processes() -> int:
    """Number of processes that `torchrun` started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
