"""Presence masks: what a fusion does with the views that are not there."""

from __future__ import annotations

import torch
from torch import Tensor


def masked(vectors: Tensor, present: Tensor) -> Tensor:
    """`[rows, views, dim]` with absent views as zeros, whatever stood in their place (not a number included)."""
    return torch.where(present.unsqueeze(-1), vectors, torch.zeros((), dtype=vectors.dtype, device=vectors.device))


def with_any(fused: Tensor, present: Tensor) -> Tensor:
    """`[rows, dim]` with zeros in the rows that have no view at all."""
    return fused * present.any(dim=1, keepdim=True).to(fused.dtype)


def drop_views(present: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Modality dropout: every view of a row goes with probability `share`, but never the last one that is there.

    `present` `[rows, views]` bool; returns the same shape. Where all present views of a row are drawn, the one with the
    highest draw stays. Choose it so that a network does not lean on the view that is easiest to learn from and answers
    where it is missing (Neverova et al., ModDrop, PAMI 2016). Costs rows · views draws.

    >>> there = torch.tensor([[True, True, False], [False, True, False]])
    >>> drop_views(there, 0.999, torch.Generator().manual_seed(0)).sum(dim=1).tolist()
    [1, 1]
    """
    draws = torch.rand(present.shape, generator=generator, device=present.device)
    kept = present & (draws >= share)
    best = torch.where(present, draws, -1.0).argmax(dim=1, keepdim=True)
    last = torch.zeros_like(present).scatter_(1, best, True) & present
    return torch.where(kept.any(dim=1, keepdim=True), kept, last)
