"""Feature-level fusion by cross-attention: every view reads the others, then they are averaged."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.fusion.presence import masked, with_any

HEADS = 2


class Attention(nn.Module):
    """mean over present views of v_m + W_o softmax(q_m k^T / √d) v, q, k, v of the views with a learned mark each.

    Each view is a token; it attends over the views that are present, itself included (Vaswani et al. 2017; between
    modalities: Tsai et al., MulT, ACL 2019). The mark of a view says which one speaks. W_o starts at zero, which is the
    plain mean. Costs rows · (views² · dim + 4 · views · dim²). Choose it where what one view means depends on another
    and catalogues are large; `gated` is cheaper and seldom worse with two or three views.
    """

    def __init__(self, views: int, dim: int, heads: int = HEADS) -> None:
        super().__init__()
        self.heads = heads if dim % heads == 0 else 1
        self.marks = nn.Parameter(torch.randn(views, dim) * 0.02)
        self.project = nn.Linear(dim, 3 * dim, bias=False)
        self.combine = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.combine.weight)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """`[rows, views, dim]` and `[rows, views]` to `[rows, dim]`."""
        seen = masked(vectors, present)
        rows, views, dim = seen.shape
        mixed = self.project(seen + self.marks).view(rows, views, 3, self.heads, dim // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        readable = (present | ~present.any(dim=1, keepdim=True))[:, None, None, :]
        read = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=readable)
        tokens = masked(seen + self.combine(read.transpose(1, 2).reshape(rows, views, dim)), present)
        fused = tokens.sum(dim=1) / present.sum(dim=1, keepdim=True).clamp_min(1).to(tokens.dtype)
        return with_any(fused, present)
