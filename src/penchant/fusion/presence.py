"""Presence masks: absent modalities in a fusion."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Vectors = Float[Tensor, "rows modalities dim"]
Present = Bool[Tensor, "rows modalities"]
Fused = Float[Tensor, "rows dim"]


def mask_absent(vectors: Vectors, present: Present) -> Vectors:
    """Vectors with zeros for absent modalities; NaN there vanishes too, which a product with the mask would keep."""
    return torch.where(present.unsqueeze(-1), vectors, torch.zeros((), dtype=vectors.dtype, device=vectors.device))


def zero_empty_rows(fused: Fused, present: Present) -> Fused:
    """Fused vectors with zeros in the rows without any modality."""
    return fused * present.any(dim=1, keepdim=True).to(fused.dtype)
