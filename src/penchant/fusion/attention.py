"""Feature-level fusion by cross-attention: each modality attends over the others, then their mean is taken."""

from __future__ import annotations

import torch
from torch import nn

from penchant.fusion.presence import Fused, Present, Vectors, mask_absent, zero_empty_rows

HEADS = 2


class Attention(nn.Module):
    """mean over present modalities of v_m + W_o softmax(q_m k^T / √d) v; q, k, v of v_m plus a learned embedding e_m.

    Each modality is a token; it attends over the modalities that are present, itself included (Vaswani et al. 2017;
    between modalities: Tsai et al., MulT, ACL 2019). W_o starts at zero, which is the plain mean. Costs rows ·
    (modalities² · dim + 4 · modalities · dim²). Choose it for large catalogues where the meaning of one modality
    depends on another; `gated` is cheaper and seldom worse with two or three modalities.
    """

    def __init__(self, n_modalities: int, dim: int, heads: int = HEADS) -> None:
        super().__init__()
        self.heads = heads if dim % heads == 0 else 1
        self.marks = nn.Parameter(torch.randn(n_modalities, dim) * 0.02)
        self.project = nn.Linear(dim, 3 * dim, bias=False)
        self.combine = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.combine.weight)

    def forward(self, vectors: Vectors, present: Present) -> Fused:
        """The fused vectors of the rows."""
        seen = mask_absent(vectors, present)
        rows, modalities, dim = seen.shape
        mixed = self.project(seen + self.marks).view(rows, modalities, 3, self.heads, dim // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        readable = (present | ~present.any(dim=1, keepdim=True))[:, None, None, :]
        read = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=readable)
        tokens = mask_absent(seen + self.combine(read.transpose(1, 2).reshape(rows, modalities, dim)), present)
        fused = tokens.sum(dim=1) / present.sum(dim=1, keepdim=True).clamp_min(1).to(tokens.dtype)
        return zero_empty_rows(fused, present)
