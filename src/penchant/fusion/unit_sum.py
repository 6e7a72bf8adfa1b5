"""Unit length, and the weighted sum of unit vectors, with gradients by hand: a step runs both on every item."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from penchant.fusion.presence import Present
from penchant.fusion.weighted_sum import compute_shares

LEAST_LENGTH = 1e-12
"""Shorter vectors are divided by this, as `torch.nn.functional.normalize` does."""


def to_unit(vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    """v / |v| over the last dimension; zeros stay zeros.

    The values and gradients of `torch.nn.functional.normalize`, with fewer matrices of that size in the backward pass.
    Not differentiable twice.
    """
    return _Unit.apply(vectors)  # type: ignore[no-untyped-call, no-any-return]


def unit_sum(
    modalities: Sequence[Float[Tensor, "rows dim"]],
    present: Present,
    weights: Float[Tensor, " modalities"],
) -> Float[Tensor, "rows dim"]:
    """Σ_m s_m · v_m / |v_m| over the modalities that are present, s their weights scaled to sum 1 in every row.

    `modalities` are matrices of finite numbers, not stacked; `weights` are not negative. It equals `weighted_sum` after
    the `l2` norm of each modality, without the masks and copies of `[rows, modalities, dim]` in between: with 12,101
    items a training step takes two thirds of the time (docs/log.md). Not differentiable twice.
    """
    kind = reduce(torch.promote_types, (modality.dtype for modality in modalities))
    return _UnitSum.apply(present, weights, *(modality.to(kind) for modality in modalities))  # type: ignore[no-untyped-call, no-any-return]


class _Unit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor) -> Tensor:
        lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min_(LEAST_LENGTH)
        out: Tensor = vectors / lengths
        ctx.save_for_backward(out, lengths)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        # d(v / |v|) = (I − u uᵀ) / |v|: the gradient less its part along the unit vector
        out, lengths = ctx.saved_tensors
        along = (grad * out).sum(dim=-1, keepdim=True)
        slope: Tensor = torch.addcmul(grad, out, along, value=-1.0).div_(lengths)
        return slope


class _UnitSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, present: Tensor, weights: Tensor, *modalities: Tensor) -> Tensor:
        lengths = torch.stack([torch.linalg.vector_norm(modality, dim=1) for modality in modalities], dim=1)
        lengths = lengths.clamp_min_(LEAST_LENGTH)
        shares = compute_shares(present, weights.to(lengths.dtype))
        scale = shares / lengths
        out = modalities[0] * scale[:, :1]
        for number, modality in enumerate(modalities[1:], start=1):
            out.addcmul_(modality, scale[:, number : number + 1])
        ctx.save_for_backward(present, weights, lengths, shares, *modalities)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        present, weights, lengths, shares, *modalities = ctx.saved_tensors
        along = torch.stack([(grad * modality).sum(dim=1) for modality in modalities], dim=1) / lengths
        # as in _Unit for every modality; the slope of the weights passes through the quotient w_m / Σ w
        scale, off = shares / lengths, shares * along / lengths.square()
        slopes: list[Tensor | None] = []
        for number, modality in enumerate(modalities):
            column = slice(number, number + 1)
            needs_gradient = ctx.needs_input_grad[2 + number]
            slopes.append(
                (grad * scale[:, column]).addcmul_(modality, off[:, column], value=-1.0) if needs_gradient else None
            )
        mask = present.to(lengths.dtype)
        total = (mask * weights.to(lengths.dtype)).sum(dim=1, keepdim=True).clamp_min(1e-12)
        pulled = mask / total * (along - (shares * along).sum(dim=1, keepdim=True))
        return None, pulled.sum(dim=0).to(weights.dtype), *slopes
