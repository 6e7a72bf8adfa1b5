"""FuXi-α: attention with one channel each for content, time and position."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor, nn

from penchant.models.nn.dropout import PooledDropout
from penchant.models.nn.time_bias import PairBias


class RMSNorm(nn.RMSNorm):
    """`torch.nn.RMSNorm` that reads float32 under mixed precision too, as `torch.nn.LayerNorm` does there by itself."""

    def forward(self, x: Float[Tensor, "*rows dim"]) -> Float32[Tensor, "*rows dim"]:
        """The normalised vectors, in float32."""
        return super().forward(x.float())


class FuxiBlock(nn.Module):
    """u, v, q, k = silu(W norm(x)); h = [silu(q kᵀ)/n · v, α(t_i − t_j) · v, β(i − j) · v]; y = x + W_o(norm(h) ⊙ u);
    y + W₃(silu(W₁ norm(y)) ⊙ W₂ norm(y)).

    α and β are learned tables by elapsed time and by distance, one per head, that weigh the values directly (Ye
    et al., WWW 2025, adaptive multi-channel self-attention and multi-stage feed-forward); here the three channels
    read the same values, and α and β are divided by n = √max_length so that a full history sums to order one. Choose
    it where time and order matter more than similarity of content.
    """

    def __init__(self, dim: int, heads: int, dropout: float, max_length: int, *, time_bias: bool) -> None:
        super().__init__()
        self.heads, self.max_length, self.channels = heads, max_length, 3 if time_bias else 2
        self.norm_in, self.norm_out = RMSNorm(dim), RMSNorm(dim)
        self.norm_seen = RMSNorm(self.channels * dim)
        self.project = nn.Linear(dim, (3 + self.channels) * dim, bias=False)
        self.combine = nn.Linear(self.channels * dim, dim)
        self.weights = PairBias(heads, max_length, time=time_bias, future=0.0)
        for table in (self.weights.time, self.weights.position):
            if table is not None:
                nn.init.normal_(table, std=0.1)
        self.first, self.second = nn.Linear(dim, 2 * dim, bias=False), nn.Linear(dim, 2 * dim, bias=False)
        self.third = nn.Linear(2 * dim, dim, bias=False)
        self.drop = PooledDropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch time dim"], buckets: Int[Tensor, "batch time time"] | None
    ) -> Float[Tensor, "batch time dim"]:
        """The next state of the events; `buckets` are those of the pairs of events."""
        batch, time, dim = x.shape
        mixed = nn.functional.silu(self.project(self.norm_in(x)))
        gate, mixed = torch.split(mixed, [self.channels * dim, 3 * dim], dim=-1)
        query, key, value = mixed.view(batch, time, 3, self.heads, -1).permute(2, 3, 0, 1, 4).unbind(0)
        past = torch.ones(time, time, dtype=x.dtype, device=x.device).tril_()
        scale = self.max_length**-0.5
        seen = [(nn.functional.silu(query @ key.transpose(-1, -2)) * (past / self.max_length)) @ value]
        seen.append((self.weights.at_positions(time) * scale).unsqueeze(1) @ value)
        if buckets is not None:
            seen.append((self.weights.at_times(buckets) @ value) * scale)
        joined = torch.stack(seen).permute(2, 3, 0, 1, 4).reshape(batch, time, self.channels * dim)
        x = x + self.drop(self.combine(self.norm_seen(joined) * gate))
        normed = self.norm_out(x)
        fed: Tensor = x + self.drop(self.third(nn.functional.silu(self.first(normed)) * self.second(normed)))
        return fed
