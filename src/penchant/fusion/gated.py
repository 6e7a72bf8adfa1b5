"""Feature-level fusion with gates: how much of each view enters is decided item by item."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.fusion.presence import masked, with_any


class Gated(nn.Module):
    """Σ_m a_m ⊙ (W_m v_m), a = softmax over the present views of G [v_1; …; v_M] + b, one gate a dimension.

    The gated multimodal unit (Arevalo et al., ICLR workshop 2017) for any number of views: its two sigmoid gates that
    sum to 1 are a softmax here, so that the weights of absent views go to the others. Gates start equal and W_m at the
    identity, which is the plain mean. Costs rows · (views² + views) · dim². Choose it where a view is good for some
    items and poor for others: a blank cover, a plot of three words.
    """

    def __init__(self, views: int, dim: int) -> None:
        super().__init__()
        self.views, self.dim = views, dim
        self.project = nn.Parameter(torch.eye(dim).repeat(views, 1, 1))
        self.gate = nn.Linear(views * dim, views * dim)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """`[rows, views, dim]` and `[rows, views]` to `[rows, dim]`."""
        seen = masked(vectors, present)
        logits = self.gate(seen.flatten(1)).view(-1, self.views, self.dim)
        lowest = torch.finfo(logits.dtype).min
        shares = torch.softmax(logits.masked_fill(~present.unsqueeze(-1), lowest), dim=1)
        fused: Tensor = (shares * torch.einsum("rvd,vde->rve", seen, self.project)).sum(dim=1)
        return with_any(fused, present)
