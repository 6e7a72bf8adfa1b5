"""Full softmax cross-entropy over all items, computed in chunks."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK = 1 << 21
"""Logits in memory at a time: 8 MB in float32, which stays in the cache of the processor."""

TINY = 1e-30
"""Smaller probabilities have too few significant digits."""


def full_softmax(
    vectors: Float[Tensor, "tokens dim"],
    items: Float[Tensor, "items dim"],
    targets: Int[Tensor, " tokens"],
    weights: Float[Tensor, " tokens"] | None = None,
    *,
    label_smoothing: float = 0.0,
    bf16: bool = False,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the next item against every item.

    loss = Σ_t w_t · (log Σ_j exp(x_t · v_j) − (1 − ε) x_t · v_{y_t} − ε x_t · v̄) / Σ_t w_t

    Scale `items` by the temperature before; `targets` are item codes. `label_smoothing` ε is the share of the target
    that is spread over all items (v̄ is their mean; Szegedy et al. 2016). `bf16` computes the three large products in
    bfloat16 (each logit to three digits, sums in float32), in half the time where the processor supports it. Returns a
    scalar.

    The matrix `[tokens, items]` never exists: the forward pass computes logits and both gradients chunk by chunk.
    Costs 6 · tokens · items · dim FLOP. Choose it up to about 20,000 items: it needs no negatives and is the strongest
    single change to SASRec (Klenitskiy & Vasilev, RecSys 2023). Above that choose `sampled_softmax`.
    """
    if weights is None:
        weights = torch.ones(len(targets), device=vectors.device, dtype=torch.float32)
    kind = torch.promote_types(vectors.dtype, items.dtype)  # they may differ under mixed precision
    return _ChunkedSoftmax.apply(vectors.to(kind), items.to(kind), targets, weights, label_smoothing, bf16)  # type: ignore[no-untyped-call, no-any-return]


class _ChunkedSoftmax(torch.autograd.Function):
    """The gradients are P V − V[y] for the vectors and Pᵀ X less X at y for the items. The target's part is added
    outside the chunk of probabilities P, so P may stay in bfloat16."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, items: Tensor, targets: Tensor, weights: Tensor, label_smoothing: float, bf16: bool
    ) -> Tensor:
        share = (weights / weights.sum().clamp_min(1e-12))[:, None].to(vectors.dtype)
        scaled = vectors * share
        expected = items.index_select(0, targets)  # the item vector under the smoothed target distribution
        if label_smoothing:
            expected = expected.mul_(1.0 - label_smoothing).add_(items.mean(dim=0), alpha=label_smoothing)
        loss = -(scaled * expected).sum()
        needs_gradient = vectors.requires_grad or items.requires_grad
        kind = torch.bfloat16 if bf16 else vectors.dtype
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
            logit, probability = logits[:rows].gather(1, at).float(), shares[:rows].gather(1, at).float()
            if bool((probability < TINY).any()):  # log Σ exp follows as well from the likeliest item, which has digits
                logit, at = logits[:rows].float().max(dim=1, keepdim=True)
                probability = shares[:rows].gather(1, at).float()
            log_sum = logit - probability.log()
            loss += (log_sum * share[part]).sum()
            if needs_gradient:
                grad_vectors[part] = torch.mm(shares[:rows], right)
                grad_items += torch.mm(shares[:rows].T, weighted[part])
        if needs_gradient:
            grad_vectors.sub_(expected).mul_(share)
            grad_items.index_add_(0, targets, scaled, alpha=label_smoothing - 1.0)
            if label_smoothing:
                grad_items.sub_(scaled.sum(dim=0) * (label_smoothing / len(items)))
        ctx.save_for_backward(grad_vectors, grad_items)
        return loss

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        grad_vectors, grad_items = ctx.saved_tensors
        return grad_vectors * grad, grad_items * grad, None, None, None, None
