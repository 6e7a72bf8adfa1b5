"""What each view gives to a fused vector: parts that sum to it, exact for a weighted sum, by Shapley for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    out = torch.zeros_like(vectors)
    for seen, shares in shapley_weights(present.shape[1]):
        fused = fuse(vectors, present & torch.tensor(seen, device=present.device))
        share = torch.tensor(shares, device=vectors.device, dtype=out.dtype)
        out = out + share[None, :, None] * fused.unsqueeze(1)
    return out


def shapley_weights(views: int) -> Iterator[tuple[list[bool], list[float]]]:
    """Every subset of the views but the empty one: which are in it, and its weight in the value of each view.

    φ_m = Σ_S w_m(S) f(S) where f(∅) = 0.

    >>> [(seen, [round(w, 2) for w in weights]) for seen, weights in shapley_weights(2)]
    [([True, False], [0.5, -0.5]), ([False, True], [-0.5, 0.5]), ([True, True], [0.5, 0.5])]
    """
    for subset in range(1, 1 << views):
        seen = [bool(subset >> view & 1) for view in range(views)]
        size = sum(seen)
        joins = factorial(size - 1) * factorial(views - size) / factorial(views)
        stays = factorial(size) * factorial(views - size - 1) / factorial(views) if size < views else 0.0
        yield seen, [joins if inside else -stays for inside in seen]
