"""Feature-level fusion: the normalised weighted sum α·text + β·image + γ·behaviour."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from penchant.fusion.presence import Fused, Present, Vectors, mask_absent


def compute_shares(
    present: Present, weights: Float[Tensor, " modalities"], *, renormalise: bool = True
) -> Float[Tensor, "rows modalities"]:
    """Weight of each modality in each row: 0 where absent; rows sum to 1 with `renormalise`."""
    share = weights * present.to(weights.dtype)
    if renormalise:
        share = share / share.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return share


def weighted_sum(
    vectors: Vectors,
    present: Present,
    weights: Float[Tensor, " modalities"],
    *,
    renormalise: bool = True,
) -> Fused:
    """Σ_m w_m · v_m over the modalities that are present.

    `weights` are not negative. With `renormalise` the weights of the present modalities sum to 1 in every row. A row
    without any modality is zero.

    Costs rows · modalities · dim. Choose it where modalities share one space: contributions per modality are exact.

    >>> v = torch.tensor([[[.1, .2, .3, .4], [.5, .6, .7, .8], [.2, .3, .4, .5]]])
    >>> w = torch.tensor([.4, .3, .3])
    >>> weighted_sum(v, torch.ones(1, 3, dtype=torch.bool), w)
    tensor([[0.2500, 0.3500, 0.4500, 0.5500]])
    """
    share = compute_shares(present, weights, renormalise=renormalise)
    return (share.unsqueeze(-1) * mask_absent(vectors, present)).sum(dim=1)


class WeightedSum(nn.Module):
    """`weighted_sum` with learned weights (softmax of one logit per modality), or with `fixed` ones.

    `initial` `[modalities]`: where the weights start; they need not sum to 1. A weight of 0 can only be fixed.
    """

    def __init__(self, n_modalities: int, initial: Sequence[float] | None = None, *, fixed: bool = False) -> None:
        super().__init__()
        start = torch.ones(n_modalities) if initial is None else torch.tensor(list(initial), dtype=torch.float32)
        logits = torch.log((start / start.sum()).clamp_min(1e-30))
        self.logits = nn.Parameter(logits, requires_grad=not fixed)

    @property
    def weights(self) -> Float[Tensor, " modalities"]:
        """Weights that sum to 1."""
        return torch.softmax(self.logits, dim=0)

    def compute_shares(self, present: Present) -> Float[Tensor, "rows modalities"]:
        """Weights of the modalities in each row; they sum to 1 over those present."""
        return compute_shares(present, self.weights)

    def forward(self, vectors: Vectors, present: Present) -> Fused:
        """The fused vectors of the rows."""
        return weighted_sum(vectors, present, self.weights)
