"""The attention bias: learned values by the time and by the number of events between two events."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from penchant.models.nn.tokens import UNKNOWN, Padded

OCTAVE = 4
"""Buckets of elapsed time in every doubling of it (each is 14 to 25 % wider than the one before)."""
BUCKETS = 31 * OCTAVE + 1
FUTURE = 2 * BUCKETS
"""Index of the pairs in which the key comes after the query: the last row of a table."""
MASKED = -1e4
"""Stands for minus infinity: its exponential and its SiLU are 0, and no product with it is NaN."""


def bucket_times(seconds: Int[Tensor, " *shape"]) -> Int[Tensor, " *shape"]:
    """Log buckets of elapsed seconds, int32.

    The exponent and the first two bits of the mantissa of 1 + seconds: four steps an octave, linear inside it, for
    the cost of a shift.

    >>> bucket_times(torch.tensor([0, 1, 2, 3, 7, 8])).tolist()
    [0, 4, 6, 8, 12, 12]
    """
    bits = (seconds.clamp(0, 2**31 - 2).to(torch.float32) + 1.0).view(torch.int32)
    return (bits >> 21) - 127 * OCTAVE


def bucket_pairs(window: Padded, *, request: bool) -> Int[Tensor, "batch time time"]:
    """int32 `[batch, query, key]`: the bucket of the time from key to query; keys of the future are `FUTURE`.

    With `request` the time of a query is that of the next event or the request, in the second half of the table.
    Where that is unknown, and without `request`, it is the time of the event, in the first half.
    """
    origin = window.times[:, :1]
    keys = (window.times - origin).clamp(0, 2**31 - 2).to(torch.int32)
    queries, half = keys, torch.zeros_like(keys)
    if request:
        known = window.next_times != UNKNOWN
        next_times = (window.next_times - origin).clamp(0, 2**31 - 2).to(torch.int32)
        queries, half = torch.where(known, next_times, keys), known.to(torch.int32) * BUCKETS
    buckets = bucket_times(queries[:, :, None] - keys[:, None, :]).add_(half[:, :, None])
    size = buckets.shape[1]
    future = torch.ones(size, size, dtype=torch.bool, device=buckets.device).triu_(1)
    return buckets.masked_fill_(future, FUTURE)


class PairBias(nn.Module):
    """bias[h, b, i, j] = time[h, bucket(t_i − t_j)] + position[h, i − j], with `future` where j comes after i.

    After the relative attention bias of HSTU (Zhai et al., ICML 2024); the tables start at zero. `time=False` leaves
    the position alone. Costs one look-up per pair and head, and a histogram in the backward pass.
    """

    def __init__(self, heads: int, max_length: int, *, time: bool, future: float = MASKED) -> None:
        super().__init__()
        self.future = future
        self.time = nn.Parameter(torch.zeros(heads, FUTURE)) if time else None
        self.position = nn.Parameter(torch.zeros(heads, max_length))

    def at_times(self, buckets: Int[Tensor, "batch time time"]) -> Float[Tensor, "heads batch time time"]:
        """The temporal part."""
        assert self.time is not None
        return _Lookup.apply(self.time, buckets, self.future)  # type: ignore[no-untyped-call, no-any-return]

    def at_positions(self, size: int) -> Float[Tensor, "heads {size} {size}"]:
        """The positional part."""
        steps = torch.arange(size, device=self.position.device)
        apart = steps[:, None] - steps[None, :]
        picked = self.position[:, apart.clamp_min(0)]
        return picked.masked_fill(apart < 0, self.future)

    def forward(
        self, buckets: Int[Tensor, "batch {size} {size}"] | None, size: int
    ) -> Float[Tensor, "heads _ {size} {size}"]:
        """Both together; without times the second dimension is 1."""
        position = self.at_positions(size).unsqueeze(1)
        if buckets is None or self.time is None:
            return position
        return self.at_times(buckets).add_(position)


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, buckets: Tensor, future: float) -> Tensor:
        flat = buckets.reshape(-1)
        full = torch.cat([table, table.new_full((len(table), 1), future)], dim=1)
        out = table.new_empty(len(table), *buckets.shape)
        for head in range(len(table)):
            torch.index_select(full[head], 0, flat, out=out[head].view(-1))
        ctx.save_for_backward(flat)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (flat,) = ctx.saved_tensors
        sums = [torch.bincount(flat, weights=part.reshape(-1), minlength=FUTURE + 1)[:FUTURE] for part in grad]
        return torch.stack(sums).to(grad.dtype), None, None
