"""The stack that most encoders are: blocks over the events, with positions and the time between events where they
are wanted. What differs from one encoder to another is the block."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from penchant.models.nn.time_bias import bucket_pairs
from penchant.models.nn.tokens import Padded


class BlockStack(nn.Module):
    """x_0 = tokens + positions, x_n = block_n(x_{n−1}), interests = layer norm(x_N).

    `block()` makes one block, called as `block(x, buckets)` with x `[batch, time, dim]` and the buckets of the time
    between every two events `[batch, time, time]`, None without `time_bias`. It must be causal. `positions`: the
    number of window positions with a learned vector; 0 for a block that knows the order by itself.
    """

    def __init__(
        self, block: Callable[[], nn.Module], layers: int, dim: int, *, positions: int = 0, time_bias: bool = False
    ) -> None:
        super().__init__()
        self.time_bias = time_bias
        self.positions = nn.Parameter(torch.randn(positions, dim) * 0.02) if positions else None
        self.blocks = nn.ModuleList(block() for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, tokens: Float[Tensor, "batch time dim"], window: Padded, *, request: bool
    ) -> Float[Tensor, "batch time dim"]:
        """Event tokens to interest vectors."""
        buckets = bucket_pairs(window, request=request) if self.time_bias else None
        x = tokens if self.positions is None else tokens + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, buckets)
        normed: Tensor = self.norm(x)
        return normed
