"""The transformer over event tokens: pre-norm gated causal attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.models.dropout import PooledDropout


class AttentionBlock(nn.Module):
    """x + W_o(softmax(q kᵀ/√d) v ⊙ silu(g)), then x + FFN(x), each after a layer norm.

    The gate g = W_g x lets a token close a head that has nothing to say to it (Hua et al., ICML 2022; HSTU, Zhai et
    al., ICML 2024). Causal: histories are right-padded, so a real event never looks at padding.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_out = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.project = nn.Linear(dim, 4 * dim, bias=False)
        self.combine = nn.Linear(dim, dim, bias=False)
        self.feed = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.drop = PooledDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, time, dim]` to the same."""
        batch, time, dim = x.shape
        mixed = self.project(self.norm_in(x)).view(batch, time, 4, self.heads, dim // self.heads)
        query, key, value, gate = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        gated = (seen * nn.functional.silu(gate)).transpose(1, 2).reshape(batch, time, dim)
        x = x + self.drop(self.combine(gated))
        fed: Tensor = x + self.drop(self.feed(self.norm_out(x)))
        return fed


class AttentionEncoder(nn.Module):
    """A stack of blocks over learned positions (Kang & McAuley, SASRec, ICDM 2018, is its plain form)."""

    def __init__(self, dim: int, layers: int, heads: int, dropout: float, max_length: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(max_length, dim) * 0.02)
        self.blocks = nn.ModuleList(AttentionBlock(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Event tokens `[batch, time, dim]` to interest vectors `[batch, time, dim]`."""
        x = tokens + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x)
        return normed
