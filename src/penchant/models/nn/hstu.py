"""HSTU: attention without softmax, gated, with a bias by elapsed time and position, and no feed-forward layer."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from penchant.models.nn.dropout import PooledDropout
from penchant.models.nn.time_bias import PairBias


class HstuBlock(nn.Module):
    """u, v, q, k = silu(W norm(x)); a = silu(q kᵀ + bias) / max_length; x + W_o(norm(a v) ⊙ u).

    Pointwise weights keep how strong an interest is, where softmax keeps only how it compares (Zhai et al., ICML
    2024, eq. 1–3). Half the products of a transformer block: one projection in, one out, so choose it deep (4 to 8
    layers).
    """

    def __init__(self, dim: int, heads: int, dropout: float, max_length: int, *, time_bias: bool) -> None:
        super().__init__()
        self.heads, self.max_length = heads, max_length
        self.norm_in, self.norm_seen = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.project = nn.Linear(dim, 4 * dim, bias=False)
        self.combine = nn.Linear(dim, dim)
        self.bias = PairBias(heads, max_length, time=time_bias)
        self.drop = PooledDropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch time dim"], buckets: Int[Tensor, "batch time time"] | None
    ) -> Float[Tensor, "batch time dim"]:
        """The next state of the events; `buckets` are those of the pairs of events."""
        batch, time, dim = x.shape
        mixed = nn.functional.silu(self.project(self.norm_in(x))).view(batch, time, 4, self.heads, dim // self.heads)
        gate, value, query, key = mixed.permute(2, 3, 0, 1, 4).unbind(0)
        weights = nn.functional.silu(query @ key.transpose(-1, -2) + self.bias(buckets, time)) / self.max_length
        seen = self.norm_seen((weights @ value).permute(1, 2, 0, 3).reshape(batch, time, dim))
        gated = seen * gate.permute(1, 2, 0, 3).reshape(batch, time, dim)
        mixed_in: Tensor = x + self.drop(self.combine(gated))
        return mixed_in
