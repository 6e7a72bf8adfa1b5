"""The moving average of the weights during training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a network's trained weights (Polyak and Juditsky, 1992).

    `horizon` is in steps; in the first ones it is the plain mean. With a horizon of 1 it is the weights themselves.
    """

    def __init__(self, net: nn.Module, horizon: int) -> None:
        self.horizon = horizon
        self.weights = [p for p in net.parameters() if p.requires_grad]
        self.shadow = [p.detach().clone() for p in self.weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """The weights of step `step` (from 1) enter the average."""
        share = 1.0 / min(self.horizon, step)
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.weights], share)

    def copy(self) -> list[Tensor]:
        """The averaged weights."""
        return [s.clone() for s in self.shadow]

    @torch.no_grad()
    def load(self, weights: list[Tensor]) -> None:
        """Put weights into the network."""
        for parameter, value in zip(self.weights, weights, strict=True):
            parameter.copy_(value)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """A context in which the network has the averaged weights."""
        raw = [p.detach().clone() for p in self.weights]
        self.load(self.shadow)
        try:
            yield
        finally:
            self.load(raw)
