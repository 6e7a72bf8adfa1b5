"""SASRec's encoder: causal self-attention over learned positions, without gates and without time."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from penchant.models.nn.dropout import PooledDropout
from penchant.models.nn.transformer import attend


class SasrecBlock(nn.Module):
    """x + W_o softmax(q kᵀ/√d) v, then x + W₂ relu(W₁ x), each after a layer norm (Kang & McAuley, ICDM 2018).

    The feed-forward layer is as wide as the model, as published. The cheapest attention, and the baseline that every
    other encoder has to beat.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_out = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.project = nn.Linear(dim, 3 * dim)
        self.combine = nn.Linear(dim, dim)
        self.feed = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.drop = PooledDropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch time dim"], buckets: Int[Tensor, "batch time time"] | None
    ) -> Float[Tensor, "batch time dim"]:
        """The next state of the events; `buckets` is not read."""
        batch, time, dim = x.shape
        mixed = self.project(self.norm_in(x)).view(batch, time, 3, self.heads, dim // self.heads)
        query, key, value = mixed.permute(2, 3, 0, 1, 4).unbind(0)
        seen = attend(query, key, value, None).permute(1, 2, 0, 3).reshape(batch, time, dim)
        x = x + self.drop(self.combine(seen))
        fed: Tensor = x + self.drop(self.feed(self.norm_out(x)))
        return fed
