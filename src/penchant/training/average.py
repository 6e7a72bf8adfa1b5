"""The moving average of the weights during training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a network's trained weights (Polyak and Juditsky, 1992).

    `horizon` is in steps; in the first ones the average is the plain mean. With a horizon of 1 it equals the weights.

    A table with sparse gradients is averaged in the rows that a step updates. A row without updates for n steps is
    brought up to date exactly when it is needed again: the product of n shares moves its average towards its weight.
    Reading the averages changes nothing, so the number of validations and checkpoints does not matter.
    """

    def __init__(self, net: nn.Module, horizon: int) -> None:
        self.horizon = horizon
        self.weights = [p for p in net.parameters() if p.requires_grad]
        self.shadow = [p.detach().clone() for p in self.weights]
        self.steps = 0
        self._until: dict[int, Tensor] = {}

    @torch.no_grad()
    def prepare(self) -> None:
        """Bring the rows of sparse gradients up to date with their old weights, before the optimiser changes these."""
        for number, weight in enumerate(self.weights):
            if weight.grad is None:
                continue
            if not weight.grad.is_sparse:
                if number in self._until:
                    self._catch_up(number, torch.arange(len(weight), device=weight.device))
                    del self._until[number]
                continue
            if number not in self._until:
                self._until[number] = torch.full((len(weight),), self.steps, device=weight.device)
            self._catch_up(number, weight.grad.coalesce().indices()[0])

    @torch.no_grad()
    def update(self, step: int) -> None:
        """The weights of step `step` (from 1) enter the average."""
        self.steps, share = step, 1.0 / min(self.horizon, step)
        dense = [number for number in range(len(self.weights)) if number not in self._until]
        torch._foreach_lerp_([self.shadow[n] for n in dense], [self.weights[n].detach() for n in dense], share)
        for number in self._until:
            gradient = self.weights[number].grad
            if gradient is not None:
                self._catch_up(number, gradient.coalesce().indices()[0])

    def copy(self) -> list[Tensor]:
        """The averaged weights."""
        return [s.clone() for s in self.compute_current()]

    @torch.no_grad()
    def compute_current(self) -> list[Tensor]:
        """The averaged weights, every row up to the last step."""
        averages = list(self.shadow)
        for number in self._until:
            averages[number] = self._advance(number, slice(None))
        return averages

    def snapshot(self) -> tuple[list[Tensor], dict[int, Tensor]]:
        """The averages, and by number of the table the step up to which each of its rows is averaged."""
        return self.shadow, self._until

    def resume(self, shadow: list[Tensor], until: dict[int, Tensor], step: int) -> None:
        """Restore what `snapshot` returned after step `step`."""
        self.shadow, self._until, self.steps = shadow, until, step

    @torch.no_grad()
    def load(self, weights: list[Tensor]) -> None:
        """Put weights into the network."""
        for parameter, value in zip(self.weights, weights, strict=True):
            parameter.copy_(value)

    @contextlib.contextmanager
    def apply(self) -> Iterator[None]:
        """A context in which the network has the averaged weights."""
        raw = [p.detach().clone() for p in self.weights]
        self.load(self.compute_current())
        try:
            yield
        finally:
            self.load(raw)

    def _catch_up(self, number: int, rows: Tensor) -> None:
        """Bring the averages of some rows up to the last step; their weights have not changed since."""
        self.shadow[number].index_copy_(0, rows, self._advance(number, rows))
        self._until[number][rows] = self.steps

    def _advance(self, number: int, rows: Tensor | slice) -> Tensor:
        """The averages of some rows as of the last step."""
        shadow = self.shadow[number][rows]
        left = self._remaining_share(self._until[number][rows]).to(shadow.dtype)[:, None]
        return torch.lerp(self.weights[number].detach()[rows], shadow, left)

    def _remaining_share(self, until: Tensor) -> Tensor:
        """The weight of the average of step `until` in the average of the last step: Π (1 − 1 / min(horizon, k))."""
        # up to step `horizon` the factors 1 - 1/k telescope; after it they are constant
        early = torch.clamp(until, max=self.horizon).double() / min(self.horizon, max(self.steps, 1))
        late = self.steps - torch.clamp(until, min=min(self.horizon, self.steps))
        return early * (1.0 - 1.0 / self.horizon) ** late.double()
