"""Feature-level fusion with gates: the share of each modality differs from item to item."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.fusion.presence import Fused, Present, Vectors, mask_absent, zero_empty_rows


class Gated(nn.Module):
    """Σ_m a_m ⊙ (W_m v_m), a = softmax over the present modalities of G [v_1; …; v_M] + b, one gate per dimension.

    The gated multimodal unit (Arevalo et al., ICLR workshop 2017) for any number of modalities: its two sigmoid gates
    that sum to 1 are a softmax here, so that the weights of absent modalities go to the others. Gates start equal and
    W_m at the unit matrix, which is the plain mean. Costs rows · (modalities² + modalities) · dim². Choose it where a
    modality is good for some items and poor for others, such as a blank cover or a plot of three words.
    """

    def __init__(self, n_modalities: int, dim: int) -> None:
        super().__init__()
        self.n_modalities, self.dim = n_modalities, dim
        self.project = nn.Parameter(torch.eye(dim).repeat(n_modalities, 1, 1))
        self.gate = nn.Linear(n_modalities * dim, n_modalities * dim)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, vectors: Vectors, present: Present) -> Fused:
        """The fused vectors of the rows."""
        seen = mask_absent(vectors, present)
        logits = self.gate(seen.flatten(1)).view(-1, self.n_modalities, self.dim)
        lowest = torch.finfo(logits.dtype).min
        shares = torch.softmax(logits.masked_fill(~present.unsqueeze(-1), lowest), dim=1)
        fused: Tensor = (shares * torch.einsum("rvd,vde->rve", seen, self.project)).sum(dim=1)
        return zero_empty_rows(fused, present)
