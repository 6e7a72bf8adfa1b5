"""Where and how numbers are computed: device, mixed precision, compiled networks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from penchant.encoders.precision import has_fast_bf16, resolve_device
from penchant.training.options import TrainingOptions


def resolve_training_device(name: str, local_rank: int | None = None) -> torch.device:
    """The device of a name (`auto`: a GPU if there is one); of several GPUs, that of the process.

    Raises `UsageError` for a missing GPU.
    """
    kind = resolve_device(name)
    return torch.device(kind, local_rank) if kind == "cuda" and local_rank is not None else torch.device(kind)


def uses_bfloat16(options: TrainingOptions, device: torch.device) -> bool:
    """Whether matrix products are computed in bfloat16 (weights and sums stay float32)."""
    if options.precision != "auto":
        return options.precision == "bfloat16"
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def allows_bfloat16(options: TrainingOptions, device: torch.device) -> bool:
    """Whether a model with `mixed_precision` may compute large products in bfloat16 (the full softmax, modalities, a
    wide network): the processor has such products, and the precision is not `float32`."""
    return options.precision != "float32" and has_fast_bf16(device.type)


def autocast_loss(options: TrainingOptions, device: torch.device) -> torch.autocast:
    """The context in which a loss is computed."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=uses_bfloat16(options, device))


@contextlib.contextmanager
def compile_parts(net: nn.Module, options: TrainingOptions, device: torch.device) -> Iterator[None]:
    """A context in which the parts of a network are compiled; weights and their names stay as they are."""
    wanted = options.compile == "on" or (options.compile == "auto" and device.type == "cuda")
    parts = list(net.children()) if wanted else []
    for part in parts:
        part.compile(dynamic=True)
    try:
        yield
    finally:
        for part in parts:
            part._compiled_call_impl = None
        if parts:
            torch._dynamo.reset()  # many networks in one process would reach torch's limit of compilations
