"""What each view gives to a fused vector: parts that sum to it, exact for a weighted sum, by Shapley for the others."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import torch
from torch import Tensor, nn

from penchant.fusion.presence import masked
from penchant.fusion.weighted_sum import WeightedSum

Fuse = Callable[[Tensor, Tensor], Tensor]


def parts_of(fuse: nn.Module, vectors: Tensor, present: Tensor) -> Tensor:
    """Parts `[rows, views, dim]` that sum over the views to the fused vector scaled to length 1.

    A dot product with the fused vector is then a sum over views: u · f = Σ_m u · p_m. For `WeightedSum` the parts are
    w_m v_m / |Σ_m w_m v_m|; other fusions are split by `shapley`. An absent view has the part 0.
    """
    if isinstance(fuse, WeightedSum):
        weighted = fuse.shares(present).unsqueeze(-1) * masked(vectors, present)
        length = torch.linalg.vector_norm(weighted.sum(dim=1, keepdim=True), dim=2, keepdim=True)
        parts: Tensor = weighted / length.clamp_min(1e-12)
        return parts
    return shapley(lambda v, p: nn.functional.normalize(fuse(v, p), dim=1), vectors, present)


def shapley(fuse: Fuse, vectors: Tensor, present: Tensor) -> Tensor:
    """Shapley values of the views, `[rows, views, dim]`: the only split that is symmetric and sums to the whole.

    φ_m = Σ_{S ∌ m} |S|! (M − |S| − 1)! / M! · (f(S ∪ m) − f(S)), f(S) the fusion of the views in S, f(∅) = 0

    (Shapley 1953; Lundberg and Lee 2017 for models). Exact: all 2^M subsets of M views are fused, so it costs 2^M
    fusions. A view that is absent changes nothing, so its value is 0.
    """
    count = present.shape[1]
    inside = torch.tensor(
        [[bool(subset >> m & 1) for m in range(count)] for subset in range(1 << count)], device=present.device
    )
    out = torch.zeros_like(vectors)
    for subset in range(1, 1 << count):
        fused = fuse(vectors, present & inside[subset])
        size = int(inside[subset].sum())
        joins = factorial(size - 1) * factorial(count - size) / factorial(count)
        stays = factorial(size) * factorial(count - size - 1) / factorial(count) if size < count else 0.0
        share = torch.where(inside[subset], joins, -stays)
        out = out + share[None, :, None].to(out.dtype) * fused.unsqueeze(1)
    return out
