"""AdamW for sparse gradients, which updates only the rows of a step, and gradient clipping for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from penchant.options import Json


class RowwiseAdamW(torch.optim.AdamW):
    """AdamW (Loshchilov and Hutter, ICLR 2019); a parameter with a sparse gradient is updated in the rows it names.

    The moments and the decay of the other rows do not change ("lazy Adam"), so the cost of a step depends on the rows
    that it uses, not on the size of the table. A step that uses every row equals the dense AdamW.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; sparse gradients must be coalesced, as `clip_gradients` leaves them."""
        every = [(values, p, p.grad) for values in self.param_groups for p in values["params"]]
        sparse = [(values, p, gradient) for values, p, gradient in every if gradient is not None and gradient.is_sparse]
        for _, p, _ in sparse:
            p.grad = None
        loss = super().step(closure)
        for values, p, gradient in sparse:
            self._update_rows(values, p, gradient.coalesce())
            p.grad = gradient
        return None if loss is None else float(loss)

    def _update_rows(self, values: Json, table: Tensor, gradient: Tensor) -> None:
        state = self.state[table]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(table), torch.zeros_like(table)
        state["step"] += 1
        step, rate, (one, two) = float(state["step"]), values["lr"], values["betas"]
        rows, slope = gradient.indices()[0], gradient.values()
        mean = torch.lerp(slope, state["exp_avg"][rows], one)
        square = torch.lerp(slope.square(), state["exp_avg_sq"][rows], two)
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        spread = square.div_(1 - two**step).sqrt_().add_(values["eps"])
        moved = table[rows].mul_(1 - rate * values["weight_decay"])
        table.index_copy_(0, rows, moved.addcdiv_(mean, spread, value=-rate / (1 - one**step)))


@torch.no_grad()
def clip_gradients(parameters: Sequence[Tensor], largest: float) -> Tensor:
    """Scale all gradients so that their joint norm is at most `largest`; returns the norm before.

    As `torch.nn.utils.clip_grad_norm_`, for dense and sparse gradients together; sparse ones come out coalesced.
    """
    for p in parameters:
        if p.grad is not None and p.grad.is_sparse:
            p.grad = p.grad.coalesce()
    gradients = [p.grad.values() if p.grad.is_sparse else p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    norm = torch.nn.utils.get_total_norm(gradients)
    torch._foreach_mul_(gradients, torch.clamp(largest / (norm + 1e-6), max=1.0))
    return norm
