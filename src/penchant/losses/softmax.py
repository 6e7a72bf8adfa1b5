"""Full softmax cross-entropy over all items, computed in chunks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 1 << 21
"""Logits held at a time: 8 MB in float32, which stays in the cache."""

TINY = 1e-30
"""Probabilities below this have lost their digits."""


def full_softmax(
    vectors: Tensor,
    items: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    *,
    smoothing: float = 0.0,
    half: bool = False,
) -> Tensor:
    """Mean cross-entropy of the next item against every item.

    loss = Σ_t w_t · (log Σ_j exp(x_t · v_j) − (1 − ε) x_t · v_{y_t} − ε x_t · v̄) / Σ_t w_t

    `vectors` `[tokens, dim]`, `items` `[items, dim]` (scale them by the temperature before), `targets` `[tokens]`
    item codes, `weights` `[tokens]` or None for ones, `smoothing` ε the share of the target that all items have in
    common (v̄ is their mean; Szegedy et al. 2016). `half` makes the three large products in bfloat16 (each logit to
    three digits, sums in float32): half the time where the processor has it. Returns a scalar.

    The matrix `[tokens, items]` never exists: logits and both gradients are made chunk by chunk in the forward
    pass. Costs 6 · tokens · items · dim FLOP. Choose it up to about 20,000 items: it needs no negatives and is
    the strongest single change to SASRec (Klenitskiy & Vasilev, RecSys 2023); above, `sampled_softmax`.
    """
    if weights is None:
        weights = torch.ones(len(targets), device=vectors.device, dtype=torch.float32)
    kind = torch.promote_types(vectors.dtype, items.dtype)  # they may differ under mixed precision
    return _ChunkedSoftmax.apply(vectors.to(kind), items.to(kind), targets, weights, smoothing, half)  # type: ignore[no-untyped-call, no-any-return]


class _ChunkedSoftmax(torch.autograd.Function):
    """The gradients are P V − V[y] for the vectors and Pᵀ X less X at y for the items: the target's part never
    touches the chunk of probabilities P, which is why it may stay in bfloat16."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, items: Tensor, targets: Tensor, weights: Tensor, smoothing: float, half: bool
    ) -> Tensor:
        share = (weights / weights.sum().clamp_min(1e-12))[:, None].to(vectors.dtype)
        scaled = vectors * share
        own, mean = items.index_select(0, targets), items.mean(dim=0)
        wanted = own.mul_(1.0 - smoothing).add_(mean, alpha=smoothing) if smoothing else own
        loss = -(scaled * wanted).sum()
        needs_gradient = vectors.requires_grad or items.requires_grad
        kind = torch.bfloat16 if half else vectors.dtype
        left, right, weighted = vectors.to(kind), items.to(kind), scaled.to(kind)
        chunk = min(max(32, CHUNK // max(1, len(items))), max(1, len(targets)))
        logits, shares = (torch.empty(chunk, len(items), device=vectors.device, dtype=kind) for _ in range(2))
        grad_vectors, grad_items = torch.empty_like(vectors), torch.zeros_like(items)
        for start in range(0, len(targets), chunk):
            part = slice(start, start + chunk)
            rows = len(left[part])
            torch.mm(left[part], right.T, out=logits[:rows])
            torch.softmax(logits[:rows], dim=1, out=shares[:rows])
            at = targets[part, None]
            hit, chance = logits[:rows].gather(1, at).float(), shares[:rows].gather(1, at).float()
            if bool((chance < TINY).any()):  # the likeliest item says the sum as well, and never has too few digits
                hit, at = logits[:rows].float().max(dim=1, keepdim=True)
                chance = shares[:rows].gather(1, at).float()
            log_sum = hit - chance.log()
            loss += (log_sum * share[part]).sum()
            if needs_gradient:
                grad_vectors[part] = torch.mm(shares[:rows], right)
                grad_items += torch.mm(shares[:rows].T, weighted[part])
        if needs_gradient:
            grad_vectors.sub_(wanted).mul_(share)
            grad_items.index_add_(0, targets, scaled, alpha=smoothing - 1.0)
            if smoothing:
                grad_items.sub_(scaled.sum(dim=0) * (smoothing / len(items)))
        ctx.save_for_backward(grad_vectors, grad_items)
        return loss

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        grad_vectors, grad_items = ctx.saved_tensors
        return grad_vectors * grad, grad_items * grad, None, None, None, None
