"""Feature-level fusion: modalities side by side, then one dense layer."""

from __future__ import annotations

from torch import nn

from penchant.fusion.presence import Fused, Present, Vectors, mask_absent, zero_empty_rows


class Concat(nn.Module):
    """W · [v_1; …; v_M] + b, absent modalities as zeros; a row without any modality is zero.

    Costs rows · modalities · dim². Choose it where modalities carry different information and data suffice to learn
    their mixture (early fusion: Ngiam et al., ICML 2011). Contributions of modalities are not exact when layers follow.
    """

    def __init__(self, n_modalities: int, dim: int) -> None:
        super().__init__()
        self.mix = nn.Linear(n_modalities * dim, dim)

    def forward(self, vectors: Vectors, present: Present) -> Fused:
        """The fused vectors of the rows."""
        return zero_empty_rows(self.mix(mask_absent(vectors, present).flatten(1)), present)
