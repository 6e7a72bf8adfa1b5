"""Presence masks: absent modalities in a fusion."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Vectors = Float[Tensor, "rows modalities dim"]
Present = Bool[Tensor, "rows modalities"]
Fused = Float[Tensor, "rows dim"]


def masked(vectors: Vectors, present: Present) -> Vectors:
    """Vectors with zeros for absent modalities, whatever their place contains (NaN included)."""
    return torch.where(present.unsqueeze(-1), vectors, torch.zeros((), dtype=vectors.dtype, device=vectors.device))


def with_any(fused: Fused, present: Present) -> Fused:
    """Fused vectors with zeros in the rows without any modality."""
    return fused * present.any(dim=1, keepdim=True).to(fused.dtype)


def drop_modalities(present: Present, share: float, generator: torch.Generator | None = None) -> Present:
    """Modality dropout: drop every modality of a row with probability `share`, but never the last one present.

    Where all present modalities of a row are drawn, the one with the highest draw stays. Choose it so that a network
    does not depend on the modality that is easiest to learn from (Neverova et al., ModDrop, PAMI 2016). Costs
    rows · modalities draws.

    >>> present = torch.tensor([[True, True, False], [False, True, False]])
    >>> drop_modalities(present, 0.999, torch.Generator().manual_seed(0)).sum(dim=1).tolist()
    [1, 1]
    """
    draws = torch.rand(present.shape, generator=generator, device=present.device)
    kept = present & (draws >= share)
    best = torch.where(present, draws, -1.0).argmax(dim=1, keepdim=True)
    last = torch.zeros_like(present).scatter_(1, best, True) & present
    return torch.where(kept.any(dim=1, keepdim=True), kept, last)
