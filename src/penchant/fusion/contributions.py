"""Contribution of each modality to a fused vector: exact for a weighted sum, Shapley values for other fusions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import factorial

import torch
from torch import Tensor, nn

from penchant.fusion.presence import Present, Vectors, mask_absent
from penchant.fusion.weighted_sum import WeightedSum

Fuse = Callable[[Tensor, Tensor], Tensor]


def split_fused(fuse: nn.Module, vectors: Vectors, present: Present) -> Vectors:
    """Split the fused vector, scaled to length 1, into one part for each modality; the parts sum to it.

    A dot product with the fused vector is then a sum over modalities: u · f = Σ_m u · p_m. For `WeightedSum` the parts
    are w_m v_m / |Σ_m w_m v_m|; other fusions are split by `compute_shapley`. An absent modality has the part 0.
    """
    if isinstance(fuse, WeightedSum):
        weighted = fuse.compute_shares(present).unsqueeze(-1) * mask_absent(vectors, present)
        length = torch.linalg.vector_norm(weighted.sum(dim=1, keepdim=True), dim=2, keepdim=True)
        parts: Tensor = weighted / length.clamp_min(1e-12)
        return parts
    return compute_shapley(lambda v, p: nn.functional.normalize(fuse(v, p), dim=1), vectors, present)


def compute_shapley(fuse: Fuse, vectors: Vectors, present: Present) -> Vectors:
    """Shapley values of the modalities: the only symmetric split that sums to the fused vector.

    φ_m = Σ_{S ∌ m} |S|! (M − |S| − 1)! / M! · (f(S ∪ m) − f(S)), f(S) the fusion of the modalities in S, f(∅) = 0

    (Shapley 1953; Lundberg and Lee 2017 for models). Exact: all 2^M subsets of M modalities are fused, so it costs 2^M
    fusions. The value of an absent modality is 0.
    """
    out = torch.zeros_like(vectors)
    for seen, shares in list_shapley_weights(present.shape[1]):
        fused = fuse(vectors, present & torch.tensor(seen, device=present.device))
        share = torch.tensor(shares, device=vectors.device, dtype=out.dtype)
        out = out + share[None, :, None] * fused.unsqueeze(1)
    return out


def list_shapley_weights(n_modalities: int) -> Iterator[tuple[list[bool], list[float]]]:
    """Non-empty subsets of the modalities: their members, and their weight in the value of each modality.

    φ_m = Σ_S w_m(S) f(S) where f(∅) = 0.

    >>> [(seen, [round(w, 2) for w in weights]) for seen, weights in list_shapley_weights(2)]
    [([True, False], [0.5, -0.5]), ([False, True], [-0.5, 0.5]), ([True, True], [0.5, 0.5])]
    """
    for subset in range(1, 1 << n_modalities):
        seen = [bool(subset >> modality & 1) for modality in range(n_modalities)]
        size = sum(seen)
        joins = factorial(size - 1) * factorial(n_modalities - size) / factorial(n_modalities)
        stays = (
            factorial(size) * factorial(n_modalities - size - 1) / factorial(n_modalities)
            if size < n_modalities
            else 0.0
        )
        yield seen, [joins if inside else -stays for inside in seen]
