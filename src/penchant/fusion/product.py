"""Feature-level fusion by products: modalities that agree strengthen each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.fusion.presence import Fused, Present, Vectors, mask_absent, zero_empty_rows

RANK = 8


class Product(nn.Module):
    """W_o (Π_{m present} (1 + W_m v_m) − 1): the element-wise product; an absent modality is the factor 1.

    Multiplied out it is Σ W_m v_m and every product of two or more modalities, so it is linear in a single modality and
    zero without any (Hadamard product of projections: Kim et al., MLB, ICLR 2017; the 1 keeps the signal of a single
    one). Costs rows · (modalities + 1) · dim². Choose it where modalities confirm each other: a poster and a plot of
    the same kind of film count for more together than apart.
    """

    def __init__(self, n_modalities: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Parameter(torch.empty(n_modalities, dim, dim).uniform_(-1, 1) * dim**-0.5)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, vectors: Vectors, present: Present) -> Fused:
        """The fused vectors of the rows."""
        factors = 1.0 + torch.einsum("rvd,vde->rve", mask_absent(vectors, present), self.project)
        fused: Tensor = self.out(factors.prod(dim=1) - 1.0)
        return zero_empty_rows(fused, present)


class Bilinear(nn.Module):
    """Low-rank multilinear pooling: Σ_r (Π_{m present} (1 + W_m^r v_m) − 1), the factor of an absent modality is 1.

    The full outer product of the modalities [1; v_1] ⊗ … ⊗ [1; v_M] with a weight tensor of dim^M · dim numbers, whose
    CP decomposition of rank `rank` is learned in its place (Liu et al., LMF, ACL 2018; MUTAN, Ben-younes et al., ICCV
    2017, is its Tucker form). Costs rows · modalities · rank · dim². Choose it where which modality matters depends on
    the others and there is data enough for `rank` times the weights of `product`.
    """

    def __init__(self, n_modalities: int, dim: int, rank: int = RANK) -> None:
        super().__init__()
        self.project = nn.Parameter(torch.empty(n_modalities, rank, dim, dim).uniform_(-1, 1) * dim**-0.5 / rank**0.5)

    def forward(self, vectors: Vectors, present: Present) -> Fused:
        """The fused vectors of the rows."""
        factors = 1.0 + torch.einsum("rvd,vkde->rvke", mask_absent(vectors, present), self.project)
        fused: Tensor = (factors.prod(dim=1) - 1.0).sum(dim=1)
        return zero_empty_rows(fused, present)
