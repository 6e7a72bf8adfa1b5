"""SASRec's encoder: causal self-attention over learned positions, without gates and without time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.models.dropout import PooledDropout
from penchant.models.tokens import Padded
from penchant.models.transformer import attend


class SasrecBlock(nn.Module):
    """x + W_o softmax(q kᵀ/√d) v, then x + W₂ relu(W₁ x), each after a layer norm (Kang & McAuley, ICDM 2018).

    The feed-forward layer is as wide as the model, as published.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_out = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.project = nn.Linear(dim, 3 * dim)
        self.combine = nn.Linear(dim, dim)
        self.feed = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.drop = PooledDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, time, dim]` to the same."""
        batch, time, dim = x.shape
        mixed = self.project(self.norm_in(x)).view(batch, time, 3, self.heads, dim // self.heads)
        query, key, value = mixed.permute(2, 3, 0, 1, 4).unbind(0)
        seen = attend(query, key, value, None).permute(1, 2, 0, 3).reshape(batch, time, dim)
        x = x + self.drop(self.combine(seen))
        fed: Tensor = x + self.drop(self.feed(self.norm_out(x)))
        return fed


class SasrecEncoder(nn.Module):
    """A stack of plain blocks. The cheapest attention, and the baseline that every other encoder has to beat."""

    def __init__(self, dim: int, layers: int, heads: int, dropout: float, max_length: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(max_length, dim) * 0.02)
        self.blocks = nn.ModuleList(SasrecBlock(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, window: Padded, *, request: bool) -> Tensor:
        """Event tokens `[batch, time, dim]` to interest vectors `[batch, time, dim]`."""
        x = tokens + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x)
        return normed
